//! The registry's content, its behaviour, and the requests that it received.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use oci::Digest;

/// The clients it accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Anyone.
    #[default]
    Open,
    /// Those with the name and password, like Amazon ECR.
    Basic(String, String),
    /// Those with a token, issued for the name and password; a token is valid for the given number of
    /// requests.
    Bearer(String, String, u32),
}

/// How it differs from what the specification describes.
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent differences, not states"
)]
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// The clients it accepts.
    pub auth: Auth,
    /// Its token server issues tokens for reading to clients without credentials.
    pub public: bool,
    /// The status of its response to a PATCH; Amazon ECR's is 201.
    pub patch_status: u16,
    /// Its `Range` lags after the first chunk, like ECR's.
    pub lagging_range: bool,
    /// It refuses a tag that exists, even for the same content, as ECR can.
    pub immutable_tags: bool,
    /// The existing repositories; any if `None`.
    pub repositories: Option<BTreeSet<String>>,
    /// It sends no `Docker-Content-Digest` header.
    pub silent: bool,
    /// The minimum size of a chunk that it announces.
    pub chunk_min_bytes: Option<u64>,
    /// The largest chunk that it accepts: 4 MiB for GitHub's registry, 0 for one that accepts no
    /// chunks, such as Google's Artifact Registry.
    pub chunk_max_bytes: u64,
    /// The minimum size of every chunk but the last, as in Amazon ECR.
    pub chunk_least_bytes: u64,
    /// It responds to the PUT of a manifest with a `Location`, as the specification demands.
    pub manifest_location: bool,
    /// It accepts a media type with parameters, and sends one.
    pub media_type_parameters: bool,
    /// It refuses requests that the specification does not allow.
    pub strict: bool,
    /// The largest blob that it accepts in one request, as a proxy in front of it may limit it.
    pub whole_max_bytes: u64,
    /// It mounts blobs from other repositories.
    pub mounts: bool,
    /// It lists referrers.
    pub referrers: bool,
    /// It honours `If-Match` and `If-None-Match`.
    pub conditions: bool,
    /// It creates a repository when something is pushed to it.
    pub create_on_push: bool,
    /// The request rates that it accepts.
    pub limits: Option<Limits>,
    /// The tags in one page of their list.
    pub tags_page: usize,
    /// The host, `HOST:PORT`, that it redirects all requests below `/v2/` to, once they are
    /// authorized.
    pub redirect: Option<String>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            auth: Auth::Open,
            public: false,
            patch_status: 202,
            lagging_range: false,
            immutable_tags: false,
            repositories: None,
            silent: false,
            chunk_min_bytes: None,
            chunk_max_bytes: u64::MAX,
            chunk_least_bytes: 0,
            manifest_location: true,
            media_type_parameters: true,
            strict: false,
            whole_max_bytes: u64::MAX,
            mounts: true,
            referrers: true,
            conditions: false,
            create_on_push: false,
            limits: None,
            tags_page: 100,
            redirect: None,
        }
    }
}

/// How many requests of each operation are accepted at once, and then per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// PUT of a manifest.
    pub put_manifest: f64,
    /// POST of an upload.
    pub start_upload: f64,
    /// PUT of an upload.
    pub complete_upload: f64,
    /// HEAD of a blob.
    pub check_blob: f64,
}

/// The remainder of a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) requests: f64,
    pub(super) at: Instant,
}

/// A fault that is injected into the next matching requests.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The method of the requests.
    pub method: &'static str,
    /// A part of their path.
    pub path: &'static str,
    /// How many matching requests pass before the first fault.
    pub after: u32,
    /// How many requests the fault hits after that.
    pub times: u32,
    /// The fault.
    pub action: Action,
}

/// The kinds of faults.
#[derive(Clone, Debug)]
pub enum Action {
    /// The response is this status, with these headers and this body.
    Respond(u16, Vec<(&'static str, String)>, &'static str),
    /// The connection is closed after the given number of bytes of the request's body.
    CutRequest(u64),
    /// The request is processed, and the connection is closed without a response.
    CutResponse,
    /// The connection is closed in the middle of the response's body.
    CutBody,
    /// One bit of the response's body is flipped.
    DamageBody,
    /// `Docker-Content-Digest` is another digest.
    OtherDigest,
    /// The response has no `Location`.
    NoLocation,
    /// `Content-Length` exceeds the response's body, and the connection is closed after it.
    WrongLength,
    /// `Range` claims that nothing is stored.
    StaleRange,
    /// All tokens expire.
    EndTokens,
    /// The response is sent in small pieces.
    Trickle,
    /// The response is sent when the bodies of this many such requests have arrived. If they do not
    /// arrive within half a minute, the connection is closed without one.
    Gather(u32),
    /// A manifest is accepted and at once overwritten by another client: nothing is stored.
    LoseWrite,
}

/// A request as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its query, if any.
    pub query: String,
    /// Its `Authorization`.
    pub authorization: Option<String>,
    /// Its `Content-Range`.
    pub content_range: Option<String>,
    /// How many bytes its body had.
    pub body_bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) behaviour: Behaviour,
    pub(super) blobs: BTreeMap<Digest, Vec<u8>>,
    /// The repositories that contain a blob; all of them if there is no entry.
    pub(super) links: BTreeMap<Digest, BTreeSet<String>>,
    /// By `repository@digest`: media type and bytes.
    pub(super) manifests: BTreeMap<(String, Digest), (String, Vec<u8>)>,
    pub(super) tags: BTreeMap<(String, String), Digest>,
    /// By number: repository and data.
    pub(super) uploads: BTreeMap<u64, Upload>,
    pub(super) counter: u64,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) left: BTreeMap<&'static str, Left>,
    /// How many requests exceeded a limit.
    pub(super) refused_rates: u32,
    pub(super) faults: Vec<Fault>,
    /// How many requests had the fault [`Action::Gather`].
    pub(super) gathered: u32,
    pub(super) seen: Vec<Seen>,
}

/// A token that was issued.
#[derive(Debug)]
pub(super) struct Token {
    /// How many more requests it is valid for.
    pub(super) left: u32,
    pub(super) scopes: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Upload {
    pub(super) data: Vec<u8>,
    /// The size that `Range` reports if it lags.
    pub(super) reported: u64,
    /// A chunk was smaller than the minimum, so no other may follow.
    pub(super) short: bool,
}

impl State {
    /// A blob that a repository has.
    pub(super) fn blob(&self, repository: &str, digest: Digest) -> Option<&Vec<u8>> {
        let links = self.links.get(&digest);
        let linked = links.is_none_or(|repositories| repositories.contains(repository));
        self.blobs.get(&digest).filter(|_| linked)
    }

    /// Gives a repository a blob.
    pub(super) fn link(&mut self, repository: &str, digest: Digest) {
        let links = self.links.entry(digest).or_default();
        links.insert(repository.to_owned());
    }

    /// The fault that hits this request, if one does.
    pub(super) fn fault(&mut self, method: &str, path: &str) -> Option<Action> {
        let matching = |fault: &&mut Fault| {
            fault.times > 0 && fault.method == method && path.contains(fault.path)
        };
        let fault = self.faults.iter_mut().find(matching)?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        fault.times -= 1;
        Some(fault.action.clone())
    }
}
