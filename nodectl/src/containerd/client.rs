//! The connection: one channel, one namespace, a deadline for every call.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use containerd_client::tonic::codegen::http::Uri;
use containerd_client::tonic::metadata::{Ascii, MetadataValue};
use containerd_client::tonic::transport::{self, Channel, Endpoint};
use containerd_client::tonic::{Request, Response, Status};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tower::service_fn;

use super::Error;

/// Where containerd listens by default.
pub const DEFAULT_ADDRESS: &str = "/run/containerd/containerd.sock";

/// Most calls return within milliseconds; 10 s suffices on a loaded disk, and is short enough that
/// a stuck shim is reported rather than waited for.
const DEADLINE: Duration = Duration::from_secs(10);

/// The containers of one node and their specs can exceed 15 MB; tonic's default is 4 MiB.
pub(super) const MAX_MESSAGE_BYTES: usize = 128 << 20;

/// A client of one containerd, in one of its namespaces.
#[derive(Clone, Debug)]
pub struct Containerd {
    pub(super) channel: Channel,
    address: PathBuf,
    namespace: String,
    namespace_header: MetadataValue<Ascii>,
    lease_header: Option<MetadataValue<Ascii>>,
}

impl Containerd {
    /// Connects to the socket at `address`.
    ///
    /// # Errors
    /// [`Error::Socket`] if nothing listens there or permission is denied, [`Error::Namespace`] if the
    /// namespace cannot be sent.
    pub async fn connect(address: &Path, namespace: &str) -> Result<Self, Error> {
        let namespace_header = namespace
            .parse()
            .ok()
            .filter(|_| !namespace.is_empty())
            .ok_or_else(|| Error::Namespace {
                name: namespace.to_owned(),
            })?;
        let socket = |source| Error::Socket {
            path: address.to_owned(),
            source,
        };
        let stream = UnixStream::connect(address).await.map_err(socket)?;
        let channel = timeout(DEADLINE, channel(address.to_owned(), stream))
            .await
            .map_err(|elapsed| socket(elapsed.into()))?
            .map_err(|error| socket(std::io::Error::other(error)))?;
        Ok(Self {
            channel,
            address: address.to_owned(),
            namespace: namespace.to_owned(),
            namespace_header,
            lease_header: None,
        })
    }

    /// The daemon's process ID, from the socket's peer credentials.
    pub async fn daemon_pid(&self) -> Option<i32> {
        UnixStream::connect(&self.address)
            .await
            .ok()?
            .peer_cred()
            .ok()?
            .pid()
    }

    /// The socket's path.
    pub fn address(&self) -> &Path {
        &self.address
    }

    /// The namespace of the calls.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The same client, with a lease that holds what its calls create.
    pub(super) fn leased(&self, lease: &str) -> Self {
        Self {
            lease_header: lease.parse().ok(),
            ..self.clone()
        }
    }

    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert("containerd-namespace", self.namespace_header.clone());
        if let Some(lease) = &self.lease_header {
            metadata.insert("containerd-lease", lease.clone());
        }
        request
    }

    /// Awaits one call, within the deadline.
    pub(super) async fn call<T>(
        &self,
        call: &'static str,
        object: &str,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Error> {
        self.call_within(DEADLINE, call, object, answer).await
    }

    /// Awaits one call with its own deadline, as for unpacking a layer.
    pub(super) async fn call_within<T>(
        &self,
        deadline: Duration,
        call: &'static str,
        object: &str,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Error> {
        match timeout(deadline, answer).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(Error::status(call, object, &self.address, &status)),
            Err(_) => Err(Error::Deadline {
                call,
                object: object.to_owned(),
                after: deadline,
            }),
        }
    }
}

/// A channel over `stream`, and if that is lost, over new connections to `address`.
///
/// The caller connects the first one: its error distinguishes a missing, forbidden or dead socket, and the
/// channel's is only a transport error.
async fn channel(address: PathBuf, stream: UnixStream) -> Result<Channel, transport::Error> {
    let first = Mutex::new(Some(stream));
    let connector = service_fn(move |_: Uri| {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let address = address.clone();
        async move {
            let stream = match first {
                Some(stream) => stream,
                None => UnixStream::connect(address).await?,
            };
            Ok::<_, std::io::Error>(TokioIo::new(stream))
        }
    });
    // The connector ignores the URI, which only becomes the `:authority` of requests.
    Endpoint::from_static("http://[::]")
        .connect_with_connector(connector)
        .await
}
