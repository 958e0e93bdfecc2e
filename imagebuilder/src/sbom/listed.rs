//! Reads the packages of a bill of materials, whatever program wrote it.

use serde_json::Value;

/// A package of a bill of materials; missing fields are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: String,
}

impl Listed {
    /// The packages of an SPDX or CycloneDX document, in its order, without the program that it describes. Other
    /// documents have none.
    pub(crate) fn of(document: &Value) -> Vec<Self> {
        let list = |key: &str| document[key].as_array().into_iter().flatten();
        let text = |value: &Value| {
            let text = value.as_str().filter(|text| *text != "NOASSERTION");
            text.unwrap_or_default().to_owned()
        };
        let is_program = |package: &&Value| package["primaryPackagePurpose"] == "APPLICATION";
        let spdx = list("packages").filter(|package| !is_program(package));
        let spdx = spdx.map(|package| Self {
            name: text(&package["name"]),
            version: text(&package["versionInfo"]),
            license: text(&package["licenseDeclared"]),
        });
        let cyclonedx = list("components").map(|component| {
            let license = &component["licenses"][0];
            let names = [
                &license["expression"],
                &license["license"]["id"],
                &license["license"]["name"],
            ];
            let license = names.into_iter().find(|name| name.is_string());
            Self {
                name: text(&component["name"]),
                version: text(&component["version"]),
                license: license.map(text).unwrap_or_default(),
            }
        });
        spdx.chain(cyclonedx).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::bom::tests::example;
    use super::super::{cyclonedx, spdx};
    use super::*;

    #[test]
    fn the_packages_of_both_formats_are_read_back() {
        let lines = |document: &Value| {
            let listed = Listed::of(document).into_iter();
            let line =
                |listed: Listed| format!("{} {} {}", listed.name, listed.version, listed.license);
            listed.map(line).collect::<Vec<_>>()
        };
        let license = "1.0.0+b.2 MIT OR Apache-2.0";
        let libraries = ["base64", "fork"].map(|name| format!("{name} {license}"));
        assert_eq!(lines(&cyclonedx::document(&example())), libraries);
        let spdx = lines(&spdx::document(&example()));
        assert_eq!(spdx[1..], libraries);
        assert_eq!(spdx[0], format!("app {license}"));
    }

    #[test]
    fn other_documents_have_no_packages() {
        for text in ["null", "{\"packages\": 1}", "{\"components\": [1]}"] {
            let document = serde_json::from_str(text).unwrap();
            let listed = Listed::of(&document);
            assert!(listed.iter().all(|listed| listed.name.is_empty()), "{text}");
        }
    }
}
