//! The users and groups of an image: its `/etc/passwd` and `/etc/group`.
//!
//! They are read from the unpacked layers, topmost first, and no symbolic link is followed: a link in
//! an image could point anywhere on the host.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use crate::containerd::Mount;

/// The most that is read of a file.
const MAX_BYTES: u64 = 4 << 20;

/// The users and groups of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
}

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its ID.
    pub uid: u32,
    /// The ID of its primary group.
    pub gid: u32,
}

/// A line of `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its name.
    pub name: String,
    /// Its ID.
    pub gid: u32,
    /// The names of its members, except those whose primary group it is.
    pub members: Vec<String>,
}

impl Accounts {
    /// Parses the two files. Invalid lines are skipped, as by containerd.
    pub fn parse(passwd: &str, group: &str) -> Self {
        let user = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(User { name, uid, gid })
        };
        let group_of = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            let gid = fields.nth(1)?.parse().ok()?;
            let members = fields.next().unwrap_or_default().split(',');
            let members = members.filter(|name| !name.is_empty());
            Some(Group {
                name,
                gid,
                members: members.map(str::to_owned).collect(),
            })
        };
        Self {
            users: passwd.lines().filter_map(user).collect(),
            groups: group.lines().filter_map(group_of).collect(),
        }
    }

    /// Reads the files from the mounts of a snapshot of the image.
    pub(super) fn read(mounts: &[Mount]) -> io::Result<Self> {
        let layers = layers(mounts);
        Ok(Self::parse(
            &text(&layers, "passwd")?,
            &text(&layers, "group")?,
        ))
    }

    /// The user with this name.
    pub fn user_named(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// The first user with this ID.
    pub fn user(&self, uid: u32) -> Option<&User> {
        self.users.iter().find(|user| user.uid == uid)
    }

    /// The IDs of the groups that list `name` as a member.
    pub fn groups_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = u32> + 'a {
        let is_member = move |group: &&Group| group.members.iter().any(|member| member == name);
        self.groups.iter().filter(is_member).map(|group| group.gid)
    }
}

/// The directories of a snapshot's layers, topmost first.
fn layers(mounts: &[Mount]) -> Vec<PathBuf> {
    let Some(mount) = mounts.first() else {
        return Vec::new();
    };
    let of = |option: &str| {
        let mut options = mount.options.iter();
        options.find_map(|text| text.strip_prefix(option).map(str::to_owned))
    };
    if mount.r#type != "overlay" {
        return vec![PathBuf::from(&mount.source)];
    }
    let lower = of("lowerdir=").unwrap_or_default();
    let lower = lower.split(':').map(PathBuf::from);
    of("upperdir=")
        .map(PathBuf::from)
        .into_iter()
        .chain(lower)
        .collect()
}

/// The text of a file in the layers' `/etc`, empty if no layer has it.
fn text(layers: &[PathBuf], name: &str) -> io::Result<String> {
    let path = Path::new("etc").join(name);
    for layer in layers {
        match open(layer, &path) {
            Ok(file) => {
                let kind = file.metadata()?.file_type();
                if !kind.is_file() {
                    // A whiteout (a character device) or another file that hides the layers below.
                    return Ok(String::new());
                }
                let mut bytes = Vec::new();
                file.take(MAX_BYTES).read_to_end(&mut bytes)?;
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // A link, or a whiteout instead of the directory.
            Err(_) => return Ok(String::new()),
        }
        if hides_below(layer) {
            break;
        }
    }
    Ok(String::new())
}

/// Opens a file without blocking on one that is not regular.
fn open(layer: &Path, path: &Path) -> io::Result<File> {
    let directory = openat2(
        CWD,
        layer,
        OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::empty(),
    )?;
    let at = |flags| {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        openat2(
            &directory,
            path,
            flags | OFlags::CLOEXEC,
            Mode::empty(),
            resolve,
        )
    };
    let file: OwnedFd = at(OFlags::PATH)?;
    let file = File::from(file);
    let kind = file.metadata()?.file_type();
    if kind.is_char_device() || !kind.is_file() {
        return Ok(file);
    }
    Ok(File::from(at(OFlags::RDONLY | OFlags::NONBLOCK)?))
}

/// Whether a layer replaces `/etc` of the layers below it (overlayfs' opaque directory).
fn hides_below(layer: &Path) -> bool {
    let mut value = [0; 1];
    let path = layer.join("etc");
    rustix::fs::lgetxattr(path, c"trusted.overlay.opaque", &mut value).is_ok_and(|_| value == *b"y")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn snapshot(layers: &[&Path]) -> Vec<Mount> {
        let lower: Vec<_> = layers.iter().map(|of| of.to_str().unwrap()).collect();
        vec![Mount {
            r#type: "overlay".to_owned(),
            options: vec![format!("lowerdir={}", lower.join(":"))],
            ..Mount::default()
        }]
    }

    #[test]
    fn the_topmost_layer_with_a_file_wins() {
        let root = tempfile::tempdir().unwrap();
        let layer = |name: &str, files: &[(&str, &str)]| {
            let layer = root.path().join(name);
            fs::create_dir_all(layer.join("etc")).unwrap();
            for (file, text) in files {
                fs::write(layer.join("etc").join(file), text).unwrap();
            }
            layer
        };
        let group = "app:x:7:\nwheel:x:8:other,app\nbroken\n";
        let bottom = layer(
            "bottom",
            &[("passwd", "app:x:1:1::/:/bin/sh\n"), ("group", group)],
        );
        let top = layer(
            "top",
            &[("passwd", "app:x:5:7:An app:/:/bin/sh\nnot a user\n")],
        );
        let accounts = Accounts::read(&snapshot(&[&top, &bottom])).unwrap();
        let app = accounts.user_named("app").unwrap();
        assert_eq!((app.uid, app.gid), (5, 7));
        assert_eq!(accounts.user(5), Some(app));
        assert_eq!(accounts.groups_of("app").collect::<Vec<_>>(), [8]);
    }

    #[test]
    fn a_link_of_the_image_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("outside"), "app:x:5:7::/:\n").unwrap();
        let layer = root.path().join("layer");
        fs::create_dir_all(layer.join("etc")).unwrap();
        std::os::unix::fs::symlink(root.path().join("outside"), layer.join("etc/passwd")).unwrap();
        let accounts = Accounts::read(&snapshot(&[&layer])).unwrap();
        assert_eq!(accounts, Accounts::default());
        std::os::unix::fs::symlink("/etc", root.path().join("etc")).unwrap();
        let accounts = Accounts::read(&snapshot(&[root.path()])).unwrap();
        assert_eq!(accounts, Accounts::default());
    }

    #[test]
    fn an_image_without_the_files_has_no_accounts() {
        assert_eq!(Accounts::read(&[]).unwrap(), Accounts::default());
    }
}
