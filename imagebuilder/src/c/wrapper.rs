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

    /// The variable for its flags, without the target; `None` if it does not compile.
    pub(crate) fn flags_variable(self) -> Option<&'static str> {
        match self {
            Self::Cc => Some("CFLAGS"),
            Self::Cxx => Some("CXXFLAGS"),
            Self::Ar | Self::Ranlib => None,
        }
    }
}

/// Removes flags that Rust's and other build systems pass, and that `zig cc` refuses or interprets
/// differently: the target is set in zig's form below, `-march` requires zig's names, and `-Wp,` is for
/// GCC's preprocessor. Of the linker's options, it ignores `-O1` with a warning, which Rust 1.99 shows, and
/// refuses that version's workaround for an early Cortex-A53.
const FILTER: &str = r#"    if [ -n "$skip" ]; then skip=; continue; fi
    case $argument in
        --target=*) continue ;;
        -target) skip=1; continue ;;
        -Wp,-MD* | -Wp,-MMD* | -Wp,-MT*) ;;
        -Wp,*) continue ;;
        -Wl,-O* | -Wl,--fix-cortex-a53-843419) continue ;;
        -march=armv*)
            case $argument in
                *+*) argument=-mcpu=generic+${argument#*+} ;;
                *) continue ;;
            esac ;;
    esac
"#;

/// Defines a function that replaces the path `$1` by `$2` in `argument`.
const REMAP: &str = r#"remap() {
    left=$argument argument=
    while case $left in *"$1"*) ;; *) false ;; esac; do
        argument=$argument${left%%"$1"*}$2
        left=${left#*"$1"}
    done
    argument=$argument$left
}
"#;

/// The macros whose strings the compiler does not remap, and which the program would contain. OpenSSL's name folders
/// below the one that it was built in, where the program looks for modules. Others may name a file to include, so
/// they are passed on as they are.
const FOLDER_MACROS: [&str; 2] = ["ENGINESDIR", "MODULESDIR"];

/// Replaces the paths of this machine in [`FOLDER_MACROS`].
fn remap_macros(paths: &PathMap) -> String {
    let names = FOLDER_MACROS.map(|name| format!("-D{name}=*"));
    let mut text = format!("    case $argument in\n        {})", names.join(" | "));
    // Of paths that match, the innermost counts, which is the last of the map.
    for (from, to) in paths.iter().collect::<Vec<_>>().into_iter().rev() {
        let (from, to) = (quote(&from.display().to_string()), quote(to));
        write!(text, "\n            remap {from} {to}").expect("writing to memory cannot fail");
    }
    text.push_str("\n            ;;\n    esac\n");
    text
}

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
        if compiles {
            let filter = match self {
                Self::Zig(_) => FILTER,
                Self::Gcc(_) | Self::Foreign(_) => "",
            };
            // Either may change `argument`, and the filter drop it.
            let macros = remap_macros(paths);
            write!(
                text,
                "{REMAP}skip=\nfor argument do\n    shift\n{filter}{macros}    set -- \"$@\" \"$argument\"\ndone\n"
            )
            .expect("writing to memory cannot fail");
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
                    words.extend(UNFORTIFIED.map(str::to_owned));
                }
                words
            }
        }
    }
}

/// Turns off what distributions let their compilers do by default: to call functions such as `__snprintf_chk`,
/// which only glibc has.
pub(super) const UNFORTIFIED: [&str; 2] = ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=0"];

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
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;

    /// The arguments of a compiler for those of a build script.
    fn passed(kind: fn(PathBuf) -> Compiler, paths: &PathMap, arguments: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            test_programs::write_script(&file, text);
            file
        };
        let compiler = write("it's gcc", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
        let target = Target {
            triple: "aarch64-unknown-linux-musl",
            libc: Libc::Musl,
            rust_lld: true,
        };
        let script = kind(compiler).script(Tool::Cc, target, paths, Path::new("record"));
        let wrapper = write(&script.name, &script.text);
        let output = Command::new(wrapper).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn openssl_does_not_name_the_folder_that_it_was_built_in() {
        let paths = PathMap::of(&[("/work", "/workspace"), ("/work/it's", "/target")]);
        for kind in [Compiler::Zig, Compiler::Gcc] {
            let passed = |argument| passed(kind, &paths, &[argument]).pop().unwrap();
            for (argument, expected) in [
                (
                    r#"-DENGINESDIR="/work/it's/a b/engines-3""#,
                    r#"-DENGINESDIR="/target/a b/engines-3""#,
                ),
                (
                    "-DMODULESDIR=/work:/work/x",
                    "-DMODULESDIR=/workspace:/workspace/x",
                ),
                ("-DENGINESDIR=\"/usr/lib\"", "-DENGINESDIR=\"/usr/lib\""),
                // The compiler opens it.
                (
                    "-DCONFIG_FILE=\"/work/config.h\"",
                    "-DCONFIG_FILE=\"/work/config.h\"",
                ),
                ("-I/work/include", "-I/work/include"),
            ] {
                assert_eq!(passed(argument), expected);
            }
        }
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
                passed(Compiler::Zig, &PathMap::default(), arguments),
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
        let of_linker = [
            "-Wl,--fix-cortex-a53-843419",
            "-Wl,--eh-frame-hdr",
            "-Wl,-O1",
        ];
        check(&of_linker, &["-Wl,--eh-frame-hdr"]);
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
