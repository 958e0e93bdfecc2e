//! Servers for the tests of the probes. Each listens on its own port.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tonic::codegen::Bytes;
use tonic::codegen::http::{HeaderMap, Response};

/// Serves each connection in turn.
async fn listen<F: Future<Output = ()> + Send>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream).await;
        }
    });
    port
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, response: &'static str) {
    // Clients that disconnect early are part of the tests.
    if stream.read(&mut [0; 4096]).await.is_ok() {
        let _ = stream.write_all(response.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

/// Sends the response to every request.
pub(super) async fn plain(response: &'static str) -> u16 {
    listen(move |stream| answer(stream, response)).await
}

/// Accepts connections, and neither reads nor writes.
pub(super) async fn silent() -> u16 {
    listen(async |stream| {
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(stream);
        });
    })
    .await
}

/// A certificate that verification would refuse in every respect: X.509 version 1, self-signed, for
/// another host, and valid for one day of 2026.
#[cfg(feature = "https-probes")]
const CERTIFICATE: &str = include_str!("../../../tests/tls/certificate.pem");

/// Its key, which protects nothing.
#[cfg(feature = "https-probes")]
const KEY: &str = include_str!("../../../tests/tls/key.pem");

/// Sends the response to every request, over TLS.
#[cfg(feature = "https-probes")]
pub(super) async fn tls(response: &'static str) -> u16 {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let signing = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let certified = rustls::sign::CertifiedKey::new(vec![certificate], signing);
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        // Not `with_single_cert`, which rejects this certificate.
        .with_cert_resolver(std::sync::Arc::new(rustls::sign::SingleCertAndKey::from(
            certified,
        )));
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    listen(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, response).await;
            }
        }
    })
    .await
}

/// A gRPC health service, with the status that `status` returns for a service's name, or a gRPC code.
pub(super) async fn health(
    status: impl Fn(&str) -> Result<u8, u8> + Clone + Send + Sync + 'static,
) -> u16 {
    listen(move |stream| {
        let status = status.clone();
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                let mut body = request.into_body();
                let mut message = Vec::new();
                // Polling the connection drives the request's body.
                tokio::select! {
                    () = async {
                        while let Some(Ok(data)) = body.data().await {
                            message.extend_from_slice(&data);
                        }
                    } => {}
                    () = async { while connection.accept().await.is_some() {} } => break,
                }
                // Five bytes of gRPC's framing; then field 1, a string, unless it is empty.
                let service = message.get(7..).unwrap_or_default();
                let status = status(std::str::from_utf8(service).unwrap());
                let head = Response::builder().header("content-type", "application/grpc");
                let head = head.body(()).unwrap();
                let mut stream = respond.send_response(head, false).unwrap();
                let mut trailers = HeaderMap::new();
                match status {
                    Ok(status) => {
                        let message = Bytes::from(vec![0, 0, 0, 0, 2, 0x08, status]);
                        stream.send_data(message, false).unwrap();
                        trailers.insert("grpc-status", 0.into());
                    }
                    Err(code) => {
                        trailers.insert("grpc-status", u16::from(code).into());
                        let text = format!("code {code}");
                        trailers.insert("grpc-message", text.parse().unwrap());
                    }
                }
                stream.send_trailers(trailers).unwrap();
            }
        }
    })
    .await
}
