//! Certificates of a CA of its own, in place of AWS Certificate Manager's. openssl creates them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

/// A certificate authority that lives as long as the test.
#[derive(Debug)]
pub struct Authority {
    dir: TempDir,
}

impl Authority {
    /// Creates one.
    ///
    /// # Errors
    /// When openssl fails.
    pub fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        openssl(
            dir.path(),
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
             -subj /CN=test-ca -keyout ca.key -out ca.crt",
        )?;
        Ok(Self { dir })
    }

    /// Its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("ca.crt")
    }

    /// A server's TLS configuration with a certificate for a name, such as `DNS:shop.example.com`.
    ///
    /// # Errors
    /// When openssl fails.
    pub fn issue(&self, name: &str) -> Result<Arc<ServerConfig>> {
        let dir = self.dir.path();
        std::fs::write(dir.join("extensions"), format!("subjectAltName={name}\n"))?;
        openssl(
            dir,
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server \
             -keyout server.key -out server.csr",
        )?;
        openssl(
            dir,
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
             -extfile extensions -out server.crt",
        )?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(dir.join("server.crt"))?],
                PrivateKeyDer::from_pem_file(dir.join("server.key"))?,
            )?;
        Ok(Arc::new(config))
    }
}

fn openssl(dir: &Path, arguments: &str) -> Result<()> {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(dir)
        .output()
        .context("openssl cannot be run")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "openssl {arguments}: {stderr}");
    Ok(())
}
