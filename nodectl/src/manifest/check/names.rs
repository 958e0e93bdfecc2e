//! The names of the objects, each of which may occur once.

use std::collections::BTreeMap;

use super::error::CheckError;

/// The file of each object, by kind, namespace and name.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<(&'static str, String, String), String>);

impl Names {
    /// Adds the name of an object in the file `origin`, unless another object has it.
    pub(super) fn add(
        &mut self,
        origin: &str,
        kind: &'static str,
        namespace: &str,
        name: &str,
    ) -> Result<(), CheckError> {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let key = (kind, namespace.clone(), name.clone());
        match self.0.insert(key, origin.to_owned()) {
            None => Ok(()),
            Some(first) => Err(CheckError::Duplicate {
                origin: origin.to_owned(),
                first,
                kind,
                namespace,
                name,
            }),
        }
    }
}
