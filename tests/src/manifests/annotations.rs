//! The load balancer annotations of `k8s/annotations.txt`. Controllers silently ignore unknown keys, so
//! misspelled ones have to be found here.

use std::collections::BTreeMap;

use serde_json::Value;

/// The prefixes of keys that a load balancer controller reads.
const PREFIXES: [&str; 2] = [
    "service.beta.kubernetes.io/aws-load-balancer-",
    "alb.ingress.kubernetes.io/",
];

#[derive(Clone, Debug)]
enum Rule {
    Text,
    Words(Vec<String>),
    Range(u64, u64),
    List(BTreeMap<String, Rule>),
}

/// The allowed annotations and their values.
#[derive(Clone, Debug)]
pub struct Annotations(BTreeMap<String, Rule>);

/// An annotation that the list does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadAnnotation {
    /// The key is not in the list.
    Key(String),
    /// The key is there, and its value is not allowed.
    Value(String, String),
}

impl Annotations {
    /// Reads the list.
    ///
    /// # Panics
    /// On an invalid line: the file is part of this repository.
    pub fn parse(text: &str) -> Self {
        let mut rules = BTreeMap::new();
        let mut list: Option<String> = None;
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (key, values) = line
                .trim()
                .split_once(' ')
                .unwrap_or_else(|| panic!("no values in `{line}`"));
            let rule = Rule::parse(values);
            if line.starts_with(' ') {
                let owner = list.as_ref().and_then(|key| rules.get_mut(key));
                let Some(Rule::List(attributes)) = owner else {
                    panic!("`{line}` belongs to no list")
                };
                attributes.insert(key.to_owned(), rule);
            } else {
                list = Some(key.to_owned());
                rules.insert(key.to_owned(), rule);
            }
        }
        Self(rules)
    }

    /// The annotations of an object that a load balancer controller would read and the list does
    /// not allow.
    pub fn check(&self, object: &Value) -> Vec<BadAnnotation> {
        let annotations = object["metadata"]["annotations"].as_object();
        annotations
            .into_iter()
            .flatten()
            .filter(|(key, _)| PREFIXES.iter().any(|prefix| key.starts_with(prefix)))
            .filter_map(|(key, value)| {
                let value = value.as_str().unwrap_or_default();
                match self.0.get(key) {
                    None => Some(BadAnnotation::Key(key.clone())),
                    Some(rule) if rule.allows(value) => None,
                    Some(_) => Some(BadAnnotation::Value(key.clone(), value.to_owned())),
                }
            })
            .collect()
    }
}

impl Rule {
    fn parse(values: &str) -> Self {
        if values == "text" {
            Self::Text
        } else if values == "list" {
            Self::List(BTreeMap::new())
        } else if let Some((low, high)) = values.split_once("..") {
            let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("`{values}`"));
            Self::Range(number(low), number(high))
        } else {
            Self::Words(values.split('|').map(str::to_owned).collect())
        }
    }

    fn allows(&self, value: &str) -> bool {
        match self {
            Self::Text => !value.is_empty(),
            Self::Words(words) => words.iter().any(|word| word == value),
            Self::Range(low, high) => value
                .parse()
                .is_ok_and(|number| (*low..=*high).contains(&number)),
            Self::List(attributes) => value.split(',').all(|attribute| {
                attribute.split_once('=').is_some_and(|(name, value)| {
                    attributes.get(name).is_some_and(|rule| rule.allows(value))
                })
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIST: &str = "\
# comment
alb.ingress.kubernetes.io/scheme internal|internet-facing
alb.ingress.kubernetes.io/interval 5..300
alb.ingress.kubernetes.io/attributes list
    idle.seconds 1..60
    on true|false
";

    #[track_caller]
    fn check(key: &str, value: &str, good: bool) {
        let key = format!("alb.ingress.kubernetes.io/{key}");
        let object = json!({"metadata": {"annotations": {key: value, "other": "thing"}}});
        let bad = Annotations::parse(LIST).check(&object);
        assert_eq!(bad.is_empty(), good, "{bad:?}");
    }

    #[test]
    fn only_listed_keys_and_values_are_allowed() {
        check("scheme", "internal", true);
        check("scheme", "internet", false);
        check("schema", "internal", false);
        check("interval", "5", true);
        check("interval", "4", false);
        check("interval", "5s", false);
        check("attributes", "idle.seconds=60,on=true", true);
        check("attributes", "idle.seconds=61,on=true", false);
        check("attributes", "idle.second=60", false);
        check("attributes", "on", false);
        check("attributes", "on=true, idle.seconds=60", false);
    }
}
