//! Which proxy a request goes through, by the rules of Go's
//! [httpproxy](https://pkg.go.dev/golang.org/x/net/http/httpproxy), which Docker, skopeo and crane
//! follow.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

/// The proxies that are configured in the environment.
#[derive(Clone, Default)]
pub struct Proxies {
    http: Option<Variable>,
    https: Option<Variable>,
    no_proxy: Vec<Bypass>,
    /// The text of `NO_PROXY`.
    no_proxy_text: String,
    /// Whether this is a CGI script, whose `HTTP_PROXY` is a header of its client.
    cgi: bool,
}

#[derive(Clone)]
struct Variable {
    name: &'static str,
    value: String,
}

/// The environment's proxy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the proxy of {variable}: {problem}")]
pub struct ProxyError {
    /// The variable. Its value is left out, because it may contain a password.
    pub variable: &'static str,
    problem: &'static str,
}

/// The URL of a proxy. Neither `Debug` nor `Display` prints its user and password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ProxyUrl(Url);

/// An entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bypass {
    /// `*`
    All,
    /// `10.0.0.0/8`
    Network(IpNet),
    /// `10.0.0.1[:PORT]`
    Address(IpAddr, Option<u16>),
    /// `example.com[:PORT]`, and with a leading dot only the names below it.
    Domain {
        /// With a leading dot.
        suffix: String,
        only_below: bool,
        port: Option<u16>,
    },
}

impl Proxies {
    /// Reads the variables `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, each also in lower case, and
    /// `REQUEST_METHOD`, which is set for CGI scripts.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                let value = variable(name).filter(|value| !value.is_empty())?;
                Some(Variable { name, value })
            })
        };
        let no_proxy = first(["NO_PROXY", "no_proxy"]).map(|variable| variable.value);
        let no_proxy_text = no_proxy.clone().unwrap_or_default();
        Self {
            no_proxy_text,
            http: first(["HTTP_PROXY", "http_proxy"]),
            https: first(["HTTPS_PROXY", "https_proxy"]),
            no_proxy: no_proxy
                .unwrap_or_default()
                .split([',', ' ', '\t'])
                .filter_map(Bypass::parse)
                .collect(),
            cgi: variable("REQUEST_METHOD").is_some_and(|method| !method.is_empty()),
        }
    }

    /// The URL of the proxy for HTTPS, which may contain a password, and the text of `NO_PROXY`, for other
    /// clients, such as a cloud's SDK.
    ///
    /// # Errors
    /// As for a request to a registry.
    pub fn for_https(&self) -> Result<Option<(String, &str)>, ProxyError> {
        let anywhere = Self {
            no_proxy: Vec::new(),
            ..self.clone()
        };
        let Ok(somewhere) = Url::parse("https://registry.invalid/") else {
            return Ok(None);
        };
        let proxy = anywhere.of(&somewhere)?;
        let text = self.no_proxy_text.as_str();
        Ok(proxy.map(|proxy| (proxy.reveal().to_string(), text)))
    }

    /// The proxy for a request to `url`, if it goes through one.
    ///
    /// # Errors
    /// If the variable does not contain the URL of an HTTP proxy, or comes from a CGI client.
    pub(super) fn of(&self, url: &Url) -> Result<Option<ProxyUrl>, ProxyError> {
        let (variable, secure) = match url.scheme() {
            "https" => (&self.https, true),
            _ => (&self.http, false),
        };
        let Some(Variable { name, value }) = variable else {
            return Ok(None);
        };
        let refuse = |problem| {
            let variable = name;
            Err(ProxyError { variable, problem })
        };
        if self.cgi && !secure {
            return refuse("in a CGI script it is set by the client");
        }
        if self.bypassed(url) {
            return Ok(None);
        }
        let with_host = |text: &str| Url::parse(text).ok().filter(Url::has_host);
        let bare = !value.contains("://");
        let proxy = match with_host(value) {
            None if bare => with_host(&format!("http://{value}")),
            proxy => proxy,
        };
        match proxy {
            Some(proxy) if matches!(proxy.scheme(), "http" | "https") => Ok(Some(ProxyUrl(proxy))),
            Some(_) => refuse("only http:// and https:// proxies are supported"),
            None => refuse("it is not a URL"),
        }
    }

    fn bypassed(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        let (name, address) = match url.host() {
            Some(Host::Domain(name)) => (name.trim_end_matches('.'), None),
            Some(Host::Ipv4(address)) => ("", Some(IpAddr::from(address))),
            Some(Host::Ipv6(address)) => ("", Some(IpAddr::from(address).to_canonical())),
            None => return true,
        };
        name == "localhost"
            || address.is_some_and(|address| address.is_loopback())
            || self
                .no_proxy
                .iter()
                .any(|entry| entry.matches(name, address, port))
    }
}

