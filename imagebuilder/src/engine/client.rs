//! The client of an engine's API.

use std::io::{self, BufRead as _, BufReader, Read};
use std::time::Duration;

use oci::{Mismatch, Platform, Reference};
use serde::Deserialize;
use ureq::http::{Request, Response};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, AsSendBody, Body, SendBody};

use super::error::EngineError;
use super::host::Host;
use super::settings::EngineSettings;
use super::socket::SocketConnector;

/// How long an engine may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an engine may be silent while it loads or packs an image of many GiB.
const WORK: Duration = Duration::from_mins(30);

/// How long an engine may leave the request unread.
const SILENCE: Duration = Duration::from_mins(2);

/// The longest response that is read, except for images.
const ANSWER_BYTES: u64 = 1 << 20;

/// A container engine.
#[derive(Debug)]
pub(crate) struct Engine {
    agent: Agent,
    host: Host,
    base: String,
}

/// A line of the response to `POST /images/load`.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    stream: String,
    error: Option<String>,
}

/// The response to `GET /version`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    os: String,
    arch: String,
}

/// The body of an error.
#[derive(Deserialize)]
struct Message {
    message: String,
}

impl Engine {
    /// The engine that the environment selects. Nothing is sent yet.
    pub(crate) fn new(settings: &EngineSettings) -> Result<Self, EngineError> {
        let host = settings.host()?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .user_agent(concat!("imagebuilder/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(WORK))
            .timeout_per_write(Some(SILENCE))
            .build();
        let resolver = DefaultResolver::default();
        let (agent, address) = match &host {
            Host::Socket(path) => {
                let connector = SocketConnector(path.clone());
                // The URL's host is ignored.
                let address = "127.0.0.1".to_owned();
                (Agent::with_parts(config, connector, resolver), address)
            }
            Host::Tcp(address) => {
                let connector = DefaultConnector::default();
                let agent = Agent::with_parts(config, connector, resolver);
                (agent, address.clone())
            }
        };
        Ok(Self {
            agent,
            base: format!("http://{address}"),
            host,
        })
    }

    /// The platform that its containers run on.
    pub(crate) fn platform(&self) -> Result<Platform, EngineError> {
        let response = self.send("GET", "/version", "GET /version", SendBody::none())?;
        let bytes = self.read(response)?;
        let version: Version = serde_json::from_slice(&bytes).map_err(|error| self.cut(error))?;
        let mut platform = Platform::linux(&version.arch);
        platform.os = version.os;
        Ok(platform)
    }

    /// Loads the images of a tar of `size` bytes, and returns the engine's messages, one per line.
    pub(crate) fn load(&self, tar: &mut dyn Read, size: u64) -> Result<Vec<String>, EngineError> {
        let mut tar = tar;
        let mut body = SendBody::from_reader(&mut tar);
        let request = Request::builder()
            .method("POST")
            .uri(format!("{}/images/load?quiet=1", self.base))
            .header("content-type", "application/x-tar")
            .header("content-length", size);
        let response = self.run(request.body(body.as_body()), "POST /images/load")?;
        let mut loaded = Vec::new();
        let reader = response.into_body().into_reader().take(ANSWER_BYTES);
        for line in BufReader::new(reader).lines() {
            let line = line.map_err(|source| self.unreadable(source))?;
            if line.is_empty() {
                continue;
            }
            let line: Line = serde_json::from_str(&line).map_err(|error| self.cut(error))?;
            if let Some(message) = line.error {
                let host = self.host.clone();
                return Err(EngineError::Load { host, message });
            }
            let texts = line.stream.lines().filter(|text| !text.is_empty());
            loaded.extend(texts.map(str::to_owned));
        }
        Ok(loaded)
    }

    /// Opens the tar of an image, as `docker save` writes it.
    pub(crate) fn save(&self, reference: &Reference) -> Result<impl Read + use<>, EngineError> {
        // Without a tag, the engine would return the images of all tags.
        let mut name = reference.clone();
        if name.tag().is_none() && name.digest().is_none() {
            name = name.with_tag("latest").expect("`latest` is a tag");
        }
        let path = format!("/images/{name}/get");
        let response = self.send("GET", &path, "GET /images/NAME/get", SendBody::none());
        let response = response.map_err(|error| match error {
            EngineError::Status {
                host, status: 404, ..
            } => {
                let reference = Box::new(name.clone());
                EngineError::NoSuchImage { host, reference }
            }
            error => error,
        })?;
        let body = response.into_body().into_with_config();
        Ok(body.limit(u64::MAX).reader())
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        request: &'static str,
        body: SendBody<'_>,
    ) -> Result<Response<Body>, EngineError> {
        let uri = format!("{}{path}", self.base);
        let built = Request::builder().method(method).uri(uri).body(body);
        self.run(built, request)
    }

    fn run<B: AsSendBody>(
        &self,
        built: Result<Request<B>, ureq::http::Error>,
        request: &'static str,
    ) -> Result<Response<Body>, EngineError> {
        let sent = built
            .map_err(ureq::Error::from)
            .and_then(|built| self.agent.run(built));
        let response = sent.map_err(|error| self.failed(error))?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(response);
        }
        let bytes = self.read(response).unwrap_or_default();
        let message = match serde_json::from_slice::<Message>(&bytes) {
            Ok(Message { message }) => message,
            Err(_) => String::from_utf8_lossy(&bytes).trim().to_owned(),
        };
        Err(EngineError::Status {
            host: self.host.clone(),
            request,
            status,
            message,
        })
    }

    fn read(&self, response: Response<Body>) -> Result<Vec<u8>, EngineError> {
        let mut bytes = Vec::new();
        let reader = response.into_body().into_reader();
        let read = reader.take(ANSWER_BYTES).read_to_end(&mut bytes);
        read.map_err(|source| self.unreadable(source))?;
        Ok(bytes)
    }

    /// The error of a request without a response; a damaged image is an error of its source.
    fn failed(&self, error: ureq::Error) -> EngineError {
        let host = self.host.clone();
        let mismatch = match &error {
            ureq::Error::Io(error) => Mismatch::of(error).cloned(),
            _ => None,
        };
        match mismatch {
            Some(source) => EngineError::Damaged { host, source },
            None => EngineError::Unreachable {
                host,
                source: error,
            },
        }
    }

    fn unreadable(&self, source: io::Error) -> EngineError {
        let host = self.host.clone();
        EngineError::Read { host, source }
    }

    fn cut(&self, error: serde_json::Error) -> EngineError {
        self.unreadable(io::Error::new(io::ErrorKind::InvalidData, error))
    }
}
