//! The environment variables of settings, with the problems of all of them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::table::{self, Setting};
use super::{Problem, Settings, SettingsError};

/// The longest value that is parsed: no setting needs a longer one.
const MAX_VALUE_BYTES: usize = 8 * 1024;

/// The variables, and the problems found so far.
pub(super) struct Reader {
    variables: BTreeMap<String, String>,
    problems: RefCell<Vec<Problem>>,
}

impl Reader {
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = variables.into_iter().filter(|(name, value)| {
            !value.is_empty()
                && (name.starts_with("APP_") || table::ALL.iter().any(|known| known.name == name))
        });
        let reader = Self {
            variables: ours.collect(),
            problems: RefCell::default(),
        };
        for (name, value) in &reader.variables {
            reader.check_known(name, value);
        }
        reader
    }

    /// Reports an unknown name: a misspelt one would leave the default in force.
    fn check_known(&self, name: &str, value: &str) {
        if table::ALL.iter().any(|known| known.name == name) || is_service_link(name, value) {
            return;
        }
        let nearest = table::ALL
            .iter()
            .min_by_key(|known| distance(known.name, name));
        let hint = nearest
            .filter(|known| distance(known.name, name) <= 3)
            .map(|known| format!("did you mean {}? ", known.name))
            .unwrap_or_default();
        let message = format!("unknown setting; {hint}`rust-k8s-app --help` lists all");
        self.problems.borrow_mut().push(Problem {
            name: name.to_owned(),
            message,
        });
    }

    pub(super) fn problem(&self, setting: &Setting, message: String) {
        self.problems.borrow_mut().push(Problem {
            name: setting.name.to_owned(),
            message,
        });
    }

    /// The setting's value or default; `None` if it has a problem, which is recorded.
    pub(super) fn get<T>(
        &self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self
            .variables
            .get(setting.name)
            .map_or(setting.default, String::as_str);
        if text.len() > MAX_VALUE_BYTES {
            self.problem(setting, format!("is longer than {MAX_VALUE_BYTES} bytes"));
            return None;
        }
        parse(text)
            .map_err(|message| self.problem(setting, message))
            .ok()
    }

    /// Like [`Reader::get`], for an optional setting.
    #[expect(
        clippy::option_option,
        reason = "the outer is None for a problem, the inner for an absent setting"
    )]
    pub(super) fn optional<T>(
        &self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        if self.variables.contains_key(setting.name) {
            self.get(setting, parse).map(Some)
        } else {
            Some(None)
        }
    }

    /// A digest of the settings that all replicas have in common.
    pub(super) fn digest(&self) -> String {
        let own = [table::POD_NAME, table::NODE_NAME, table::ZONE];
        let mut hash = Sha256::new();
        for setting in table::ALL.iter().filter(|setting| !own.contains(setting)) {
            let value = self
                .variables
                .get(setting.name)
                .map_or(setting.default, String::as_str);
            hash.update(format!("{}={value:?}\n", setting.name));
        }
        hash.finalize()
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    pub(super) fn finish(self, settings: Option<Settings>) -> Result<Settings, SettingsError> {
        let mut problems = self.problems.into_inner();
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => {
                let order = |problem: &Problem| {
                    table::ALL
                        .iter()
                        .position(|known| known.name == problem.name)
                };
                problems.sort_by_key(|problem| order(problem).unwrap_or(usize::MAX));
                Err(SettingsError { problems })
            }
        }
    }
}

/// Whether Kubernetes set the variable: it sets several in every pod for each Service of the
/// namespace (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>),
/// and those of a Service called `app` or `app-…` have the prefix of the settings.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_url = value.contains("://");
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && is_url)
        || is_port_link(name)
}

/// Whether the name ends as `_PORT_80_TCP`, `_PORT_80_TCP_PROTO`, `_PORT_80_TCP_PORT` or
/// `_PORT_80_TCP_ADDR` do.
fn is_port_link(name: &str) -> bool {
    let Some((_, port)) = name.rsplit_once("_PORT_") else {
        return false;
    };
    let mut parts = port.split('_');
    let number = parts.next().is_some_and(|text| text.parse::<u16>().is_ok());
    let protocol = parts.next().unwrap_or_default();
    let detail = parts.next();
    number
        && ["TCP", "UDP", "SCTP"].contains(&protocol)
        && detail.is_none_or(|detail| ["PROTO", "PORT", "ADDR"].contains(&detail))
        && parts.next().is_none()
}

/// Levenshtein distance, for a hint about a misspelt name.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<_> = right.bytes().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
