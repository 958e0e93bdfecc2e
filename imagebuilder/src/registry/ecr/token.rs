//! A token of ECR: a name and a password that expire.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_ecr::primitives::DateTime;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::registry::{Credentials, Secret};

use super::error::EcrError;

/// A token with less than this left is renewed: a push may take as long.
const LEAST_VALID: Duration = Duration::from_mins(15);

/// A name and password of ECR.
#[derive(Clone, Debug)]
pub(super) struct Token {
    credentials: Credentials,
    /// Its expiry, in seconds since 1970, if the response had one.
    expires: Option<i64>,
}

/// The last token, in memory.
#[derive(Debug, Default)]
pub(super) struct TokenCache(Mutex<Option<Token>>);

impl Token {
    /// Reads a token as the API of a region returns it: `NAME:PASSWORD` in base64.
    pub(super) fn decode(
        region: &str,
        text: Option<&str>,
        expires: Option<&DateTime>,
    ) -> Result<Self, EcrError> {
        let decoded = text
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
        let (username, password) = pair.ok_or_else(|| EcrError::NoToken {
            region: region.to_owned(),
        })?;
        Ok(Self {
            credentials: Credentials::Basic {
                username: username.to_owned(),
                password: Secret::new(password),
            },
            expires: expires.map(DateTime::secs),
        })
    }

    fn is_valid(&self, now: Duration) -> bool {
        let least = i64::try_from((now + LEAST_VALID).as_secs()).unwrap_or(i64::MAX);
        self.expires.is_some_and(|expires| expires > least)
    }
}

impl TokenCache {
    /// The last token until shortly before it expires, else a new one from `fetch`. `now` is the time since
    /// 1970.
    pub(super) fn credentials(
        &self,
        now: Duration,
        fetch: impl FnOnce() -> Result<Token, EcrError>,
    ) -> Result<Credentials, EcrError> {
        let mut token = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = token.as_ref().filter(|token| token.is_valid(now)) {
            return Ok(token.credentials.clone());
        }
        let fetched = fetch()?;
        let credentials = fetched.credentials.clone();
        *token = Some(fetched);
        Ok(credentials)
    }

    /// Discards the token, which the registry refused.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_until_shortly_before_it_expires() {
        let token = |expires| Token {
            credentials: Credentials::Anonymous,
            expires,
        };
        let now = Duration::from_secs(1_000_000);
        assert!(token(Some(1_000_901)).is_valid(now));
        assert!(!token(Some(1_000_900)).is_valid(now));
        assert!(!token(Some(1)).is_valid(now));
        assert!(!token(None).is_valid(now));
    }

    #[test]
    fn a_token_is_a_name_and_a_password_in_base64() {
        let text = STANDARD.encode("AWS:hunter2");
        let token = Token::decode("eu-west-1", Some(&text), None).unwrap();
        let expected = Credentials::Basic {
            username: "AWS".to_owned(),
            password: Secret::new("hunter2"),
        };
        assert_eq!(token.credentials, expected);
        for invalid in [None, Some("AWS:hunter2"), Some(""), Some("QVdT")] {
            let error = Token::decode("eu-west-1", invalid, None).unwrap_err();
            assert!(matches!(error, EcrError::NoToken { .. }), "{invalid:?}");
        }
    }
}
