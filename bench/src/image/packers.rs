//! The ways to pack a file into an image in a layout or tar.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::engine::Engine;
use super::inputs::Inputs;
use crate::process::{Cost, run as run_once};

/// A way to pack the file `elf` of a folder into an image below `out` in that folder.
pub(super) struct Packer {
    pub(super) name: String,
    /// Run before it, and not measured.
    before: Vec<Vec<String>>,
    /// The commands, which run one after the other.
    commands: Vec<Vec<String>>,
}

/// The name of the way that hashes and compresses the file, and does no more.
pub(super) const ALONE: &str = "hash and compress alone, gzip";

/// All available packers, this program's first.
pub(super) fn packers(inputs: &Inputs, engine: Option<&Engine>) -> Vec<Packer> {
    let path = |path: &PathBuf| path.display().to_string();
    let ours = ["gzip", "gzip:6", "zstd", "zstd:1"].map(|compression| Packer {
        name: format!("imagebuilder, {compression}"),
        before: Vec::new(),
        commands: vec![words(&format!(
            "{} assemble --progress quiet elf --file elf:/elf:0755 --compression {compression} --output oci:out",
            path(&inputs.imagebuilder)
        ))],
    });
    let crane = inputs.crane.iter().map(|crane| Packer {
        name: "tar, crane append".to_owned(),
        before: Vec::new(),
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
            before: Vec::new(),
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
            before: Vec::new(),
            commands: vec![
                words(&format!(
                    "{buildah} build --isolation chroot -t elf -f Dockerfile ."
                )),
                words(&format!("{buildah} push --quiet elf oci:out:x")),
            ],
        }
    });
    let docker = inputs.docker.iter().zip(engine).map(|(docker, engine)| {
        let docker = format!(
            "{} --host unix://{}",
            path(docker),
            engine.socket().display()
        );
        Packer {
            name: "docker build, save".to_owned(),
            // Succeeds if there is none.
            before: vec![words(&format!("{docker} rmi --force elf"))],
            commands: vec![
                words(&format!("{docker} build --quiet --no-cache --tag elf .")),
                words(&format!("{docker} save --output out elf")),
            ],
        }
    });
    let alone = Packer {
        name: ALONE.to_owned(),
        before: Vec::new(),
        commands: vec![words(&format!("{} elf", path(&inputs.compress)))],
    };
    ours.into_iter()
        .chain([alone])
        .chain(crane)
        .chain(umoci)
        .chain(buildah)
        .chain(docker)
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
        let measure = |words: &[String]| {
            let mut command = Command::new(&words[0]);
            command
                .args(&words[1..])
                .current_dir(folder)
                .env("HOME", folder)
                .env("XDG_CACHE_HOME", folder.join("cache"))
                // Without its plugin, the client's other builder only prints how to install it.
                .env("DOCKER_BUILDKIT", "0");
            run_once(&mut command).with_context(|| format!("cannot measure {}", self.name))
        };
        for words in &self.before {
            measure(words)?;
        }
        let mut all = Cost::default();
        for words in &self.commands {
            let cost = measure(words)?;
            all.wall += cost.wall;
            all.cpu += cost.cpu;
            all.peak_rss_bytes = all.peak_rss_bytes.max(cost.peak_rss_bytes);
        }
        let out = folder.join("out");
        let bytes = if out.exists() { size(&out)? } else { 0 };
        Ok((all, bytes))
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
