//! A probe by an HTTP request, as the kubelet sends it.
//!
//! <https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#http-probes>

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use crate::manifest::{HttpGet, Scheme};

/// The most redirects that are followed, as by Go's HTTP client.
const MAX_REDIRECTS: usize = 10;

/// The most that is read of a response's head.
const MAX_HEAD_BYTES: usize = 16 << 10;

pub(super) async fn ask(http: &HttpGet, port: u16, pod: Ipv4Addr) -> Result<(), String> {
    let mut url = first_url(http, port, pod)?;
    for _ in 0..=MAX_REDIRECTS {
        let failed = |error: io::Error| format!("GET {url}: {error}");
        let head = get(http, &url).await.map_err(failed)?;
        let Some(response) = Response::parse(&head) else {
            return Err(format!("GET {url}: the answer is not HTTP"));
        };
        match response.redirect_from(&url) {
            Some(next) if next.host_str() == url.host_str() => url = next,
            // A redirect to another host is not followed, and counts as a success.
            Some(_) => return Ok(()),
            None if (200..400).contains(&response.status) => return Ok(()),
            None => return Err(format!("GET {url}: status {}", response.status)),
        }
    }
    Err(format!("GET {url}: more than {MAX_REDIRECTS} redirects"))
}

fn first_url(http: &HttpGet, port: u16, pod: Ipv4Addr) -> Result<Url, String> {
    let scheme = match http.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let host = match &http.host {
        Some(host) if host.contains(':') => format!("[{host}]"),
        Some(host) => host.clone(),
        None => pod.to_string(),
    };
    let slash = if http.path.starts_with('/') { "" } else { "/" };
    let text = format!("{scheme}://{host}:{port}{slash}{}", http.path);
    text.parse()
        .map_err(|error| format!("invalid URL `{text}`: {error}"))
}

/// The head of the response to one request.
async fn get(http: &HttpGet, url: &Url) -> io::Result<Vec<u8>> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((address, port)).await?;
    let request = request(http, url);
    if url.scheme() != "https" {
        return exchange(stream, &request).await;
    }
    #[cfg(feature = "https-probes")]
    return exchange(super::tls::connect(address, stream).await?, &request).await;
    #[cfg(not(feature = "https-probes"))]
    Err(io::Error::other(
        "this nodectl was built without the feature https-probes",
    ))
}

