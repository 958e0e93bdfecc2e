//! The scripts through which build scripts call a compiler.

use std::fmt::Write as _;
use std::path::Path;

use super::find::Compiler;
use crate::paths::PathMap;
use crate::target::{Libc, Target};

/// A script, with the name of the program that it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A tool of a C toolchain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Cc,
    Cxx,
    Ar,
    Ranlib,
}

impl Tool {
    pub(crate) const ALL: [Self; 4] = [Self::Cc, Self::Cxx, Self::Ar, Self::Ranlib];

    /// The variable that the crate `cc` reads for it, without the target.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Cc => "CC",
            Self::Cxx => "CXX",
            Self::Ar => "AR",
            Self::Ranlib => "RANLIB",
        }
    }
}

/// Removes flags that Rust's and other build systems pass, and that `zig cc` refuses or interprets
/// differently: the target is set in zig's form below, `-march` requires zig's names, and `-Wp,` is for
/// GCC's preprocessor.
const FILTER: &str = r#"skip=
for argument do
    shift
    if [ -n "$skip" ]; then skip=; continue; fi
    case $argument in
        --target=*) continue ;;
        -target) skip=1; continue ;;
        -Wp,-MD* | -Wp,-MMD* | -Wp,-MT*) ;;
        -Wp,*) continue ;;
        -march=armv*)
            case $argument in
                *+*) argument=-mcpu=generic+${argument#*+} ;;
                *) continue ;;
            esac ;;
    esac
    set -- "$@" "$argument"
done
"#;

impl Compiler {
    /// Its script for a tool. The name depends on the kind of compiler, so that Cargo runs a build
    /// script again when another kind is used, and `cc` can tell Clang from GCC.
    ///
    /// The script for a compiler with the headers of another C library writes the file `record`.
    pub(crate) fn script(
        &self,
        tool: Tool,
        target: Target,
        paths: &PathMap,
        record: &Path,
    ) -> Script {
        let libc = c_library(target);
        let kind = match (self, tool) {
            (_, Tool::Ar) => "ar".to_owned(),
            (_, Tool::Ranlib) => "ranlib".to_owned(),
            (Self::Zig(_), Tool::Cc) => "zig-clang".to_owned(),
            (Self::Zig(_), Tool::Cxx) => "zig-clang++".to_owned(),
            (Self::Gcc(_), Tool::Cc) => format!("{libc}-gcc"),
            (Self::Gcc(_), Tool::Cxx) => format!("{libc}-g++"),
            (Self::Foreign(_), Tool::Cc) => "gnu-gcc".to_owned(),
            (Self::Foreign(_), Tool::Cxx) => "gnu-g++".to_owned(),
        };
        let mut text = String::from("#!/bin/sh\n");
        let compiles = matches!(tool, Tool::Cc | Tool::Cxx);
        if compiles && matches!(self, Self::Zig(_)) {
            text.push_str(FILTER);
        }
        if compiles && matches!(self, Self::Foreign(_)) {
            writeln!(text, ": >{}", quote(&record.display().to_string()))
                .expect("writing to memory cannot fail");
        }
        text.push_str("exec");
        for word in self.command(tool, target) {
            write!(text, " {}", quote(&word)).expect("writing to memory cannot fail");
        }
        if compiles {
            for flag in paths.flags("-ffile-prefix-map") {
                write!(text, " {}", quote(&flag)).expect("writing to memory cannot fail");
            }
        }
        text.push_str(" \"$@\"\n");
        Script {
            name: format!("{}-linux-{kind}", target.architecture()),
            text,
        }
    }

    fn command(&self, tool: Tool, target: Target) -> Vec<String> {
        match self {
            Self::Zig(zig) => {
                let mut words = vec![zig.display().to_string()];
                let word = match tool {
                    Tool::Cc => "cc",
                    Tool::Cxx => "c++",
                    Tool::Ar => "ar",
                    Tool::Ranlib => "ranlib",
                };
                words.push(word.to_owned());
                if matches!(tool, Tool::Cc | Tool::Cxx) {
                    words.push("-target".to_owned());
                    words.push(zig_target(target));
                    // Zig's default without optimization; its runtime is not linked.
                    words.push("-fno-sanitize=undefined".to_owned());
                }
                words
            }
            Self::Gcc(gcc) => vec![sibling(gcc, tool)],
            Self::Foreign(gcc) => {
                let mut words = vec![sibling(gcc, tool)];
                if matches!(tool, Tool::Cc | Tool::Cxx) {
                    // Its functions are glibc's own.
                    words.extend(["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=0"].map(str::to_owned));
                }
                words
            }
        }
    }
}

