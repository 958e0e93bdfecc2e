//! Images of existing files: binaries in any language that another tool built.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::thread;

use oci::{Descriptor, Platform};

use crate::assets::{self, Asset, AssetError, AssetSetting, Source};
use crate::base::{self, Base};
use crate::builder::BuildError;
use crate::cache::Cache;
use crate::fit::{self, Surroundings};
use crate::image::Image;
use crate::layer::{Files, Layer, LayerError, Packer};
use crate::program::Programs;
use crate::settings::Settings;

/// The first bytes of every ELF file.
const ELF_MAGIC: [u8; 4] = *b"\x7fELF";

/// An image to assemble.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assembly<'a> {
    /// Its files. `{os}`, `{arch}` and `{machine}` in `src` stand for the platform's.
    pub(crate) files: &'a [AssetSetting],
    pub(crate) settings: &'a Settings,
    pub(crate) platforms: &'a [Platform],
    pub(crate) base: Option<&'a Base>,
    /// Each entry of `files` is a layer of its own.
    pub(crate) layer_per_file: bool,
    /// The files and directories that the run writes. Directories among `files` leave them out.
    pub(crate) outputs: &'a [&'a Path],
}

/// An image that can be packed, for each platform.
pub(crate) struct Prepared<'a> {
    assembly: Assembly<'a>,
    contents: Vec<(&'a Platform, Contents)>,
}

/// The files of an image for one platform, in the layers that they are packed into.
struct Contents {
    all: BTreeMap<String, Asset>,
    layers: Vec<(String, BTreeMap<String, Asset>)>,
    /// `None` if the settings or the base set the program.
    entrypoint: Option<Vec<String>>,
}

/// Finds the files of an image and checks them; nothing is packed yet. `reading` is called if the layers of
/// the base have to be read.
///
/// # Errors
/// When a file cannot be packed, or a binary cannot run in the image.
pub(crate) fn prepare<'a>(
    assembly: Assembly<'a>,
    cache: &Cache,
    reading: &mut dyn FnMut(&str, u64),
) -> Result<Prepared<'a>, BuildError> {
    let mut contents = Vec::new();
    for platform in assembly.platforms {
        let mut found = collect(&assembly, platform)?;
        found.entrypoint = entrypoint(&assembly, platform, &found)?;
        check(&assembly, platform, &found.all, cache, reading)?;
        contents.push((platform, found));
    }
    Ok(Prepared { assembly, contents })
}

impl Prepared<'_> {
    /// Packs the image into the layout of `packer`. Returns its manifest, or its index if it is for several
    /// platforms.
    ///
    /// # Errors
    /// When a file cannot be read, or the layout cannot be written.
    pub(crate) fn pack(&self, packer: &Packer<'_>) -> Result<Descriptor, BuildError> {
        let assembly = &self.assembly;
        let (below, own) = thread::scope(|scope| {
            let below = scope.spawn(|| match assembly.base {
                Some(_) => Ok(None),
                None => base::layer(packer).map(Some),
            });
            let own = self.contents.iter();
            let own = own.map(|(_, contents)| contents.pack(packer));
            let own = own.collect::<Result<Vec<_>, _>>();
            (below.join().expect("packing does not panic"), own)
        });
        let (below, own) = (below?, own?);
        let annotations = BTreeMap::new();
        let image = Image {
            settings: assembly.settings,
            entrypoint: None,
            annotations: &annotations,
            created: packer.mtime,
            base: assembly.base,
        };
        let mut manifests = Vec::new();
        for ((platform, contents), own) in self.contents.iter().zip(own) {
            let layers: Vec<Layer> = below.iter().cloned().chain(own).collect();
            let image = Image {
                entrypoint: contents.entrypoint.as_deref(),
                ..image
            };
            manifests.push(image.store(packer.layout, platform, &layers)?);
        }
        Ok(image.root(packer.layout, manifests)?)
    }
}

