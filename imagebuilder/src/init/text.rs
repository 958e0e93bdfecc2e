//! The text of the table.

use std::fmt::Write as _;

use super::find::Found;
use crate::toml_string::toml_string;

/// The table with its header. Lines that only demonstrate a key are comments.
pub(crate) fn text(found: &Found) -> String {
    let mut out = String::from(
        "# The image that `imagebuilder build` creates from this package. Every key is optional; those in\n\
         # comments show their defaults or an example.\n\
         [package.metadata.image]\n",
    );
    let mut line = |text: &str| writeln!(out, "{text}").expect("writing to memory cannot fail");
    let name = toml_string(found.bins.first().unwrap_or(&found.package));
    line(&format!("# name = {name}"));
    if let [first, _, ..] = &found.bins[..] {
        let all: Vec<String> = found.bins.iter().map(|bin| format!("`{bin}`")).collect();
        line(&format!(
            "# The binary to pack, or a list of them; the package has {}.",
            all.join(", ")
        ));
        line(&format!("bin = {}", toml_string(first)));
    }
    line(
        "# base = \"gcr.io/distroless/cc-debian12\"  # needs libc = \"glibc\" for a binary that uses its libraries",
    );
    match &found.ports {
        Some((dockerfile, ports)) => {
            let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
            line(&format!("# As in {dockerfile}."));
            line(&format!("ports = [{}]", ports.join(", ")));
        }
        None => line("# ports = [8080]"),
    }
    line("# user = \"65532:65532\"");
    line("# workdir = \"/\"");
    line("# env = { RUST_LOG = \"info\" }");
    line("# args = [\"--verbose\"]");
    if found.folders.is_empty() {
        line("# assets = [{ src = \"static\", dest = \"/srv/static\" }]");
    } else {
        line("# Folders whose files the program may read at run time:");
        let assets = found
            .folders
            .iter()
            .map(|folder| format!("{{ src = \"{folder}\", dest = \"/srv/{folder}\" }}"));
        let assets: Vec<String> = assets.collect();
        line(&format!("# assets = [{}]", assets.join(", ")));
    }
    if found.sqlx_offline {
        line("# The queries in .sqlx are prepared, so no database is needed.");
        line("build-env = { SQLX_OFFLINE = \"true\" }");
    } else {
        line("# build-env = { SQLX_OFFLINE = \"true\" }");
    }
    line("# platforms = [\"linux/amd64\", \"linux/arm64\"]");
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::settings::Settings;

    /// The settings of the table, and those with all examples uncommented.
    fn parsed(text: &str) -> (Settings, Settings) {
        let parse = |text: &str| -> Settings {
            let value: toml::Value = toml::from_str(text).unwrap();
            let table = value["package"]["metadata"]["image"].clone();
            table.try_into().unwrap()
        };
        let examples: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(key) if key.contains(" = ") => format!("{key}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        (parse(text), parse(&examples))
    }

    #[test]
    fn detected_settings_are_set_and_the_others_are_valid_examples() {
        let plain = Found {
            package: "hello".to_owned(),
            bins: vec!["hello".to_owned()],
            ..Found::default()
        };
        let (set, examples) = parsed(&text(&plain));
        assert_eq!(set, Settings::default());
        assert_eq!(examples.ports.len(), 1);
        assert_eq!(examples.platforms.len(), 2);
        let full = Found {
            bins: vec!["b".to_owned(), "a".to_owned()],
            ports: Some(("Dockerfile".to_owned(), BTreeSet::from([80, 443]))),
            folders: vec!["static", "templates"],
            sqlx_offline: true,
            ..plain
        };
        let (set, examples) = parsed(&text(&full));
        assert_eq!(set.bin, ["b"]);
        assert_eq!(set.ports.len(), 2);
        assert_eq!(set.build_env.len(), 1);
        assert_eq!((set.assets.len(), examples.assets.len()), (0, 2));
    }
}
