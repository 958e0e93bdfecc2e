//! Runs Cargo itself instead of rustup's proxy, which takes as long to find the toolchain as Cargo takes to
//! find that nothing changed. The proxy of rustc has already found it.

use std::path::Path;
use std::process::Command;

use crate::c::program;
use crate::environment::Environment;
use crate::files::is_same_file;

/// Cargo of the toolchain with this `sysroot`, with rustup's variables; the one of the environment unless
/// rustup manages both.
pub(crate) fn cargo(environment: &Environment, sysroot: &Path) -> Command {
    direct(environment, sysroot).unwrap_or_else(|| Command::new(&environment.cargo))
}

fn direct(environment: &Environment, sysroot: &Path) -> Option<Command> {
    if environment.cargo != Path::new("cargo") {
        return None;
    }
    let proxy = program(&environment.search_path, "cargo")?;
    if !is_same_file(&proxy, &proxy.with_file_name("rustup")) {
        return None;
    }
    let home = environment.rustup_home.as_deref()?;
    let name = sysroot.file_name()?;
    // The name of a linked toolchain in rustup differs from that of its folder.
    if !is_same_file(&home.join("toolchains").join(name), sysroot) {
        return None;
    }
    let cargo = sysroot.join("bin/cargo");
    if !cargo.is_file() {
        return None;
    }
    let mut command = Command::new(cargo);
    // As the proxy does: with these Cargo finds rustc, and recognizes that what it built before is
    // current.
    command
        .env("RUSTUP_HOME", home)
        .env("RUSTUP_TOOLCHAIN", name);
    Some(command)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use super::*;

    /// The program that runs for a toolchain, whose files are below `folder`.
    fn chosen(folder: &Path, change: impl FnOnce(&mut Environment)) -> PathBuf {
        let mut environment = Environment::read();
        environment.cargo = "cargo".into();
        environment.search_path = folder.join("bin").into();
        environment.rustup_home = Some(folder.join("rustup"));
        change(&mut environment);
        let command = cargo(&environment, &folder.join("rustup/toolchains/stable"));
        command.get_program().into()
    }

    #[test]
    fn only_a_toolchain_of_rustup_is_called_without_its_proxy() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in [
            "bin",
            "rustup/toolchains/stable/bin",
            "elsewhere/toolchains/stable/bin",
        ] {
            fs::create_dir_all(path(name)).unwrap();
        }
        fs::write(path("bin/rustup"), "").unwrap();
        fs::set_permissions(path("bin/rustup"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("rustup", path("bin/cargo")).unwrap();
        let chosen = |change: &dyn Fn(&mut Environment)| chosen(folder.path(), change);
        let proxy = PathBuf::from("cargo");
        // The component is not installed, which the proxy reports.
        assert_eq!(chosen(&|_| {}), proxy);
        let own = path("rustup/toolchains/stable/bin/cargo");
        fs::write(&own, "").unwrap();
        assert_eq!(chosen(&|_| {}), own);
        assert_eq!(
            chosen(&|it| it.cargo = "/x/cargo".into()),
            PathBuf::from("/x/cargo")
        );
        assert_eq!(
            chosen(&|it| it.rustup_home = Some(path("elsewhere"))),
            proxy
        );
        assert_eq!(chosen(&|it| it.rustup_home = None), proxy);
        fs::remove_file(path("bin/cargo")).unwrap();
        fs::copy(path("bin/rustup"), path("bin/cargo")).unwrap();
        assert_eq!(chosen(&|_| {}), proxy, "a Cargo of its own");
    }
}
