//! CycloneDX 1.6 as JSON: <https://cyclonedx.org/docs/1.6/json/>.

use oci::Digest;
use serde_json::{Value, json};

use super::bom::{Bom, Component, TOOL};

pub(super) fn document(bom: &Bom) -> Value {
    let subject = &bom.subject;
    let refs: Vec<String> = bom.components.iter().map(Component::purl).collect();
    let mut application = component(&bom.components[0], &refs[0], "application");
    application["name"] = subject.bin.as_str().into();
    application["hashes"] = json!([{"alg": "SHA-256", "content": subject.sha256}]);
    application["properties"] = json!([{"name": "cargo:target", "value": subject.triple}]);
    let libraries = bom.components.iter().zip(&refs).skip(1);
    let dependencies = bom.components.iter().zip(&refs).map(|(component, of)| {
        let uses: Vec<&String> = component.uses.iter().map(|used| &refs[*used]).collect();
        json!({"ref": of, "dependsOn": uses})
    });
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": subject.created,
            "tools": {"components": [{"type": "application", "name": TOOL.0, "version": TOOL.1}]},
            "component": application,
        },
        "components": libraries
            .map(|(library, of)| component(library, of, "library"))
            .collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    });
    // Derived from the content: a UUID of version 8, whose bits may be chosen freely (RFC 9562, section
    // 5.8).
    let hex = Digest::of(document.to_string().as_bytes()).hex();
    let serial = format!(
        "urn:uuid:{}-{}-8{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    );
    document["serialNumber"] = serial.into();
    document
}

fn component(component: &Component, of: &str, kind: &str) -> Value {
    let mut value = json!({
        "type": kind,
        "bom-ref": of,
        "name": component.name,
        "version": component.version,
        "purl": of,
    });
    if let Some(license) = &component.license {
        value["licenses"] = json!([{"expression": license}]);
    }
    if let Some(description) = &component.description {
        value["description"] = description.as_str().into();
    }
    if let Some(checksum) = &component.checksum {
        value["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    if let Some(repository) = &component.repository {
        value["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
    }
    value
}