impl Bypass {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if text == "*" {
            return Some(Self::All);
        }
        if let Ok(network) = text.parse() {
            return Some(Self::Network(network));
        }
        let bare = |text: &str| -> Option<IpAddr> {
            let unbracketed = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
            unbracketed.unwrap_or(text).parse().ok()
        };
        if let Some(address) = bare(&text) {
            return Some(Self::Address(address.to_canonical(), None));
        }
        let (host, port) = match text.rsplit_once(':') {
            // As in Go, a port that is not a number matches no request.
            Some((host, port)) => (host, Some(port.parse().unwrap_or(0))),
            None => (text.as_str(), None),
        };
        if let Some(address) = bare(host) {
            return Some(Self::Address(address.to_canonical(), port));
        }
        let host = host
            .strip_prefix('*')
            .filter(|h| h.starts_with('.'))
            .unwrap_or(host);
        let only_below = host.starts_with('.');
        let domain = host.trim_start_matches('.').trim_end_matches('.');
        if domain.is_empty() {
            return None;
        }
        let ascii = url::Host::parse(domain).map_or_else(|_| domain.to_owned(), |h| h.to_string());
        Some(Self::Domain {
            suffix: format!(".{ascii}"),
            only_below,
            port,
        })
    }

    fn matches(&self, name: &str, address: Option<IpAddr>, port: Option<u16>) -> bool {
        let same_port = |wanted: &Option<u16>| wanted.is_none() || *wanted == port;
        match self {
            Self::All => true,
            Self::Network(network) => address.is_some_and(|address| network.contains(&address)),
            Self::Address(wanted, at) => address == Some(*wanted) && same_port(at),
            Self::Domain {
                suffix,
                only_below,
                port: at,
            } => {
                let itself = !only_below && name == &suffix[1..];
                (itself || name.ends_with(suffix.as_str())) && same_port(at)
            }
        }
    }
}

impl ProxyUrl {
    /// With user and password.
    pub(super) fn reveal(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(f, "{}://{host}", self.0.scheme())?;
        match self.0.port_or_known_default() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("no_proxy", &self.no_proxy)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn via(variables: &[(&str, &str)], url: &str) -> Result<Option<String>, String> {
        let found = proxies(variables).of(&Url::parse(url).unwrap());
        found
            .map(|proxy| proxy.map(|proxy| proxy.to_string()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_variable_of_the_scheme_counts() {
        let check = |variables: &[(&str, &str)], url: &str, expected: Option<&str>| {
            assert_eq!(
                via(variables, url),
                Ok(expected.map(str::to_owned)),
                "{url}"
            );
        };
        let (http, https) = (("HTTP_PROXY", "http://a:1"), ("HTTPS_PROXY", "http://b:2"));
        check(&[http, https], "http://r.example/", Some("http://a:1"));
        check(&[http, https], "https://r.example/", Some("http://b:2"));
        check(&[http], "https://r.example/", None);
        check(&[https], "http://r.example/", None);
        check(
            &[("https_proxy", "c:3")],
            "https://r.example/",
            Some("http://c:3"),
        );
        check(
            &[("HTTPS_PROXY", ""), ("https_proxy", "c")],
            "https://r.example/",
            Some("http://c:80"),
        );
        check(
            &[("HTTPS_PROXY", "https://user:pass@p.example")],
            "https://r.example/",
            Some("https://p.example:443"),
        );
        check(&[("ALL_PROXY", "http://a:1")], "https://r.example/", None);
        for url in [
            "https://localhost:1/",
            "https://127.0.0.2/",
            "https://[::1]/",
        ] {
            check(&[https], url, None);
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused() {
        let refused = |variables: &[(&str, &str)], url: &str, expected: &str| {
            let error = via(variables, url).unwrap_err();
            assert!(
                error.contains(expected) && !error.contains("pass"),
                "{error}"
            );
        };
        let https = "https://r.example/";
        refused(
            &[("HTTPS_PROXY", "socks5://u:pass@h")],
            https,
            "HTTPS_PROXY: only http://",
        );
        refused(
            &[("https_proxy", "http://u:pass@:x")],
            https,
            "https_proxy: it is not a URL",
        );
        let cgi = [("HTTP_PROXY", "http://a:1"), ("REQUEST_METHOD", "GET")];
        refused(&cgi, "http://r.example/", "CGI");
        assert_eq!(via(&cgi, https), Ok(None));
    }

    #[test]
    fn no_proxy_matches_as_in_go() {
        let check = |no_proxy: &str, host: &str, direct: bool| {
            let variables = [("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", no_proxy)];
            let found = via(&variables, &format!("https://{host}/")).unwrap();
            assert_eq!(found.is_none(), direct, "NO_PROXY={no_proxy:?} {host}");
        };
        let list = " foo.com, .bar.com ,*.baz.com\t,1.2.3.4,[2001:db8::1],10.0.0.0/8,qux.com:8443";
        for (host, direct) in [
            ("foo.com", true),
            ("FOO.com", true),
            ("sub.foo.com", true),
            ("sub.foo.com:99", true),
            ("notfoo.com", false),
            ("foo.com.evil.example", false),
            ("bar.com", false),
            ("sub.bar.com", true),
            ("baz.com", false),
            ("sub.baz.com", true),
            ("1.2.3.4", true),
            ("1.2.3.5", false),
            ("[2001:db8::1]", true),
            ("[2001:db8::2]", false),
            ("[::ffff:1.2.3.4]", true),
            ("10.200.0.1:5000", true),
            ("11.0.0.1", false),
            ("qux.com:8443", true),
            ("qux.com", false),
            ("sub.qux.com:8443", true),
        ] {
            check(list, host, direct);
        }
        check("*", "anything.example", true);
        check("foo.com, *", "1.1.1.1", true);
        check("1.2.3.4:5000", "1.2.3.4:5000", true);
        check("1.2.3.4:5000", "1.2.3.4", false);
        check("foo.com:443", "foo.com", true);
        check("foo.com:x", "foo.com", false);
        check(",, ,", "foo.com", false);
        check("bücher.example", "xn--bcher-kva.example", true);
    }

    #[test]
    fn no_form_prints_a_password() {
        let variables = [("HTTPS_PROXY", "http://user:hunter2@p:1")];
        let proxies = proxies(&variables);
        let url = Url::parse("https://r.example/").unwrap();
        let proxy = proxies.of(&url).unwrap().unwrap();
        let printed = format!("{proxies:?} {proxy:?} {proxy}");
        assert!(
            !printed.contains("hunter2") && !printed.contains("user"),
            "{printed}"
        );
    }
}