/// The C library of a target, as the names of GCCs have it.
fn c_library(target: Target) -> &'static str {
    match target.libc {
        Libc::Musl => "musl",
        Libc::Glibc | Libc::GlibcOfBase => "gnu",
    }
}

/// Zig's name for a target. A binary needs no newer glibc than Rust's own standard library, which supports 2.17
/// (<https://doc.rust-lang.org/rustc/platform-support.html>).
fn zig_target(target: Target) -> String {
    let architecture = target.architecture();
    match target.libc {
        Libc::Musl => format!("{architecture}-linux-musl"),
        Libc::Glibc | Libc::GlibcOfBase => format!("{architecture}-linux-gnu.2.17"),
    }
}

/// The tool that belongs to a GCC: `…-gcc` has `…-g++` and `…-ar`, while `musl-gcc` uses those of the
/// system.
fn sibling(gcc: &Path, tool: Tool) -> String {
    let suffix = match tool {
        Tool::Cc => return gcc.display().to_string(),
        Tool::Cxx => "g++",
        Tool::Ar => "ar",
        Tool::Ranlib => "ranlib",
    };
    let path = gcc.display().to_string();
    let sibling = format!("{}{suffix}", path.strip_suffix("gcc").unwrap_or(&path));
    if Path::new(&sibling).exists() {
        sibling
    } else {
        suffix.to_owned()
    }
}

/// The stub of a missing compiler: it records the package that needs it in `record`, and fails.
pub(crate) fn missing(target: Target, record: &Path) -> Script {
    let architecture = target.architecture();
    let libc = c_library(target);
    let record = quote(&record.display().to_string());
    Script {
        name: format!("{architecture}-linux-missing-cc"),
        text: format!(
            "#!/bin/sh\n\
             echo \"$CARGO_PKG_NAME\" >{record}\n\
             echo 'no C compiler for {architecture}-linux-{libc}' >&2\n\
             exit 1\n"
        ),
    }
}

/// A word, quoted for a shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    /// The arguments of `zig` for those of a build script.
    fn passed(arguments: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
            file
        };
        let zig = write("it's zig", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
        let target = Target {
            triple: "aarch64-unknown-linux-musl",
            libc: Libc::Musl,
            rust_lld: true,
        };
        let paths = PathMap::default();
        let script = Compiler::Zig(zig).script(Tool::Cc, target, &paths, Path::new("record"));
        let wrapper = write(&script.name, &script.text);
        let output = Command::new(wrapper).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn zig_gets_only_flags_that_it_supports() {
        let own = [
            "cc",
            "-target",
            "aarch64-linux-musl",
            "-fno-sanitize=undefined",
        ];
        let check = |arguments: &[&str], expected: &[&str]| {
            assert_eq!(
                passed(arguments),
                [&own[..], expected].concat(),
                "{arguments:?}"
            );
        };
        check(
            &["-c", "a b.c", "-DX=\"it's\""],
            &["-c", "a b.c", "-DX=\"it's\""],
        );
        check(&["--target=aarch64-unknown-linux-musl", "-c"], &["-c"]);
        check(&["-target", "arm64", "-c"], &["-c"]);
        check(&["-Wp,-U_FORTIFY_SOURCE", "-Wp,-MD,x.d"], &["-Wp,-MD,x.d"]);
        check(
            &["-march=armv8-a+crypto+sha3"],
            &["-mcpu=generic+crypto+sha3"],
        );
        check(&["-march=armv8-a", "-march=native"], &["-march=native"]);
        check(&["*", ""], &["*", ""]);
    }

    #[test]
    fn a_gcc_has_its_own_archiver_or_that_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let gcc = folder.path().join("aarch64-linux-gnu-gcc");
        assert_eq!(sibling(&gcc, Tool::Cc), gcc.display().to_string());
        assert_eq!(sibling(&gcc, Tool::Ar), "ar");
        let ar = folder.path().join("aarch64-linux-gnu-ar");
        fs::write(&ar, "").unwrap();
        assert_eq!(sibling(&gcc, Tool::Ar), ar.display().to_string());
    }
}
