//! The places of images, in the syntax of the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use oci::Reference;

/// The syntax of a place on this machine, for errors.
const EXPECTED: &str = "expected oci:DIR[:NAME], tar:FILE[:NAME] or docker:NAME";

/// Images on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) store: Store,
    /// The name of the image in it, if given.
    pub(crate) image: Option<Reference>,
}

/// A kind of store for images on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// An OCI layout, a directory: `oci:DIR`.
    Layout(PathBuf),
    /// A tar: `tar:FILE`.
    Archive(PathBuf),
    /// The container engine: `docker`.
    Engine,
}

/// A destination of `build`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// On this machine.
    Local(Local),
    /// In the registry of `--repo`.
    Registry,
}

/// A place that images are copied from or to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this machine.
    Local(Local),
    /// An image of a registry.
    Registry(Reference),
}

impl Local {
    /// Parses `oci:DIR[:NAME]` and the like; `None` if the text has none of these schemes.
    fn parse(text: &str) -> Result<Option<Self>, String> {
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        let named = |path: fn(PathBuf) -> Store| {
            // As in skopeo, the path ends at the first colon.
            let (path_text, name) = rest.split_once(':').unwrap_or((rest, ""));
            if path_text.is_empty() {
                return Err(EXPECTED.to_owned());
            }
            let store = path(path_text.into());
            let image = image(name)?;
            Ok(Some(Self { store, image }))
        };
        match scheme {
            "oci" => named(Store::Layout),
            "tar" => named(Store::Archive),
            "docker" => Ok(Some(Self {
                store: Store::Engine,
                image: image(rest)?,
            })),
            _ => Ok(None),
        }
    }
}

fn image(name: &str) -> Result<Option<Reference>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    let parsed = name.parse().map(Some);
    parsed.map_err(|error: oci::ReferenceError| error.to_string())
}

/// Parses a source. Of an engine, which may have hundreds of images, one must be named.
impl FromStr for Local {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Self::parse(text)? {
            Some(Self {
                store: Store::Engine,
                image: None,
            })
            | None => Err(EXPECTED.to_owned()),
            Some(local) => Ok(local),
        }
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "registry" {
            return Ok(Self::Registry);
        }
        let local = Local::parse(text)?;
        let image = local.as_ref().and_then(|local| local.image.as_ref());
        if image.is_some_and(|image| image.digest().is_some()) {
            return Err("an image that is yet to be built has no digest".to_owned());
        }
        local.map(Self::Local).ok_or_else(|| {
            "expected oci:DIR[:NAME], tar:FILE[:NAME], docker[:NAME] or registry".to_owned()
        })
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // `docker:5000/app` is an image of a registry with the host `docker`, as in other programs.
        if text.starts_with("oci:") || text.starts_with("tar:") || is_engine(text) {
            return text.parse().map(Self::Local);
        }
        let reference: Reference = text
            .parse()
            .map_err(|error: oci::ReferenceError| error.to_string())?;
        match reference.registry() {
            Some(_) => Ok(Self::Registry(reference)),
            None => Err(format!(
                "it names no registry: {}; a place on this machine is oci:DIR, tar:FILE or docker:NAME",
                add_registry(&reference)
            )),
        }
    }
}

impl Place {
    /// Parses a destination: as a source, or only `docker`, where an image keeps its name.
    pub(crate) fn destination(text: &str) -> Result<Self, String> {
        match text {
            "docker" => Ok(Self::Local(Local {
                store: Store::Engine,
                image: None,
            })),
            other => other.parse(),
        }
    }
}

/// What to write instead of a reference without a registry. `127.0.0.1:5000` is a name with a tag.
pub(crate) fn add_registry(reference: &Reference) -> String {
    let name = reference.repository();
    let port = reference.tag().unwrap_or_default();
    let is_host = (name == "localhost" || name.contains('.'))
        && !name.contains('/')
        && port.bytes().all(|byte| byte.is_ascii_digit());
    if is_host {
        format!("if it is a registry, add a name, such as {reference}/app")
    } else {
        format!("write it in front, such as docker.io/{reference}")
    }
}

/// Whether a text is `docker:NAME` and not an image of the registry `docker:PORT`.
fn is_engine(text: &str) -> bool {
    text.strip_prefix("docker:").is_some_and(|rest| {
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        path.is_empty() || !host.bytes().all(|byte| byte.is_ascii_digit())
    })
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.store {
            Store::Layout(path) => write!(f, "oci:{}", path.display())?,
            Store::Archive(path) => write!(f, "tar:{}", path.display())?,
            Store::Engine => f.write_str("docker")?,
        }
        match &self.image {
            Some(image) => write!(f, ":{image}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => write!(f, "{reference}"),
            Self::Local(local) => write!(f, "{local}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_parsed_and_shown_the_same() {
        for same in [
            "oci:a/b",
            "oci:a:team/x:v1",
            "tar:x.tar",
            "tar:x.tar:x",
            "docker:x:v1",
        ] {
            assert_eq!(same.parse::<Local>().unwrap().to_string(), same);
            assert_eq!(same.parse::<Place>().unwrap().to_string(), same);
            let output = same.parse::<Output>().unwrap();
            assert_eq!(output, Output::Local(same.parse().unwrap()));
        }
        for no in [
            "", "oci", "oci:", "oci::x", "tar:", "docker", "docker:", "x", "oci:d:UP",
        ] {
            assert!(no.parse::<Local>().is_err(), "{no}");
        }
        assert_eq!("registry".parse(), Ok(Output::Registry));
        let engine = Local {
            store: Store::Engine,
            image: None,
        };
        assert_eq!("docker".parse(), Ok(Output::Local(engine)));
        assert_eq!(
            Place::destination("docker"),
            Ok(Place::Local(Local {
                store: Store::Engine,
                image: None,
            }))
        );
        assert_eq!(Place::destination("oci:x"), "oci:x".parse());
        for no in ["", "repo", "tar", "oci:"] {
            assert!(no.parse::<Output>().is_err(), "{no}");
        }
    }

    #[test]
    fn a_registry_may_be_named_docker() {
        let is_registry = |text: &str| matches!(text.parse(), Ok(Place::Registry(_)));
        assert!(is_registry("docker:5000/app"));
        assert!(!is_registry("docker:app"));
        assert!(!is_registry("docker:team/app"));
        assert!(!is_registry("docker:5000"));
    }
}
