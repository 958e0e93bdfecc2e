//! `nodectl up`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use cli::{Exit, Printer};
use oci::Reference;
use oci::layout::Layout;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::classify::{Interrupted, Wrong};
use super::edge::{now_ms, random_hex, stop_on_signals};
use super::images::holding;
use super::screen::Screen;
use super::table::bytes;
use crate::args::{Global, UpArgs};
use crate::balancer::Forwarder;
use crate::containerd::{Containerd, Labels};
use crate::manifest::{self, Desired};
use crate::network::{Bridge, SubnetChoice};
use crate::play::{
    Context, Controller, Event, Instance, Lock, Machine, Stop, labels, observe, remove_all,
};
use crate::publish::{self, Publish};
use crate::{images, spec};

pub(super) async fn up(printer: Printer, global: &Global, args: &UpArgs) -> anyhow::Result<Exit> {
    let desired = read(printer, args)?;
    let published = published(&desired, &args.publish)?;
    if !nix::unistd::geteuid().is_root() {
        let hint = "run it with sudo: pods need network namespaces and cgroups";
        return Err(Wrong::new("`nodectl up` needs root", Some(hint)).into());
    }
    let layout = args
        .images
        .as_ref()
        .map(|layout| Layout::open(&layout.0))
        .transpose()?;
    let grace = Duration::from_secs(args.grace_period.into());
    let stop = stop_on_signals(grace).context("cannot watch for signals")?;
    let client = Containerd::connect(&global.address(), global.namespace()).await?;
    let instance = Instance::new(&global.state_dir, global.namespace());
    let lock = instance.lock()?;

    let outcome = locked(
        printer,
        args,
        &desired,
        published,
        layout.as_ref(),
        &client,
        &instance,
        stop,
    )
    .await;
    finish(printer, global, &client, &instance, lock, outcome).await
}

/// Reads and checks the manifests; nothing has been touched yet.
fn read(printer: Printer, args: &UpArgs) -> anyhow::Result<Desired> {
    let documents = manifest::read_paths(&args.files).map_err(|(path, source)| {
        Wrong::new(format!("cannot read `{}`: {source}", path.display()), None)
    })?;
    let objects = manifest::parse(&documents)?;
    let (desired, warnings) = manifest::check(&objects)?;
    for warning in objects.warnings.iter().chain(&warnings) {
        printer.warn(&warning.0);
    }
    Ok(desired)
}

/// Which port goes to which Service.
fn published(desired: &Desired, asked: &[Publish]) -> anyhow::Result<Vec<(Publish, String)>> {
    if asked.is_empty() {
        let external = desired.services.iter().filter(|service| service.external);
        return Ok(external
            .flat_map(|service| {
                let one = |port: u16| (Publish::same(port), service.name.clone());
                service.ports.iter().map(move |port| one(port.port))
            })
            .collect());
    }
    let mut published = Vec::new();
    for publish in asked {
        let having = |port: u16| {
            desired
                .services
                .iter()
                .filter(move |s| s.ports.iter().any(|of| of.port == port))
        };
        let names: Vec<_> = having(publish.service_port)
            .map(|service| service.name.clone())
            .collect();
        match names.as_slice() {
            [name] => published.push((*publish, name.clone())),
            [] => {
                let ports: Vec<_> = desired
                    .services
                    .iter()
                    .flat_map(|s| {
                        s.ports
                            .iter()
                            .map(|port| format!("{}:{}", s.name, port.port))
                    })
                    .collect();
                let hint = if ports.is_empty() {
                    "the manifests have no Service".to_owned()
                } else {
                    format!("there are {}", ports.join(", "))
                };
                let message = format!("--publish: no Service has port {}", publish.service_port);
                return Err(Wrong::new(message, Some(&hint)).into());
            }
            several => {
                let message = format!(
                    "--publish: port {} is a port of {}",
                    publish.service_port,
                    several.join(" and of ")
                );
                return Err(Wrong::new(message, None).into());
            }
        }
    }
    Ok(published)
}

#[expect(
    clippy::too_many_arguments,
    reason = "one caller; each is a thing of its own"
)]
async fn locked(
    printer: Printer,
    args: &UpArgs,
    desired: &Desired,
    published: Vec<(Publish, String)>,
    layout: Option<&Layout>,
    client: &Containerd,
    instance: &Instance,
    stop: watch::Receiver<Stop>,
) -> anyhow::Result<Exit> {
    let mut listeners = Vec::new();
    for (publish, service) in published {
        listeners.push((
            publish::bind(publish.address)?,
            service,
            publish.service_port,
        ));
    }
    let choice = args
        .pod_cidr
        .map_or(SubnetChoice::Free, SubnetChoice::Fixed);
    Bridge::check(&instance.bridge, choice).await?;
    let missing = find_images(client, layout, desired).await?;

    // Everything that can be known beforehand is known; from here on things are made.
    client.create_namespace(Labels::new()).await?;
    for name in missing {
        let layout = layout.context("an image is missing, and there is no layout")?;
        let mut interrupted = stop.clone();
        tokio::select! {
            imported = import(printer, client, instance, layout, &name) => imported?,
            _ = interrupted.wait_for(|stop| *stop != Stop::No) => return Err(Interrupted.into()),
        }
    }
    for deployment in &desired.deployments {
        for container in &deployment.template.spec.containers {
            let Some(image) = images::lookup(client, &container.image).await? else {
                continue;
            };
            let pod = &deployment.template.spec.security_context;
            spec::resolve_user(image.config.user(), pod, &container.security_context)
                .with_context(|| {
                    format!(
                        "Deployment `{}`: container `{}`",
                        deployment.name, container.name
                    )
                })?;
        }
    }
    let bridge = Bridge::ensure(&instance.bridge, choice).await?;
    let (events, told) = mpsc::unbounded_channel();
    let ctx = Arc::new(Context {
        client: client.clone(),
        instance: instance.clone(),
        bridge,
        machine: Machine::read(client.daemon_pid().await),
        clock: now_ms,
        random: random_hex,
        events,
        images: tokio::sync::Mutex::default(),
    });
    let mut controller = Controller::new(Arc::clone(&ctx), desired.clone());
    controller.adopt().await?;
    play(printer, &ctx, controller, listeners, told, stop).await;
    Ok(Exit::Interrupted)
}

