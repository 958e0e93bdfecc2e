//! The differences, as JSON and as text.

use std::fmt;
use std::fmt::Write as _;

use cli::printable;
use oci::Digest;
use serde::Serialize;
use serde_json::Value;

/// A difference between two images, A and B.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// The platform; `None` for what concerns all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum What {
    /// Only one image has a platform.
    Platform { only_in: Side },
    /// A field of a document. A missing value is null.
    Field {
        document: &'static str,
        field: String,
        a: Value,
        b: Value,
    },
    /// A layer, by its index from 0.
    Layer {
        layer: usize,
        a: Option<Digest>,
        b: Option<Digest>,
        why: LayerChange,
    },
    /// A file of a layer.
    File {
        layer: usize,
        path: String,
        #[serde(flatten)]
        change: FileChange,
    },
}

/// Which image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    A,
    B,
}

/// How a layer differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LayerChange {
    /// One image has no layer with that index.
    Missing,
    /// It has other files.
    Files,
    /// It has the same files, but its tar has another order or other headers.
    Tar,
    /// The tar is the same, but compressed differently.
    Compression,
}

/// How a file differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub(crate) enum FileChange {
    /// Only one layer has it.
    Only { only_in: Side },
    /// Its mode or type, owner, time or link target.
    Attribute {
        attribute: &'static str,
        a: String,
        b: String,
    },
    /// Its content. Different bytes are counted up to the end of the shorter one.
    Content {
        first_byte: u64,
        different_bytes: u64,
        a_bytes: u64,
        b_bytes: u64,
    },
}

/// The differences as lines of text.
pub(crate) fn text(differences: &[Difference]) -> String {
    let mut out = String::new();
    for difference in differences {
        let line = difference.to_string();
        writeln!(out, "{}", printable(&line)).expect("writing to memory cannot fail");
    }
    out
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(platform) = &self.platform {
            write!(f, "{platform}  ")?;
        }
        match &self.what {
            What::Platform { only_in } => write!(f, "only in {only_in}"),
            What::Field {
                document,
                field,
                a,
                b,
            } => write!(f, "{document} {field}: {} → {}", value(a), value(b)),
            What::Layer { layer, a, b, why } => {
                let digest = |digest: &Option<Digest>| {
                    digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string())
                };
                write!(f, "layer {layer}: {} → {}", digest(a), digest(b))?;
                match why {
                    LayerChange::Missing | LayerChange::Files => Ok(()),
                    LayerChange::Tar => {
                        f.write_str(" (the same files in another order, or other headers)")
                    }
                    LayerChange::Compression => {
                        f.write_str(" (the same tar, compressed differently)")
                    }
                }
            }
            What::File {
                layer,
                path,
                change,
            } => {
                write!(f, "layer {layer} /{path}: ")?;
                file(change, f)
            }
        }
    }
}

fn file(change: &FileChange, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match change {
        FileChange::Only { only_in } => write!(f, "only in {only_in}"),
        FileChange::Attribute { attribute, a, b } => write!(f, "{attribute} {a} → {b}"),
        FileChange::Content {
            first_byte,
            different_bytes,
            a_bytes,
            b_bytes,
        } => {
            if a_bytes != b_bytes {
                write!(f, "size {a_bytes} → {b_bytes}, ")?;
            }
            write!(
                f,
                "content from byte {first_byte} ({first_byte:#x}), {different_bytes} different"
            )
        }
    }
}

fn value(value: &Value) -> String {
    if value.is_null() {
        "none".to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_an_image_stays_in_its_line() {
        let change = FileChange::Only { only_in: Side::B };
        let what = What::File {
            layer: 0,
            path: "a\u{1b}[2J\nlayer 1 /forged".to_owned(),
            change,
        };
        let platform = None;
        assert_eq!(
            text(&[Difference { platform, what }]),
            "layer 0 /a\\u{1b}[2J\\nlayer 1 /forged: only in B\n"
        );
    }
}
