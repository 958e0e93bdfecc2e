//! Redacts credentials in user input that an error message repeats.

/// Replaces the `USER:PASSWORD` of URLs and of what resembles them, as `USER:PASSWORD@HOST/PATH`; the
/// digest in `NAME:TAG@sha256:…` stays.
pub(crate) fn redact(text: &str) -> String {
    let mut redacted = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at);
        let is_end = |c: char| c.is_whitespace() || "/'\"`=(<".contains(c);
        let start = before.rfind(is_end).map_or(0, |end| end + 1);
        let in_path = before[..start].ends_with('/') && !before[..start].ends_with("://");
        let is_digest = after[1..].starts_with("sha256:");
        if before[start..].contains(':') && !in_path && !is_digest {
            redacted.push_str(&before[..start]);
            redacted.push_str("***");
        } else {
            redacted.push_str(before);
        }
        redacted.push('@');
        rest = &after[1..];
    }
    redacted.push_str(rest);
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_redacted_and_references_are_not() {
        let check = |text: &str, expected: &str| assert_eq!(redact(text), expected);
        check(
            "'http://u:p@r.example:5000/x:v1' is",
            "'http://***@r.example:5000/x:v1' is",
        );
        check(
            "`u:p@r.example/x`, 'u:p:q@r/x@y'",
            "`***@r.example/x`, '***@r/x@y'",
        );
        check("--repo=u:p@r.example", "--repo=***@r.example");
        for same in [
            "r.example:5000/team/app:v1@sha256:00",
            "app:v1@sha256:00",
            "git@host:path",
            "r.example/x:v1@sha512:00",
            "no credentials",
            "",
        ] {
            check(same, same);
        }
    }
}
