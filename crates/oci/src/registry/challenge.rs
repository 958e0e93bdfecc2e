//! `WWW-Authenticate`: the challenge of a registry, by
//! [RFC 9110, section 11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1).

/// How a registry expects credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Name and password with every request.
    Basic,
    /// A token, to be fetched from `realm`.
    Bearer {
        /// The URL of the token server.
        realm: String,
        /// The name of this registry at the token server.
        service: Option<String>,
        /// What the token must allow; absent in some responses to a ping.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The same for every operation on the registry.
    pub(super) fn without_scope(&self) -> Self {
        let mut challenge = self.clone();
        if let Self::Bearer { scope, .. } = &mut challenge {
            *scope = None;
        }
        challenge
    }
}

/// The strongest supported challenge in a response's headers: Bearer before Basic.
pub fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    let all: Vec<_> = headers.into_iter().flat_map(schemes).collect();
    let bearer = all.iter().find_map(|(scheme, params)| {
        let param = |name: &str| {
            params
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, v)| v.clone())
        };
        (scheme.eq_ignore_ascii_case("bearer")).then_some(())?;
        Some(Challenge::Bearer {
            realm: param("realm")?,
            service: param("service"),
            scope: param("scope"),
        })
    });
    bearer.or_else(|| {
        all.iter()
            .any(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .then_some(Challenge::Basic)
    })
}

type Params = Vec<(String, String)>;

/// The schemes of one header, each with its parameters. Parsing stops at a syntax error.
fn schemes(header: &str) -> Vec<(String, Params)> {
    let mut found: Vec<(String, Params)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() {
            return found;
        }
        let spaced = after.trim_start_matches([' ', '\t']);
        if let Some(value) = spaced.strip_prefix('=')
            && let Some((_, params)) = found.last_mut()
        {
            let Some((value, after)) = param_value(value.trim_start_matches([' ', '\t'])) else {
                return found;
            };
            params.push((word.to_owned(), value));
            rest = after;
        } else {
            found.push((word.to_owned(), Vec::new()));
            rest = after;
        }
    }
}

/// A token of RFC 9110, section 5.6.2, and what follows it.
fn token(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)));
    text.split_at(end.unwrap_or(text.len()))
}

/// A token or a quoted string, unquoted, and what follows it.
fn param_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // Some registries leave a URL unquoted.
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let (service, scope) = (service.map(str::to_owned), scope.map(str::to_owned));
        Challenge::Bearer {
            realm: realm.to_owned(),
            service,
            scope,
        }
    }

    #[test]
    fn real_headers_are_understood() {
        let check = |headers: &[&str], expected: Option<Challenge>| {
            assert_eq!(parse(headers.iter().copied()), expected, "{headers:?}");
        };
        check(
            &[
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
            ],
            Some(bearer(
                "https://auth.docker.io/token",
                Some("registry.docker.io"),
                Some("repository:a/b:pull,push"),
            )),
        );
        check(
            &[
                r#"Basic realm="https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com""#,
            ],
            Some(Challenge::Basic),
        );
        check(&["basic"], Some(Challenge::Basic));
        check(
            &["Basic realm=x, bearer Realm=https://h/t , service = \"a\\\"b, c\""],
            Some(bearer("https://h/t", Some("a\"b, c"), None)),
        );
        check(
            &["Basic realm=\"x\"", "Bearer realm=\"y\""],
            Some(bearer("y", None, None)),
        );
        check(&["Bearer service=\"x\""], None);
        check(&["Negotiate", ""], None);
        check(&["Bearer realm=\"unclosed"], None);
        check(&[], None);
    }

    proptest! {
        #[test]
        fn no_header_panics(header in "[ -~é\"\\\\,=]{0,60}") {
            let _ = parse([header.as_str()]);
            let _ = parse([format!("Bearer {header}").as_str()]);
        }

        #[test]
        fn any_quoted_value_comes_back(value in "[ -~]{0,30}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("Bearer realm=\"{quoted}\",scope=\"s\"");
            prop_assert_eq!(parse([header.as_str()]), Some(bearer(&value, None, Some("s"))));
        }
    }
}
