//! Selects the engine by the variables that `docker` reads
//! (<https://docs.docker.com/reference/cli/docker/#environment-variables>).

use std::path::PathBuf;

use super::error::EngineError;
use super::host::Host;

/// The socket of an engine that the system runs.
const SYSTEM_SOCKET: &str = "/var/run/docker.sock";

/// The variables that select the engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct EngineSettings {
    /// `DOCKER_HOST`
    pub(crate) host: Option<String>,
    /// Whether `DOCKER_TLS_VERIFY` is set.
    pub(crate) tls_verify: bool,
    /// `XDG_RUNTIME_DIR`, where a rootless engine has its socket.
    pub(crate) runtime_directory: Option<PathBuf>,
}

impl EngineSettings {
    /// The engine: that of `DOCKER_HOST`, else the system's, else the user's rootless one.
    pub(crate) fn host(&self) -> Result<Host, EngineError> {
        if let Some(text) = &self.host {
            return self.parse(text);
        }
        let system = PathBuf::from(SYSTEM_SOCKET);
        let own = self.runtime_directory.as_ref();
        match own.map(|directory| directory.join("docker.sock")) {
            Some(own) if !system.exists() && own.exists() => Ok(Host::Socket(own)),
            _ => Ok(Host::Socket(system)),
        }
    }

    fn parse(&self, text: &str) -> Result<Host, EngineError> {
        let refuse = |problem| {
            let host = text.to_owned();
            Err(EngineError::Host { host, problem })
        };
        if let Some(path) = text.strip_prefix("unix://") {
            return match path {
                "" => refuse("it names no socket"),
                path => Ok(Host::Socket(path.into())),
            };
        }
        if let Some(rest) = text.strip_prefix("tcp://") {
            let address = rest.trim_end_matches('/');
            return match address.rsplit_once(':') {
                _ if self.tls_verify => refuse("TLS to an engine is not supported"),
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Host::Tcp(address.to_owned()))
                }
                _ => refuse("expected tcp://HOST:PORT"),
            };
        }
        refuse("expected unix:///PATH or tcp://HOST:PORT")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str, tls_verify: bool) -> Result<String, String> {
        let settings = EngineSettings {
            host: Some(text.to_owned()),
            tls_verify,
            runtime_directory: None,
        };
        let host = settings.host().map(|host| host.to_string());
        host.map_err(|error| error.to_string())
    }

    #[test]
    fn docker_host_is_parsed() {
        for same in [
            "unix:///run/d.sock",
            "tcp://127.0.0.1:2375",
            "tcp://[::1]:2375",
        ] {
            assert_eq!(host(same, false), Ok(same.to_owned()));
        }
        assert_eq!(host("tcp://h:1/", false), Ok("tcp://h:1".to_owned()));
        assert_eq!(host("unix:///s", true), Ok("unix:///s".to_owned()));
        let check = |text: &str, tls, expected: &str| {
            let error = host(text, tls).unwrap_err();
            assert_eq!(
                error,
                format!("cannot use DOCKER_HOST `{text}`: {expected}")
            );
        };
        check("unix://", false, "it names no socket");
        check("tcp://host", false, "expected tcp://HOST:PORT");
        check("tcp://h:2376", true, "TLS to an engine is not supported");
        let schemes = "expected unix:///PATH or tcp://HOST:PORT";
        check("ssh://me@host", false, schemes);
        check("/var/run/docker.sock", false, schemes);
    }

    #[test]
    fn the_users_rootless_engine_is_used_if_the_system_has_none() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("docker.sock"), "").unwrap();
        let settings = EngineSettings {
            runtime_directory: Some(directory.path().to_owned()),
            ..EngineSettings::default()
        };
        let expected = if std::path::Path::new(SYSTEM_SOCKET).exists() {
            PathBuf::from(SYSTEM_SOCKET)
        } else {
            directory.path().join("docker.sock")
        };
        assert_eq!(settings.host().unwrap(), Host::Socket(expected));
    }
}
