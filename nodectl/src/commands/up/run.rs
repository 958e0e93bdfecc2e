//! The command: checks, creates what the pods need, runs them, and removes everything.

use std::sync::Arc;
use std::time::Duration;

use cli::{Bytes, Exit, Printer};
use oci::layout::Layout;
use tokio::sync::mpsc;

use super::plan::{UpPlan, find_in};
use super::serve::{Listening, serve};
use super::session::Session;
use crate::args::{Global, UpArgs};
use crate::commands::error::{CommandError, Result, UsageError};
use crate::commands::images::holding;
use crate::commands::process::{now_ms, random_hex};
use crate::containerd::{Containerd, Labels};
use crate::images;
use crate::network::{self, Bridge};
use crate::play::{self, Context, Controller, Instance, Machine, Stop, labels};
use crate::publish;
use crate::spec;

/// What the pods' network lacks compared with a cluster's.
const NETWORK: &str = "Pods reach each other and this machine by address: there are no Service names, and \
                     no route to other networks";

pub(in crate::commands) async fn up(
    printer: Printer,
    global: &Global,
    args: &UpArgs,
) -> Result<Exit> {
    let plan = UpPlan::read(printer, args)?;
    if !nix::unistd::geteuid().is_root() {
        let hint = "run it with sudo: pods need network namespaces and cgroups";
        return Err(UsageError::new("`nodectl up` needs root", Some(hint)).into());
    }
    let grace = Duration::from_secs(args.grace_period.into());
    let session = Session::open(printer, global, grace).await?;
    let lock = session.instance.lock()?;
    let outcome = run(&session, plan).await;
    session.finish(global, lock, outcome).await
}

/// Checks what depends on this machine, creates what the pods need, and runs them until they are gone.
async fn run(session: &Session, plan: UpPlan) -> Result<Exit> {
    let Session {
        client, instance, ..
    } = session;
    let mut listeners = Vec::new();
    for published in &plan.published {
        listeners.push(Listening {
            listener: publish::bind(published.address)?,
            published: published.clone(),
        });
    }
    let subnet = Bridge::check(&instance.bridge, plan.subnet).await?;
    plan.check_fits(subnet)?;
    let daemon = client.daemon_pid().await;
    if let Some(daemon) = daemon {
        network::check_seen_by(daemon, &instance.netns_dir())?;
    }
    let missing = plan.missing_images(client).await?;

    // All checks have passed; from here on resources are created.
    instance.create_data()?;
    client.create_namespace(Labels::new()).await?;
    if let Some(layout) = &plan.layout {
        for name in missing {
            let mut stop = session.stop.clone();
            tokio::select! {
                imported = import(session, layout, &name) => imported?,
                _ = stop.wait_for(|stop| *stop != Stop::No) => return Err(CommandError::Interrupted),
            }
        }
    }
    check_users(client, instance, &plan).await?;
    let bridge = Bridge::ensure(&instance.bridge, plan.subnet).await?;
    let (sender, events) = mpsc::unbounded_channel();
    let ctx = Arc::new(Context {
        client: client.clone(),
        instance: instance.clone(),
        bridge,
        machine: Machine::read(daemon),
        clock: now_ms,
        random: random_hex,
        events: sender,
        images: tokio::sync::Mutex::default(),
    });
    let _reports = play::listen(instance, ctx.events.clone())?;
    let mut controller = Controller::new(Arc::clone(&ctx), plan.desired);
    controller.adopt().await.map_err(CommandError::Adopt)?;
    session.printer.status(NETWORK);
    serve(session, &ctx, controller, listeners, events).await?;
    Ok(Exit::Interrupted)
}

async fn import(session: &Session, layout: &Layout, name: &str) -> Result<()> {
    let instance = &session.instance;
    let image = find_in(layout, &name.parse()?)?;
    let marks = Labels::from([(labels::IMPORTED.to_owned(), instance.id.clone())]);
    let unique = format!("{}{}", instance.import_prefix(), random_hex());
    let mark = (labels::INSTANCE.to_owned(), instance.id.clone());
    let held = holding(unique, Labels::from([mark]));
    let imported = images::import(&session.client, layout, &image, name, marks, &held)
        .await
        .map_err(|source| CommandError::Import {
            name: name.to_owned(),
            layout: layout.path().to_owned(),
            source: Box::new(source),
        })?;
    session.printer.status(&format!(
        "Imported {name}: {} blobs ({} already there, {})",
        imported.written,
        imported.present,
        Bytes(imported.bytes)
    ));
    Ok(())
}

/// Checks that each container's user can be determined from its image.
async fn check_users(client: &Containerd, instance: &Instance, plan: &UpPlan) -> Result<()> {
    for (deployment, container) in plan.containers() {
        let mark = (labels::INSTANCE.to_owned(), instance.id.clone());
        let image = images::lookup(client, &container.image, &Labels::from([mark])).await?;
        let Some(image) = image else {
            continue;
        };
        let pod = &deployment.template.spec.security_context;
        let own = &container.security_context;
        spec::resolve_user(image.config.user(), &image.accounts, pod, own).map_err(|source| {
            CommandError::User {
                origin: deployment.origin.clone(),
                deployment: deployment.name.clone(),
                container: container.name.to_string(),
                source,
            }
        })?;
    }
    Ok(())
}
