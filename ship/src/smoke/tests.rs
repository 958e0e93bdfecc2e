//! HTTPS with a host name that has no DNS record yet.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use cli::ExitError as _;

use super::client::Client;
use crate::endpoint::Endpoint;
use crate::error::SmokeError;

const HOST: &str = "hello.example";

/// A self-signed certificate for [`HOST`], and its key.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args([
            "-subj",
            "/CN=test",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-addext", &format!("subjectAltName=DNS:{HOST}")])
        .args(["-out".as_ref(), certificate.as_os_str()])
        .args(["-keyout".as_ref(), key.as_os_str()])
        .output()
        .expect("openssl can be run; `dev/install test` installs it");
    assert!(output.status.success(), "{output:?}");
    (certificate, key)
}

/// Answers every request with `ok`, and returns its address.
fn serve(certificate: &Path, key: &Path) -> String {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap();
    let chain = chain.collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            // A client that refuses the certificate closes the connection.
            if stream.read(&mut [0; 4096]).is_ok() {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n";
                let _ = write!(stream, "{head}content-length: 2\r\n\r\nok");
            }
        }
    });
    address
}

#[test]
fn a_certificate_has_to_cover_the_host_name_and_not_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path());
    let address = serve(&certificate, &key);
    let get = |host: &str, ca: Option<&Path>| {
        let endpoint = Endpoint {
            url: format!("https://{host}/"),
            connect_to: Some(address.clone()),
            is_internal: false,
        };
        let answer = Client::new(&endpoint, ca)?.connect().get("/", "*/*")?;
        answer.expect(200, "text/plain")?;
        Ok::<_, SmokeError>(answer.body)
    };
    assert_eq!(get(HOST, Some(&certificate)).unwrap(), "ok");
    for (host, ca) in [("other.example", Some(certificate.as_path())), (HOST, None)] {
        let error = get(host, ca).unwrap_err();
        assert!(matches!(error, SmokeError::NoAnswer { .. }), "{error}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("certificate"), "{source}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn urls_and_ca_files_are_checked_first() {
    let url = |url: &str| Client::new(&Endpoint::of_url(url), None);
    assert!(matches!(url("hello.example"), Err(SmokeError::Url(_))));
    assert!(matches!(url("http://a b/"), Err(SmokeError::Url(_))));
    url("http://hello.example/").unwrap();
    let endpoint = Endpoint::of_url("https://hello.example");
    let empty = tempfile::NamedTempFile::new().unwrap();
    for file in [Path::new("/nonexistent"), empty.path()] {
        let error = Client::new(&endpoint, Some(file)).unwrap_err();
        assert!(matches!(error, SmokeError::Ca { .. }), "{error}");
    }
}
