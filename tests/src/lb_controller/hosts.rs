//! The names of load balancers. A command that has to resolve them runs in a mount namespace in which
//! the test's file is mounted over `/etc/hosts`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use tempfile::NamedTempFile;

/// Host names, for the commands that are started with them.
#[derive(Debug)]
pub(super) struct Hosts(NamedTempFile);

impl Hosts {
    pub(super) fn new() -> Result<Self> {
        let mut file = NamedTempFile::new()?;
        file.write_all(b"127.0.0.1 localhost\n")?;
        Ok(Self(file))
    }

    /// Adds a name. It is appended, since a command may be reading the file.
    pub(super) fn add(path: &Path, name: &str, address: IpAddr) -> Result<()> {
        let mut file = OpenOptions::new().append(true).open(path)?;
        file.write_all(format!("{address} {name}\n").as_bytes())?;
        Ok(())
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A command that resolves the names of a hosts file.
pub fn with_hosts(hosts: &Path, program: &Path) -> Command {
    let mut command = Command::new("unshare");
    let script = "mount --bind \"$0\" /etc/hosts; exec \"$@\"";
    command
        .args(["--mount", "sh", "-ec", script])
        .arg(hosts)
        .arg(program);
    command
}
