//! Strict validation against the schemas that Kubernetes and eksctl publish.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};

/// The kinds of one version of Kubernetes, or of eksctl.
#[derive(Debug)]
pub struct Schema {
    name: String,
    kinds: Kinds,
}

#[derive(Debug)]
enum Kinds {
    /// One schema for everything, as eksctl publishes it.
    One(Validator),
    /// By API version and kind, as Kubernetes publishes them.
    Many(BTreeMap<String, Validator>),
}

/// A value that its schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Kind and name of the object.
    pub object: String,
    /// Where in it, as a JSON pointer.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at `{}`: {}", self.object, self.place, self.message)
    }
}

impl Schema {
    /// Reads a file of `k8s/schemas`.
    ///
    /// # Panics
    /// When it cannot be read: it is part of this repository.
    pub fn load(path: &Path) -> Self {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        let document: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let compile = |schema: &Value| {
            jsonschema::draft7::new(schema)
                .unwrap_or_else(|error| panic!("{name} is not a JSON schema: {error}"))
        };
        let kinds = match document["kinds"].as_object() {
            None => Kinds::One(compile(&document)),
            Some(kinds) => Kinds::Many(
                kinds
                    .iter()
                    .map(|(kind, schema)| {
                        let definitions = &document["definitions"];
                        let schema = json!({"$ref": schema["$ref"], "definitions": definitions});
                        (kind.clone(), compile(&schema))
                    })
                    .collect(),
            ),
        };
        Self { name, kinds }
    }

    /// Reads a `CustomResourceDefinition`. Its CEL rules are not evaluated.
    ///
    /// # Panics
    /// When it cannot be read: it is part of this repository.
    pub fn of_crd(path: &Path) -> Self {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        let crd: Value = serde_saphyr::from_str(&text).expect("the definition is YAML");
        let spec = &crd["spec"];
        let kinds = spec["versions"].as_array().into_iter().flatten();
        let kinds = kinds.map(|version| {
            let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (group, name) = (part(&spec["group"]), part(&version["name"]));
            let kind = format!("{group}/{name} {}", part(&spec["names"]["kind"]));
            let mut schema = version["schema"]["openAPIV3Schema"].clone();
            close(&mut schema);
            // Defined by the API server, not by the CRD.
            schema["properties"]["metadata"] = json!({"type": "object"});
            (
                kind,
                jsonschema::draft7::new(&schema).expect("the definition has a schema"),
            )
        });
        Self {
            name: "the definition".to_owned(),
            kinds: Kinds::Many(kinds.collect()),
        }
    }

    /// Whether the schema defines the object's kind.
    pub fn knows(&self, object: &Value) -> bool {
        match &self.kinds {
            Kinds::One(_) => true,
            Kinds::Many(kinds) => kinds.contains_key(&kind_of(object)),
        }
    }

    /// Everything that is wrong with an object.
    pub fn check(&self, object: &Value) -> Vec<Violation> {
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let kind = kind_of(object);
        let violation = |place: String, message: String| Violation {
            object: format!("{kind} {}", text(&object["metadata"]["name"])),
            place,
            message,
        };
        let validator = match &self.kinds {
            Kinds::One(validator) => validator,
            Kinds::Many(kinds) => {
                let Some(validator) = kinds.get(&kind) else {
                    let message = format!(
                        "{} has no such kind, or k8s/schemas/update does not list it",
                        self.name
                    );
                    return vec![violation("/kind".to_owned(), message)];
                };
                validator
            }
        };
        validator
            .iter_errors(object)
            .map(|error| violation(error.instance_path().to_string(), error.to_string()))
            .collect()
    }
}

/// The key of an object's kind in a schema.
fn kind_of(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{} {}", text(&object["apiVersion"]), text(&object["kind"]))
}

/// Refuses properties that a schema does not name, which an API server would drop.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            // Flags inside a pattern are Go's; JSON Schema's regular expressions have none.
            fields.retain(|key, value| {
                let pattern = value.as_str().filter(|_| key == "pattern");
                !pattern.is_some_and(|pattern| pattern.contains("(?i)"))
            });
            if fields.contains_key("properties") && fields.get("type") == Some(&json!("object")) {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
