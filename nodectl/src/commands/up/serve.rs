//! Runs a plan in the foreground.

use std::sync::Arc;
use std::time::Duration;

use cli::{Bytes, Exit};
use oci::layout::Layout;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::Session;
use super::plan::{UpPlan, find_in};
use super::published::Published;
use crate::balancer::{self, Balancer, Notice, Port};
use crate::commands::error::{CommandError, Result};
use crate::commands::images::holding;
use crate::commands::process::{now_ms, raise_open_files, random_hex};
use crate::commands::screen::Screen;
use crate::containerd::Labels;
use crate::images;
use crate::network::{self, Bridge};
use crate::play::{self, Context, Controller, Event, Machine, Stop, labels, reported};
use crate::publish;
use crate::spec;

/// What the pods' network lacks compared with a cluster's.
const NETWORK: &str = "Pods reach each other and this machine by address: there are no Service names, and \
                     no route to other networks";

/// A bound port of this machine, and the Service's port that it is for.
struct Listening {
    listener: TcpListener,
    published: Published,
}

pub(super) async fn run(session: &Session, plan: UpPlan) -> Result<Exit> {
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

/// Runs everything until a signal, and then until all pods are gone.
async fn serve(
    session: &Session,
    ctx: &Context,
    controller: Controller,
    listeners: Vec<Listening>,
    mut events: mpsc::UnboundedReceiver<Event>,
) -> Result<()> {
    let mut stop = session.stop.clone();
    let mut screen = Screen::new(session.printer);
    let mut rows = controller.rows();
    let mut ports = Vec::new();
    let mut urls = Vec::new();
    for Listening {
        listener,
        published,
    } in listeners
    {
        let Published {
            namespace,
            service,
            port,
            ..
        } = published;
        let Some(pool) = controller.pool(&namespace, &service, port) else {
            continue;
        };
        let name = service.as_str().into();
        if let Ok(address) = listener.local_addr() {
            urls.push(format!("http://{address}/"));
            let _ = ctx.events.send(Event::Listening { service, address });
        }
        let listener = listener.into_std().map_err(CommandError::Balancer)?;
        ports.push(Port {
            service: name,
            listener,
            pool,
        });
    }
    let (notify, mut notices) = mpsc::unbounded_channel();
    let balancer = start_balancer(ports, notify)?;
    screen.set_url(urls.join("  "));
    let mut playing = tokio::spawn(controller.run(stop.clone()));
    let mut stopping = false;
    let mut shown = Vec::new();
    // Replaces the file of a killed `up`.
    let _ = reported::save(&ctx.instance, &shown);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            event = events.recv() => if let Some(event) = event {
                screen.event(&event);
                if matches!(event, Event::RolloutComplete { .. }) {
                    // Only once: the table shows it later.
                    urls.drain(..).for_each(|url| screen.line(&url));
                }
            },
            notice = notices.recv() => if let Some(notice) = notice {
                screen.line(&notice.to_string());
            },
            changed = rows.changed() => if changed.is_ok() {
                let now = rows.borrow_and_update().clone();
                if now != shown {
                    // Without this file, `ps` shows only what containerd has.
                    let _ = reported::save(&ctx.instance, &now);
                    shown.clone_from(&now);
                }
                screen.update(&now);
            } else {
                break;
            },
            _ = stop.wait_for(|stop| *stop != Stop::No), if !stopping => {
                stopping = true;
                // New connections are refused from now on; open ones continue.
                balancer.stop_listening();
                screen.line("Stopping; press Ctrl-C again to kill the pods");
            }
            _ = tick.tick() => {
                let now = rows.borrow().clone();
                screen.update(&now);
            }
            _ = &mut playing => break,
        }
    }
    while let Ok(event) = events.try_recv() {
        screen.event(&event);
    }
    screen.finish();
    drop(balancer);
    Ok(())
}

/// Starts the load balancer with as many connections as this process may open files for.
fn start_balancer(ports: Vec<Port>, notify: mpsc::UnboundedSender<Notice>) -> Result<Balancer> {
    let open_files = raise_open_files(balancer::OPEN_FILES);
    let settings = balancer::Settings {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        max_connections: balancer::connections_for(open_files),
        on_notice: Box::new(move |notice| {
            // The receiver may be gone while everything stops.
            let _ = notify.send(notice);
        }),
    };
    Balancer::start(ports, settings).map_err(CommandError::Balancer)
}
