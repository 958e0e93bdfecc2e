//! From YAML to typed objects; what is not understood is told of by path.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Deployment, Document, Service};

/// The name and labels of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Its name; pods get theirs from their Deployment.
    #[serde(default)]
    pub name: String,
    /// Its namespace.
    #[serde(default)]
    pub namespace: Option<String>,
    /// What selectors look at.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What tools look at.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// Something in a manifest that is not honoured here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(pub String);

/// Why manifests could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The text is not YAML.
    #[error("{origin} is not YAML: {message}")]
    Yaml {
        /// The file.
        origin: String,
        /// The parser's words, with line and column.
        message: String,
    },
    /// A document is YAML, but no object.
    #[error("{origin}, document {number}: {problem}")]
    NoObject {
        /// The file.
        origin: String,
        /// Which document of it, from 1.
        number: usize,
        /// What it lacks.
        problem: &'static str,
    },
    /// An object does not have the shape that its kind has.
    #[error("{origin}: {kind} `{name}`: {message}")]
    Shape {
        /// The file.
        origin: String,
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// What is wrong, with the path of the field.
        message: String,
    },
    /// An object is of an API version that this does not know.
    #[error("{origin}: {kind} `{name}` is of {api_version}, only {wanted} is supported")]
    ApiVersion {
        /// The file.
        origin: String,
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Its API version.
        api_version: String,
        /// The one that is known.
        wanted: &'static str,
    },
}

/// The objects of some manifests.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Deployments, each with its template as it was written, which identifies it.
    pub deployments: Vec<(Deployment, Value)>,
    /// Services.
    pub services: Vec<Service>,
    /// What is not honoured.
    pub warnings: Vec<Warning>,
}

/// Parses documents into objects.
///
/// # Errors
/// As [`ReadError`]; the first one found.
pub fn parse(documents: &[Document]) -> Result<Objects, ReadError> {
    let mut objects = Objects::default();
    for document in documents {
        let origin = &document.origin;
        let values: Vec<Value> =
            serde_saphyr::from_multiple(&document.text).map_err(|error| ReadError::Yaml {
                origin: origin.clone(),
                message: one_line(&error.to_string()),
            })?;
        for (at, value) in values.into_iter().enumerate() {
            if !value.is_null() {
                add(&mut objects, origin, at + 1, value)?;
            }
        }
    }
    Ok(objects)
}

fn add(objects: &mut Objects, origin: &str, number: usize, value: Value) -> Result<(), ReadError> {
    let no_object = |problem| ReadError::NoObject {
        origin: origin.to_owned(),
        number,
        problem,
    };
    if !value.is_object() {
        return Err(no_object("it is no object with `apiVersion` and `kind`"));
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let kind = text("kind").ok_or_else(|| no_object("it has no `kind`"))?;
    let api_version = text("apiVersion").ok_or_else(|| no_object("it has no `apiVersion`"))?;
    let name = value
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let version = |kind, wanted| {
        if api_version == wanted {
            return Ok(());
        }
        let (origin, name, api_version) = (origin.to_owned(), name.clone(), api_version.clone());
        Err(ReadError::ApiVersion {
            origin,
            kind,
            name,
            api_version,
            wanted,
        })
    };
    match kind.as_str() {
        "List" => {
            let items = value.get("items").and_then(Value::as_array).cloned();
            for item in items.unwrap_or_default() {
                add(objects, origin, number, item)?;
            }
        }
        "Deployment" => {
            version("Deployment", "apps/v1")?;
            let template = value.pointer("/spec/template").cloned().unwrap_or_default();
            let deployment = typed(&mut objects.warnings, origin, &kind, &name, value)?;
            objects.deployments.push((deployment, template));
        }
        "Service" => {
            version("Service", "v1")?;
            let service = typed(&mut objects.warnings, origin, &kind, &name, value)?;
            objects.services.push(service);
        }
        // What only arranges files is no loss.
        "Kustomization" | "Namespace" => {}
        "NetworkPolicy" => objects.warnings.push(Warning(format!(
            "{kind} `{name}` is not enforced here: pods reach each other and the host"
        ))),
        _ => objects.warnings.push(Warning(format!(
            "{kind} `{name}` is ignored: it has no effect on one machine"
        ))),
    }
    Ok(())
}

/// Fields that cannot matter on one machine without an API server; the rest is warned about.
const HARMLESS: [&str; 4] = [
    "metadata.creationTimestamp",
    "metadata.uid",
    "metadata.resourceVersion",
    "status",
];

fn typed<T: DeserializeOwned>(
    warnings: &mut Vec<Warning>,
    origin: &str,
    kind: &str,
    name: &str,
    value: Value,
) -> Result<T, ReadError> {
    let mut ignored = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(value, &mut track);
    let parsed = serde_ignored::deserialize(deserializer, |path| ignored.push(path.to_string()));
    let parsed = parsed.map_err(|error: serde_json::Error| ReadError::Shape {
        origin: origin.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        message: format!("{}: {error}", track.path()),
    })?;
    // serde_ignored writes `?` for the step into an Option.
    let mut ignored: Vec<_> = ignored
        .into_iter()
        .map(|path| path.replace("?.", ""))
        .collect();
    ignored.retain(|path| !HARMLESS.contains(&path.as_str()));
    if !ignored.is_empty() {
        let list = ignored.join(", ");
        warnings.push(Warning(format!("{kind} `{name}`: ignored here: {list}")));
    }
    Ok(parsed)
}

/// The parser shows the place as an excerpt of several lines; the first says it all.
fn one_line(message: &str) -> String {
    message
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Objects, ReadError> {
        parse(&[Document {
            origin: "a.yaml".to_owned(),
            text: text.to_owned(),
        }])
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(read(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        check(
            "hello",
            "a.yaml, document 1: it is no object with `apiVersion` and `kind`",
        );
        check(
            "{apiVersion: v1, kind: Namespace}\n---\nkind: Service",
            "a.yaml, document 2: it has no `apiVersion`",
        );
        check(
            "{apiVersion: apps/v1beta1, kind: Deployment, metadata: {name: web}}",
            "a.yaml: Deployment `web` is of apps/v1beta1, only apps/v1 is supported",
        );
        let wrong = "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: 80}}";
        let message = read(wrong).unwrap_err().to_string();
        assert!(
            message.starts_with("a.yaml: Service `web`: spec.ports: "),
            "{message}"
        );
    }

    #[test]
    fn a_field_that_is_not_honoured_is_told_of_by_its_path() {
        let objects = read(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {}\n  \
             template:\n    spec:\n      priority: 3\n      containers: []\n      volumes:\n      - \
             {name: tmp, emptyDir: {sizeLimit: 1Mi}}\n",
        )
        .unwrap();
        let [Warning(warning)] = objects.warnings.as_slice() else {
            panic!("{:?}", objects.warnings);
        };
        for path in [
            "spec.template.spec.priority",
            "volumes.0.emptyDir.sizeLimit",
        ] {
            assert!(warning.contains(path), "{path} is not in: {warning}");
        }
    }
}
