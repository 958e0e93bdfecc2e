//! The time in which the pods run: shows what happens, and forwards connections to them.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::published::Published;
use super::session::Session;
use crate::balancer::{self, Balancer, Notice, Port};
use crate::commands::error::{CommandError, Result};
use crate::commands::process::raise_open_files;
use crate::commands::screen::Screen;
use crate::play::{Context, Controller, Event, Stop, reported};

/// A bound port of this machine, and the Service's port that it is for.
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    pub(super) published: Published,
}

/// Runs everything until a signal, and then until all pods are gone.
pub(super) async fn serve(
    session: &Session,
    ctx: &Context,
    controller: Controller,
    listeners: Vec<Listening>,
    mut events: mpsc::UnboundedReceiver<Event>,
) -> Result<()> {
    let mut stop = session.stop.clone();
    let mut screen = Screen::new(session.printer);
    let mut rows = controller.rows();
    let (ports, mut urls) = ports(ctx, &controller, listeners)?;
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

/// The ports of the load balancer, and their URLs; each is reported as an event too.
fn ports(
    ctx: &Context,
    controller: &Controller,
    listeners: Vec<Listening>,
) -> Result<(Vec<Port>, Vec<String>)> {
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
    Ok((ports, urls))
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
