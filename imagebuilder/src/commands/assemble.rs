//! `imagebuilder assemble`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use oci::Reference;
use tempfile::TempDir;

use super::bases::{BaseOptions, Bases};
use super::context::Context;
use super::deliver::{Delivery, Parcel};
use super::{CommandError, ImageError};
use crate::args::{Assemble, FileArgument};
use crate::assemble::{Assembly, prepare};
use crate::assets::AssetSetting;
use crate::base::LOCK_FILE;
use crate::builder::{BuildError, Built, Event, target_platforms};
use crate::cache::Cache;
use crate::layer::Packer;
use crate::setting_values::ImageName;
use crate::settings::Settings;

/// The variable that chooses the directory of [`Home`].
const CACHE_VARIABLE: &str = "XDG_CACHE_HOME";

pub(super) fn run(context: &Context, args: &Assemble) -> Result<(), CommandError> {
    let name = name(args).map_err(|error| CommandError::Images(error.into()))?;
    let reference = assembled(context, args, &name).map_err(|source| CommandError::Assemble {
        name: name.to_string(),
        source,
    })?;
    let line = reference.to_string();
    context.printer.data(&line).map_err(CommandError::Stdout)
}

/// The given name, else that of the program.
fn name(args: &Assemble) -> Result<Reference, BuildError> {
    if let Some(name) = &args.name {
        return Ok(name.reference().clone());
    }
    let program = args.run.entrypoint.first().cloned();
    let program = program.or_else(|| Some(args.files.first()?.setting().file_path()));
    let path = program.unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default().to_owned();
    let name = ImageName::try_from(last).map_err(BuildError::ProgramName)?;
    Ok(name.reference().clone())
}

fn assembled(
    context: &Context,
    args: &Assemble,
    name: &Reference,
) -> Result<Reference, ImageError> {
    let destinations = &args.destinations;
    if destinations.output.is_empty() && destinations.repo.is_none() {
        return Err(ImageError::NoDestination);
    }
    let home = Home::new(context)?;
    let cache = Cache::new(home.folder.join("cache"));
    let delivery = Delivery::new(context, destinations)?;
    let settings = settings(args);
    let platforms = target_platforms(args.platform.iter());
    let options = BaseOptions {
        registry: &destinations.registry,
        update: args.update_base,
        locked: false,
        offline: false,
        root: ".".into(),
        documents: home.layout(),
        variable: CACHE_VARIABLE,
        cache: &cache,
    };
    let mut bases = Bases::new(context, options)?;
    let base = match &args.base {
        Some(base) => bases.get(base, &platforms)?,
        None => None,
    };
    let outputs = destinations.paths().chain([LOCK_FILE.as_ref()]);
    let outputs: Vec<_> = outputs.collect();
    let files: Vec<AssetSetting> = args.files.iter().map(FileArgument::setting).collect();
    let assembly = Assembly {
        files: &files,
        settings: &settings,
        platforms: &platforms,
        base: base.as_deref(),
        layer_per_file: args.layer_per_file,
        outputs: &outputs,
    };
    let prepared = prepare(assembly, &cache, &mut |base, bytes| {
        let base = base.to_owned();
        let event = Event::ReadingBase { base, bytes };
        context.printer.status(&event.to_string());
    })?;
    delivery.check()?;
    bases.pin()?;
    let layout = delivery.layout(home.layout(), home.layout(), CACHE_VARIABLE)?;
    let root = prepared.pack(&Packer {
        layout: &layout,
        mtime: args.packing.source_date_epoch,
        compression: args.packing.compression,
        cache: &cache,
    })?;
    let parcel = Parcel {
        name,
        built: &Built::plain(root),
        base: base.as_ref(),
    };
    let reference = delivery.deliver(&layout, &parcel, None)?;
    delivery.finish(&layout, &[parcel])?;
    Ok(reference)
}

/// The options of the command line, in the form of a package's settings.
fn settings(args: &Assemble) -> Settings {
    let run = &args.run;
    let pairs = |pairs: &[(String, String)]| -> BTreeMap<String, String> {
        pairs.iter().cloned().collect()
    };
    Settings {
        user: run.user,
        workdir: run.workdir.clone(),
        entrypoint: (!run.entrypoint.is_empty()).then(|| run.entrypoint.clone()),
        args: run.args.clone(),
        env: run.env.iter().cloned().collect(),
        ports: run.ports.clone(),
        labels: pairs(&run.labels),
        annotations: pairs(&run.annotations),
        volumes: run.volumes.clone(),
        stop_signal: run.stop_signal.clone(),
        ..Settings::default()
    }
}

/// The folder for intermediate images and cached results: in the user's cache, else one that exists as long
/// as this process.
struct Home {
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

impl Home {
    fn new(context: &Context) -> Result<Self, ImageError> {
        if let Some(home) = &context.environment.cache_home {
            return Ok(Self {
                folder: home.join("imagebuilder"),
                _temporary: None,
            });
        }
        let temporary = tempfile::tempdir().map_err(ImageError::Temporary)?;
        Ok(Self {
            folder: temporary.path().to_owned(),
            _temporary: Some(temporary),
        })
    }

    fn layout(&self) -> PathBuf {
        self.folder.join("layout")
    }
}