/// Runs everything until it is told to stop and all pods are gone.
async fn play(
    printer: Printer,
    ctx: &Context,
    controller: Controller,
    listeners: Vec<(TcpListener, String, u16)>,
    mut told: mpsc::UnboundedReceiver<Event>,
    mut stop: watch::Receiver<Stop>,
) {
    let mut screen = Screen::new(printer);
    let mut rows = controller.rows();
    let (stop_listening, listening) = watch::channel(false);
    let mut forwarders = JoinSet::new();
    let mut urls = Vec::new();
    for (listener, service, port) in listeners {
        let Some(pool) = controller.pool(&service, port) else {
            continue;
        };
        if let Ok(address) = listener.local_addr() {
            urls.push(format!("http://{address}/"));
            let _ = ctx.events.send(Event::Listening { service, address });
        }
        forwarders.spawn(Forwarder::new(listener, pool).run(listening.clone()));
    }
    drop(listening);
    screen.set_url(urls.join("  "));
    let mut playing = tokio::spawn(controller.run(stop.clone()));
    let mut stopping = false;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            event = told.recv() => if let Some(event) = event {
                screen.event(&event);
                if matches!(event, Event::Settled { .. }) {
                    // Once: later it is in the table.
                    urls.drain(..).for_each(|url| screen.line(&url));
                }
            },
            changed = rows.changed() => if changed.is_ok() {
                let now = rows.borrow_and_update().clone();
                screen.update(now);
            } else {
                break;
            },
            _ = stop.wait_for(|stop| *stop != Stop::No), if !stopping => {
                stopping = true;
                // New connections are refused from here on; those under way go on.
                stop_listening.send_replace(true);
                screen.line("Stopping; once more to stop at once");
            }
            _ = tick.tick() => {
                let now = rows.borrow().clone();
                screen.update(now);
            }
            _ = &mut playing => break,
        }
    }
    while let Ok(event) = told.try_recv() {
        screen.event(&event);
    }
    screen.finish();
    drop(stop_listening);
    forwarders.shutdown().await;
}

/// The images that containerd does not have; each is in the layout.
async fn find_images(
    client: &Containerd,
    layout: Option<&Layout>,
    desired: &Desired,
) -> anyhow::Result<BTreeSet<String>> {
    let mut missing = BTreeSet::new();
    for deployment in &desired.deployments {
        for container in &deployment.template.spec.containers {
            let name = &container.image;
            if client.image(name).await?.is_some() {
                continue;
            }
            let at = || {
                format!(
                    "Deployment `{}`: container `{}`",
                    deployment.name, container.name
                )
            };
            let Some(layout) = layout else {
                let message = format!("{}: image `{name}` is not in containerd", at());
                let hint = "name a layout that has it with --images oci:DIR";
                return Err(Wrong::new(message, Some(hint)).into());
            };
            let reference: Reference = name.parse()?;
            let image = layout.find(&reference).with_context(at)?;
            layout
                .select(&image, &oci::Platform::host())
                .with_context(at)?;
            missing.insert(name.clone());
        }
    }
    Ok(missing)
}

async fn import(
    printer: Printer,
    client: &Containerd,
    instance: &Instance,
    layout: &Layout,
    name: &str,
) -> anyhow::Result<()> {
    let image = layout.find(&name.parse()?)?;
    let marks = Labels::from([(labels::IMPORTED.to_owned(), instance.id.clone())]);
    let unique = format!("{}{}", instance.import_prefix(), random_hex());
    let mark = (labels::INSTANCE.to_owned(), instance.id.clone());
    let held = holding(unique, Labels::from([mark]));
    let imported = images::import(client, layout, &image, name, marks, &held)
        .await
        .with_context(|| format!("cannot import `{name}` from `{}`", layout.path().display()))?;
    printer.status(&format!(
        "Imported {name}: {} blobs ({} already there, {})",
        imported.written,
        imported.present,
        bytes(imported.bytes)
    ));
    Ok(())
}

/// Leaves nothing, unless an `up` that failed found pods that were there before it.
async fn finish(
    printer: Printer,
    global: &Global,
    client: &Containerd,
    instance: &Instance,
    lock: Lock,
    outcome: anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let clean = match &outcome {
        Ok(_) => true,
        Err(_) => observe(client, &instance.id)
            .await
            .is_ok_and(|(pods, strays)| pods.is_empty() && strays.is_empty()),
    };
    if clean {
        let removed = remove_all(client, instance).await;
        match (&outcome, removed) {
            (Ok(_), Err(error)) => {
                return Err(anyhow::Error::new(error).context("cannot remove everything"));
            }
            // The first error is the one to tell.
            (Err(_), Err(_)) => return outcome,
            _ => {}
        }
        lock.remove_dir(&global.state_dir)
            .with_context(|| format!("cannot remove `{}`", instance.dir.display()))?;
        if outcome.is_ok() {
            printer.status("Stopped; nothing is left");
        }
    }
    outcome
}
