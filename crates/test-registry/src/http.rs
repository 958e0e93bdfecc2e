//! The subset of HTTP/1.1 that clients of a registry use.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _, Write};

/// A request without its body.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    headers: BTreeMap<String, String>,
}

impl Head {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The value of a parameter of the query, decoded.
    pub(super) fn param(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// All values of a parameter of the query, decoded.
    pub(super) fn params(&self, name: &str) -> Vec<String> {
        let pairs = url::form_urlencoded::parse(self.query.as_bytes());
        let named = pairs.filter(|(key, _)| key == name);
        named.map(|(_, value)| value.into_owned()).collect()
    }

    pub(super) fn length(&self) -> u64 {
        self.header("content-length")
            .and_then(|length| length.parse().ok())
            .unwrap_or(0)
    }
}

/// Reads the next request's head; `None` at the end of the connection.
pub(super) fn head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            None => break,
        }
    }
    let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
    Ok(Some(Head {
        method,
        path,
        query,
        headers,
    }))
}

/// Reads a body, or as much of it as `limit`.
pub(super) fn body(reader: &mut impl BufRead, head: &Head, limit: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    reader
        .take(head.length().min(limit))
        .read_to_end(&mut body)?;
    Ok(body)
}

/// A response.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// The `Content-Length` of a response to HEAD, which has no body.
    pub(super) length: Option<usize>,
}

impl Response {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            length: None,
        }
    }

    pub(super) fn error(status: u16, code: &str) -> Self {
        let body = format!("{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"as asked\"}}]}}");
        Self {
            body: body.into_bytes(),
            ..Self::new(status)
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(super) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Writes the response; with `cut`, only half of the body.
    pub(super) fn write(
        &self,
        stream: &mut impl Write,
        no_body: bool,
        cut: bool,
    ) -> io::Result<()> {
        let mut text = format!("HTTP/1.1 {} x\r\n", self.status);
        for (name, value) in &self.headers {
            text.extend([name, ": ", value.as_str(), "\r\n"]);
        }
        let length = self.length.unwrap_or(self.body.len());
        text.extend(["content-length: ", &length.to_string(), "\r\n\r\n"]);
        stream.write_all(text.as_bytes())?;
        if !no_body {
            let end = if cut {
                self.body.len() / 2
            } else {
                self.body.len()
            };
            stream.write_all(&self.body[..end])?;
        }
        stream.flush()
    }
}