/// The request, with the manifest's headers replacing the probe's own of the same name. A header that the
/// manifest sets to an empty value is not sent.
fn request(http: &HttpGet, url: &Url) -> String {
    let authority = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let query = url.query().map(|query| format!("?{query}"));
    let path = format!("{}{}", url.path(), query.unwrap_or_default());
    let mut lines = vec![format!("GET {path} HTTP/1.1")];
    let own = [
        ("Host", authority.as_str()),
        ("User-Agent", "kube-probe/nodectl"),
        ("Accept", "*/*"),
    ];
    let is_set = |name: &str| {
        let mut headers = http.http_headers.iter();
        headers.any(|header| header.name.eq_ignore_ascii_case(name))
    };
    for (name, value) in own {
        if !is_set(name) {
            lines.push(format!("{name}: {value}"));
        }
    }
    for header in &http.http_headers {
        let replaces = own
            .iter()
            .any(|(name, _)| header.name.eq_ignore_ascii_case(name));
        let is_connection = header.name.eq_ignore_ascii_case("connection");
        let removed = replaces && header.value.is_empty();
        if !is_connection && !removed {
            lines.push(format!("{}: {}", header.name, header.value));
        }
    }
    lines.push("Connection: close\r\n\r\n".to_owned());
    lines.join("\r\n")
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::with_capacity(1024);
    while head.len() < MAX_HEAD_BYTES && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read_buf(&mut head).await {
            Ok(0) => break,
            Ok(_) => {}
            // Bytes that were sent before the connection was reset count.
            Err(_) if head.contains(&b'\n') => break,
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

/// The relevant parts of a response.
#[derive(Debug, PartialEq, Eq)]
struct Response {
    status: u16,
    location: Option<String>,
}

impl Response {
    fn parse(head: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r'));
        let status = lines.next()?.strip_prefix("HTTP/1.")?;
        let status = status.split_ascii_whitespace().nth(1)?.parse().ok()?;
        let location = lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("location"))
            .map(|(_, value)| value.trim().to_owned());
        Some(Self { status, location })
    }

    /// Where a response to `url` redirects to, if it does.
    fn redirect_from(&self, url: &Url) -> Option<Url> {
        match self.status {
            301 | 302 | 303 | 307 | 308 => url.join(self.location.as_ref()?).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn http(json: &str) -> HttpGet {
        let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
        value["port"] = 80.into();
        serde_json::from_value(value).unwrap()
    }

    fn first_line_and_headers(json: &str) -> String {
        let http = http(json);
        let url = first_url(&http, 8080, Ipv4Addr::new(10, 0, 0, 1)).unwrap();
        request(&http, &url)
    }

    #[test]
    fn a_header_of_the_manifest_replaces_the_probes_own() {
        let request = first_line_and_headers(
            r#"{"path": "a b?c=d#e", "httpHeaders": [
                {"name": "user-agent", "value": "mine"}, {"name": "Accept", "value": ""},
                {"name": "X-A", "value": "1"}
            ]}"#,
        );
        assert_eq!(
            request,
            "GET /a%20b?c=d HTTP/1.1\r\nHost: 10.0.0.1:8080\r\nuser-agent: mine\r\nX-A: 1\r\n\
             Connection: close\r\n\r\n"
        );
        assert!(first_line_and_headers("{}").starts_with("GET / HTTP/1.1\r\n"));
    }

    #[test]
    fn parses_only_the_head() {
        let parse = |text: &str| Response::parse(text.as_bytes());
        let response = |status, location: Option<&str>| {
            let location = location.map(str::to_owned);
            Some(Response { status, location })
        };
        assert_eq!(
            parse("HTTP/1.1 204 No Content\r\n\r\n"),
            response(204, None)
        );
        assert_eq!(parse("HTTP/1.0 503\r\n"), response(503, None));
        assert_eq!(
            parse("HTTP/1.1 302 Found\r\nlocation: /a\r\n\r\nLocation: /b\r\n"),
            response(302, Some("/a"))
        );
        assert_eq!(parse("SSH-2.0-x\r\n"), None);
        assert_eq!(parse(""), None);
    }

    /// Answers each request with the head that `answer` returns for its path.
    async fn serve(answer: fn(&str) -> String) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 4096];
                let read = stream.read(&mut head).await.unwrap();
                let text = String::from_utf8_lossy(&head[..read]).into_owned();
                let path = text.split(' ').nth(1).unwrap().to_owned();
                let _ = stream.write_all(answer(&path).as_bytes()).await;
            }
        });
        port
    }

    fn status(path: &str) -> String {
        match path {
            "/ready" => "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
            "/to-ready" => "HTTP/1.1 302 Found\r\nLocation: /ready\r\n\r\n".to_owned(),
            "/to-failing" => "HTTP/1.1 307 Temporary\r\nLocation: failing\r\n\r\n".to_owned(),
            "/to-elsewhere" => {
                "HTTP/1.1 301 Moved\r\nLocation: http://example.com/\r\n\r\n".to_owned()
            }
            "/loop" => "HTTP/1.1 302 Found\r\nLocation: /loop\r\n\r\n".to_owned(),
            "/not-modified" => "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned(),
            _ => "HTTP/1.1 503 Unavailable\r\n\r\n".to_owned(),
        }
    }

    #[tokio::test]
    async fn redirects_are_followed_only_on_the_same_host() {
        let port = serve(status).await;
        let probe = async |path: &str| {
            let http = http(&format!(r#"{{"path": "{path}"}}"#));
            ask(&http, port, Ipv4Addr::LOCALHOST).await
        };
        for path in ["/ready", "/to-ready", "/to-elsewhere", "/not-modified"] {
            assert_eq!(probe(path).await, Ok(()), "{path}");
        }
        for (path, reason) in [
            ("/failing", "status 503"),
            ("/to-failing", "status 503"),
            ("/loop", "more than 10 redirects"),
        ] {
            let error = probe(path).await.unwrap_err();
            assert!(error.contains(reason), "{path}: {error}");
        }
    }
}
