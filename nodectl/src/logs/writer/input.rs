//! The input of a writer, from its command line and environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Pipes;

/// The descriptors that the shim passes: the container's two streams, and the pipe for the readiness of
/// the writer.
const OF_SHIM: [u32; 3] = [3, 4, 5];

/// The descriptors of a writer that nodectl starts to replace a killed one.
const OF_NODECTL: [u32; 2] = [0, 1];

/// The input of a writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// The log: `DIR/logs/POD/CONTAINER/N.log`, in an instance's directory.
    pub(super) log: PathBuf,
    /// The container's ID.
    pub(super) container: String,
    /// The descriptors of the container's two streams.
    pub(super) streams: [u32; 2],
    /// The descriptor that takes a byte when the writer is ready.
    pub(super) ready: Option<u32>,
}

impl Input {
    /// The first argument of a writer's command line.
    pub(crate) const COMMAND: &'static str = "log-writer";

    /// The URI by which containerd's shim starts a writer for the log at `log`. It names the program through
    /// process `pid`, so that it is found even after it was replaced on disk.
    pub(crate) fn uri(pid: u32, log: &Path) -> String {
        // The shim turns the query into arguments in any order, so there is only one pair.
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair(Self::COMMAND, &log.to_string_lossy())
            .finish();
        format!("binary:///proc/{pid}/exe?{query}")
    }

    /// Reads a command line without the program's name; `None` if it is not a writer's. `of_shim` is the
    /// container's ID in the environment that the shim passes.
    pub(crate) fn parse(
        mut args: impl Iterator<Item = OsString>,
        of_shim: Option<String>,
    ) -> Option<Self> {
        if args.next()? != Self::COMMAND {
            return None;
        }
        let log = PathBuf::from(args.next()?);
        let (container, streams, ready) = match args.next() {
            Some(container) => (container.into_string().ok()?, OF_NODECTL, None),
            None => (of_shim?, [OF_SHIM[0], OF_SHIM[1]], Some(OF_SHIM[2])),
        };
        Some(Self {
            log,
            container,
            streams,
            ready,
        })
    }

    /// The directory of the instance.
    pub(super) fn instance_dir(&self) -> Option<&Path> {
        self.log.ancestors().nth(4)
    }

    /// The file that records the reader of the container's pipes.
    pub(super) fn record(&self) -> Option<PathBuf> {
        Some(Pipes::path(self.instance_dir()?, &self.container))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_is_what_the_shim_starts() {
        let uri = Input::uri(7, Path::new("/run/a b&c/logs/p/c/0.log"));
        assert_eq!(
            uri,
            "binary:///proc/7/exe?log-writer=%2Frun%2Fa+b%26c%2Flogs%2Fp%2Fc%2F0.log"
        );
    }

    #[test]
    fn only_a_writers_command_line_is_recognized() {
        let parse = |args: &[&str], id: Option<&str>| {
            Input::parse(args.iter().map(OsString::from), id.map(str::to_owned))
        };
        let by_shim = parse(&["log-writer", "/run/x/logs/p/c/0.log"], Some("id")).unwrap();
        assert_eq!((by_shim.streams, by_shim.ready), ([3, 4], Some(5)));
        assert_eq!(by_shim.record(), Some("/run/x/writers/id".into()));
        let again = parse(&["log-writer", "/run/x/logs/p/c/0.log", "id"], None).unwrap();
        assert_eq!((again.streams, again.ready), ([0, 1], None));
        assert_eq!(again.container, "id");
        for other in [&[][..], &["up"], &["log-writer"]] {
            assert_eq!(parse(other, Some("id")), None, "{other:?}");
        }
    }
}