impl Contents {
    fn pack(&self, packer: &Packer<'_>) -> Result<Vec<Layer>, LayerError> {
        let layers = self.layers.iter().map(|(created_by, files)| {
            let mut of_layer = Files::default();
            for (path, asset) in files {
                of_layer.asset(path, asset);
            }
            packer.pack(&of_layer, created_by)
        });
        layers.collect()
    }
}

/// A file for a platform, whose names replace those in braces.
fn on_platform(file: &AssetSetting, platform: &Platform) -> AssetSetting {
    let machine = match platform.architecture.as_str() {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    };
    let src = file.src.replace("{os}", &platform.os);
    let src = src.replace("{arch}", &platform.architecture);
    AssetSetting {
        src: src.replace("{machine}", machine),
        ..file.clone()
    }
}

fn collect(assembly: &Assembly<'_>, platform: &Platform) -> Result<Contents, BuildError> {
    let files = assembly.files.iter();
    let files: Vec<_> = files.map(|file| on_platform(file, platform)).collect();
    // Files that are named on a command line may be anywhere.
    let collect = |files: &[AssetSetting]| {
        assets::collect(files, ".".as_ref(), "/".as_ref(), assembly.outputs)
    };
    let all = collect(&files)?;
    let layers = if assembly.layer_per_file {
        let layer = |file: &AssetSetting| {
            let created_by = format!("imagebuilder: {}", file.dest.0);
            Ok((created_by, collect(std::slice::from_ref(file))?))
        };
        files.iter().map(layer).collect::<Result<_, BuildError>>()?
    } else {
        vec![("imagebuilder: files".to_owned(), all.clone())]
    };
    Ok(Contents {
        all,
        layers,
        entrypoint: None,
    })
}

/// Checks every ELF file of the image.
fn check(
    assembly: &Assembly<'_>,
    platform: &Platform,
    files: &BTreeMap<String, Asset>,
    cache: &Cache,
    reading: &mut dyn FnMut(&str, u64),
) -> Result<(), BuildError> {
    let surroundings = Surroundings {
        base: assembly.base,
        platform,
        settings: assembly.settings,
        files,
        cache,
    };
    fit::check_links(surroundings, reading)?;
    for (to, asset) in files {
        let Source::File { path, .. } = &asset.source else {
            continue;
        };
        let cannot = |source| AssetError::Read {
            path: path.clone(),
            source,
        };
        let file = File::open(path).map_err(cannot)?;
        let mut start = Vec::new();
        let magic = ELF_MAGIC.len() as u64;
        (&file)
            .take(magic)
            .read_to_end(&mut start)
            .map_err(cannot)?;
        if start == ELF_MAGIC {
            let folder = to.rsplit_once('/').map_or("", |(folder, _)| folder);
            fit::check(path, &file, folder, surroundings, reading)?;
        }
    }
    Ok(())
}

/// The default program of the image: its first file if that is a program, else the base's.
fn entrypoint(
    assembly: &Assembly<'_>,
    platform: &Platform,
    contents: &Contents,
) -> Result<Option<Vec<String>>, BuildError> {
    if assembly.settings.entrypoint.is_some() {
        let programs = Programs {
            files: &contents.all,
            binaries: &[],
            has_base: assembly.base.is_some(),
        };
        programs.check(assembly.settings)?;
        return Ok(None);
    }
    let first = assembly.files.first();
    let path = first.and_then(|first| {
        let path = on_platform(first, platform).file_path();
        let asset = contents.all.get(&path)?;
        let is_program = matches!(asset.source, Source::File { .. }) && asset.mode.0 & 0o111 != 0;
        is_program.then(|| format!("/{path}"))
    });
    match path {
        Some(path) => Ok(Some(vec![path])),
        None if assembly.base.is_some() => Ok(None),
        None => Err(BuildError::NoEntrypoint),
    }
}
