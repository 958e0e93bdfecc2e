//! Arguments for the linker that a compiler's driver takes, such as `cc`, and the linker itself does not.

use std::path::Path;

/// Whether an argument is for a driver.
pub(crate) fn is_for_a_driver(argument: &str) -> bool {
    argument.starts_with("-Wl,") || argument.starts_with("-fuse-ld")
}

/// The first such argument in the instructions that a build script printed to the file `output`
/// ([rustc-link-arg](https://doc.rust-lang.org/cargo/reference/build-scripts.html#rustc-link-arg)).
pub(crate) fn of_build_script(output: &Path) -> Option<String> {
    let output = std::fs::read_to_string(output).ok()?;
    let arguments = output.lines().filter_map(argument);
    arguments
        .filter(|argument| is_for_a_driver(argument))
        .map(str::to_owned)
        .next()
}

/// The argument of an instruction: `cargo::rustc-link-arg=FLAG`, or `cargo::rustc-link-arg-bin=NAME=FLAG`.
fn argument(line: &str) -> Option<&str> {
    let line = line.strip_prefix("cargo:")?;
    let (key, value) = line.trim_start_matches(':').split_once('=')?;
    match key {
        "rustc-link-arg" | "rustc-link-arg-bins" => Some(value),
        "rustc-link-arg-bin" => Some(value.split_once('=')?.1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_found_in_the_output_of_a_build_script() {
        let output = tempfile::NamedTempFile::new().unwrap();
        let check = |lines: &str, expected: Option<&str>| {
            std::fs::write(&output, lines).unwrap();
            let found = of_build_script(output.path());
            assert_eq!(found.as_deref(), expected, "{lines}");
        };
        for instruction in [
            "cargo:rustc-link-arg=",
            "cargo::rustc-link-arg=",
            "cargo::rustc-link-arg-bins=",
            "cargo::rustc-link-arg-bin=hello=",
        ] {
            let lines = format!("cargo:rustc-cfg=y\n{instruction}-Wl,-rpath=/x\n");
            check(&lines, Some("-Wl,-rpath=/x"));
        }
        check("cargo::rustc-link-arg=-fuse-ld=lld\n", Some("-fuse-ld=lld"));
        check("cargo::rustc-link-arg=-znow\ncargo::warning=-Wl,x\n", None);
        assert_eq!(of_build_script(Path::new("/none")), None);
    }
}
