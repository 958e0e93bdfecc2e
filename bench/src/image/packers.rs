//! The ways to pack a file into an image in a layout or tar.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::inputs::Inputs;
use crate::process::{Cost, run as run_once};

/// A way to pack the file `elf` of a folder into an image below `out` in that folder.
pub(super) struct Packer {
    pub(super) name: String,
    /// The commands, which run one after the other.
    commands: Vec<Vec<String>>,
}

/// All available packers, this program's first.
pub(super) fn packers(inputs: &Inputs) -> Vec<Packer> {
    let path = |path: &PathBuf| path.display().to_string();
    let ours = ["gzip", "gzip:6", "zstd", "zstd:1"].map(|compression| Packer {
        name: format!("imagebuilder, {compression}"),
        commands: vec![words(&format!(
            "{} assemble --progress quiet elf --file elf:/elf:0755 --compression {compression} --output oci:out",
            path(&inputs.imagebuilder)
        ))],
    });
    let crane = inputs.crane.iter().map(|crane| Packer {
        name: "tar, crane append".to_owned(),
        commands: vec![
            words("tar -cf layer.tar elf"),
            words(&format!(
                "{} append --oci-empty-base -f layer.tar -t x.example/elf:v1 -o out",
                path(crane)
            )),
        ],
    });
    let umoci = inputs.umoci.iter().map(|umoci| {
        let umoci = path(umoci);
        Packer {
            name: "umoci insert".to_owned(),
            commands: vec![
                words(&format!("{umoci} init --layout out")),
                words(&format!("{umoci} new --image out:x")),
                words(&format!("{umoci} insert --image out:x elf /elf")),
            ],
        }
    });
    let buildah = inputs.buildah.iter().map(|buildah| {
        let buildah = format!(
            "{} --storage-driver vfs --root store --runroot run",
            path(buildah)
        );
        Packer {
            name: "buildah build, push".to_owned(),
            commands: vec![
                words(&format!(
                    "{buildah} build --isolation chroot -t elf -f Dockerfile ."
                )),
                words(&format!("{buildah} push --quiet elf oci:out:x")),
            ],
        }
    });
    ours.into_iter()
        .chain(crane)
        .chain(umoci)
        .chain(buildah)
        .collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

impl Packer {
    /// Packs the file in `folder`, after removing what is left from earlier runs. Also returns the image's size.
    pub(super) fn pack(&self, folder: &Path) -> anyhow::Result<(Cost, u64)> {
        for name in ["out", "layer.tar", "store", "run", "cache"] {
            let path = folder.join(name);
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else if path.exists() {
                fs::remove_file(&path)
            } else {
                Ok(())
            };
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
        let mut all = Cost::default();
        for words in &self.commands {
            let mut command = Command::new(&words[0]);
            command
                .args(&words[1..])
                .current_dir(folder)
                .env("HOME", folder)
                .env("XDG_CACHE_HOME", folder.join("cache"));
            let cost = run_once(&mut command);
            let cost = cost.with_context(|| format!("cannot measure {}", self.name))?;
            all.wall += cost.wall;
            all.cpu += cost.cpu;
            all.peak_rss_bytes = all.peak_rss_bytes.max(cost.peak_rss_bytes);
        }
        Ok((all, size(&folder.join("out"))?))
    }
}

/// The total size of all files below a path.
fn size(path: &Path) -> anyhow::Result<u64> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        bytes += size(&entry?.path())?;
    }
    Ok(bytes)
}
