//! Binds, serves and drains.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Service as _;
use actix_web::http::header::{CONNECTION, HeaderValue};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use thiserror::Error;

use crate::lifecycle::{DrainResult, Lifecycle, State};
use crate::routes;
use crate::settings::Settings;

/// The two listeners, bound.
#[derive(Debug)]
pub struct Bound {
    public: TcpListener,
    admin: TcpListener,
}

/// What every handler may read.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) life: Arc<Lifecycle>,
}

/// Why the service cannot run.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A listener's address is taken or not ours.
    #[error("cannot listen on {address} ({setting})")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The setting that named it.
        setting: &'static str,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The workers failed.
    #[error("cannot serve")]
    Serve(#[source] std::io::Error),
}

impl Bound {
    /// Binds both listeners.
    ///
    /// # Errors
    /// [`ServeError::Bind`] where an address cannot be had.
    pub fn bind(settings: &Settings) -> Result<Self, ServeError> {
        let bind = |address, setting| {
            TcpListener::bind(address).map_err(|source| ServeError::Bind {
                address,
                setting,
                source,
            })
        };
        let public = bind(settings.listen, "APP_LISTEN")?;
        let admin = bind(settings.admin_listen, "APP_ADMIN_LISTEN")?;
        Ok(Self { public, admin })
    }

    /// The addresses in use: public and admin.
    ///
    /// # Errors
    /// What the kernel says, which it has no reason to.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.public.local_addr()?, self.admin.local_addr()?))
    }
}

/// Serves until `shutdown` resolves, and then drains.
///
/// # Errors
/// [`ServeError::Serve`] where the workers cannot run.
pub async fn run(
    settings: Settings,
    bound: Bound,
    shutdown: impl Future<Output = ()>,
) -> Result<DrainResult, ServeError> {
    let life = Arc::new(Lifecycle::default());
    let drain = settings.drain;
    let keep_alive = settings.timeouts.keep_alive;
    let workers = settings
        .workers
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let shared = Data::new(Shared {
        settings,
        life: Arc::clone(&life),
    });

    let app = shared.clone();
    let state = Arc::clone(&life);
    let public = HttpServer::new(move || {
        let state = Arc::clone(&state);
        App::new()
            .app_data(app.clone())
            .configure(routes::public)
            .wrap_fn(move |request, next| {
                let draining = state.state() >= State::Draining;
                let answer = next.call(request);
                async move {
                    let mut answer = answer.await?;
                    if draining {
                        answer
                            .headers_mut()
                            .insert(CONNECTION, HeaderValue::from_static("close"));
                    }
                    Ok(answer)
                }
            })
    })
    .workers(workers)
    .keep_alive(keep_alive)
    .shutdown_timeout(drain.deadline.as_secs())
    .disable_signals()
    .listen(bound.public)
    .map_err(ServeError::Serve)?
    .run();
    let admin =
        HttpServer::new(move || App::new().app_data(shared.clone()).configure(routes::admin))
            .workers(1)
            .shutdown_timeout(1)
            .disable_signals()
            .listen(bound.admin)
            .map_err(ServeError::Serve)?
            .run();

    let (public_handle, admin_handle) = (public.handle(), admin.handle());
    let public = actix_web::rt::spawn(public);
    let admin = actix_web::rt::spawn(admin);
    life.advance(State::Ready);
    tracing::info!(workers, "ready");

    shutdown.await;
    life.advance(State::Draining);
    tracing::info!(delay_ms = millis(drain.delay), "draining");
    tokio::time::sleep(drain.delay).await;
    public_handle.stop(drain.deadline > Duration::ZERO).await;
    life.advance(State::Stopped);
    admin_handle.stop(false).await;
    drop((public.await, admin.await));
    tracing::info!("stopped");
    Ok(DrainResult::Complete)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
