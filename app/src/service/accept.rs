//! Content negotiation: the page or plain text (RFC 9110 §12.5.1).

/// Whether the `Accept` headers name `text/html`, as those of browsers do, with a weight no lower than
/// that of `text/plain`.
pub(super) fn prefers_html<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let (mut html, mut text) = (0.0_f32, 0.0_f32);
    let ranges = values
        .into_iter()
        .flat_map(|value| value.split(|byte| *byte == b','));
    for range in ranges {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let media = parts.next().unwrap_or_default();
        let best = if media.eq_ignore_ascii_case(b"text/html") {
            &mut html
        } else if media.eq_ignore_ascii_case(b"text/plain") {
            &mut text
        } else {
            continue;
        };
        *best = best.max(weight(parts));
    }
    html > 0.0 && html >= text
}

/// The weight among a media range's parameters: 1 if there is none, 0 if it is malformed.
fn weight<'a>(mut parameters: impl Iterator<Item = &'a [u8]>) -> f32 {
    let weight = parameters.find_map(|parameter| match parameter {
        [b'q' | b'Q', b'=', weight @ ..] => Some(weight),
        _ => None,
    });
    match weight {
        None => 1.0,
        Some(weight) => std::str::from_utf8(weight)
            .ok()
            .and_then(|weight| weight.parse::<f32>().ok())
            .filter(|weight| (0.0..=1.0).contains(weight))
            .unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: bool) {
        let bytes = values.iter().map(|value| value.as_bytes());
        assert_eq!(prefers_html(bytes), expected, "{values:?}");
    }

    #[test]
    fn browsers_prefer_html_and_others_do_not() {
        check(
            &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
            true,
        );
        check(&["*/*"], false);
        check(&[], false);
        check(&["application/json", "Text/HTML ; level=1; Q=0.5"], true);
        check(&["text/html-sandboxed"], false);
    }

    #[test]
    fn weights_are_honoured() {
        check(&["text/html;q=0"], false);
        check(&["text/html; q=0.000, */*"], false);
        check(&["text/html;q=0.5, text/plain"], false);
        check(&["text/html;q=0.5", "text/plain;q=0.4"], true);
        check(&["text/html;q=high"], false);
        check(&["text/html;q=NaN"], false);
    }
}
