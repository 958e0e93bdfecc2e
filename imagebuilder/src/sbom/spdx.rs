//! SPDX 2.3 as JSON: <https://spdx.github.io/spdx-spec/v2.3/>.

use oci::Digest;
use serde_json::{Value, json};

use super::bom::{Bom, Component, TOOL};

pub(super) fn document(bom: &Bom) -> Value {
    let subject = &bom.subject;
    let mut packages = vec![json!({
        "SPDXID": BINARY,
        "name": subject.bin,
        "versionInfo": bom.components[0].version,
        "downloadLocation": NOASSERTION,
        "filesAnalyzed": false,
        "licenseConcluded": NOASSERTION,
        "licenseDeclared": license(&bom.components[0]),
        "copyrightText": NOASSERTION,
        "primaryPackagePurpose": "APPLICATION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": subject.sha256}],
        "comment": format!("compiled for {}", subject.triple),
    })];
    packages.extend(bom.components.iter().zip(0..).map(package));
    let mut relationships = vec![
        relationship("SPDXRef-DOCUMENT", "DESCRIBES", BINARY),
        relationship(BINARY, "GENERATED_FROM", &id(0)),
    ];
    for (component, index) in bom.components.iter().zip(0..) {
        let uses = component.uses.iter();
        relationships.extend(uses.map(|used| relationship(&id(index), "DEPENDS_ON", &id(*used))));
    }
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": subject.bin,
        "creationInfo": {
            "created": subject.created,
            "creators": [format!("Tool: {}-{}", TOOL.0, TOOL.1)],
        },
        "packages": packages,
        "relationships": relationships,
    });
    // Derived from the content, so it is unique and reproducible.
    let content = Digest::of(document.to_string().as_bytes());
    let namespace = format!(
        "https://spdx.org/spdxdocs/{}-{}",
        subject.bin,
        content.hex()
    );
    document["documentNamespace"] = namespace.into();
    document
}

const BINARY: &str = "SPDXRef-Binary";
const NOASSERTION: &str = "NOASSERTION";

fn id(index: usize) -> String {
    format!("SPDXRef-Package-{index}")
}

fn license(component: &Component) -> &str {
    component.license.as_deref().unwrap_or(NOASSERTION)
}

fn package((component, index): (&Component, usize)) -> Value {
    let mut package = json!({
        "SPDXID": id(index),
        "name": component.name,
        "versionInfo": component.version,
        "downloadLocation": component.download().unwrap_or_else(|| NOASSERTION.to_owned()),
        "filesAnalyzed": false,
        "licenseConcluded": NOASSERTION,
        "licenseDeclared": license(component),
        "copyrightText": NOASSERTION,
        "primaryPackagePurpose": "LIBRARY",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": component.purl(),
        }],
    });
    if let Some(checksum) = &component.checksum {
        package["checksums"] = json!([{"algorithm": "SHA256", "checksumValue": checksum}]);
    }
    if let Some(description) = &component.description {
        package["summary"] = description.as_str().into();
    }
    if let Some(repository) = &component.repository {
        package["homepage"] = repository.as_str().into();
    }
    package
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({
        "spdxElementId": from,
        "relationshipType": kind,
        "relatedSpdxElement": to,
    })
}
