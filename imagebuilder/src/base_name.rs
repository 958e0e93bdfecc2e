//! The name of a base in settings and on the command line.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

use crate::place::{Local, Place, Store};

/// The name of a base: `scratch`, a layout or tar, or an image of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct BaseName {
    /// The text as given, which is its key in `imagebuilder.lock`.
    text: String,
    /// `None` for `scratch`.
    place: Option<Place>,
}

impl BaseName {
    /// Where it is; `None` for `scratch`.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The same name, with its path relative to `folder`.
    pub(crate) fn below(mut self, folder: &Path) -> Self {
        if let Some(Place::Local(local)) = &mut self.place
            && let Store::Layout(path) | Store::Archive(path) = &mut local.store
        {
            *path = folder.join(&*path);
        }
        self
    }
}

impl FromStr for BaseName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = match text {
            "scratch" => None,
            text => Some(text.parse()?),
        };
        if let Some(Place::Local(Local {
            store: Store::Engine,
            ..
        })) = place
        {
            return Err(
                "an engine does not keep a registry's compressed layers: name an image of a \
                registry, oci:DIR[:NAME] or tar:FILE[:NAME]"
                    .to_owned(),
            );
        }
        Ok(Self {
            text: text.to_owned(),
            place,
        })
    }
}

impl TryFrom<String> for BaseName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map_err(|problem| format!("`{text}` is not a base: {problem}"))
    }
}

impl fmt::Display for BaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_named_like_other_places() {
        let parse = |text: &str| text.parse::<BaseName>();
        assert_eq!(parse("scratch").unwrap().place(), None);
        for same in ["oci:base:debian", "tar:x.tar", "r.example/team/base:v1"] {
            assert_eq!(parse(same).unwrap().to_string(), same);
        }
        for no in ["debian", "docker:debian", "", "oci:"] {
            assert!(parse(no).is_err(), "{no}");
        }
        let below = parse("oci:base:x").unwrap().below(Path::new("/a"));
        assert_eq!(below.place().unwrap().to_string(), "oci:/a/base:x");
        assert_eq!(below.to_string(), "oci:base:x");
    }
}
