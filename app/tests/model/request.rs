//! Requests, and the responses that a plain model predicts.

/// What a client asks for.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Greeting,
    Head,
    Info,
    Nothing,
    WrongMethod,
    /// A body of this many bytes, sent back.
    Echo(usize),
    /// The same in chunks.
    Chunks(usize),
    /// The rest closes the connection.
    Last,
    Hop,
    UnreadBody,
    Malformed,
    InvalidHost,
}

impl Request {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let plain = |line: &str, more: &str| format!("{line} HTTP/1.1\r\nhost: x\r\n{more}\r\n");
        let text = match self {
            Self::Greeting => plain("GET /", ""),
            Self::Head => plain("HEAD /", ""),
            Self::Info => plain("GET /info", ""),
            Self::Nothing => plain("GET /nothing", ""),
            Self::WrongMethod => plain("DELETE /", ""),
            Self::Last => plain("GET /", "connection: close\r\n"),
            Self::Hop => plain("GET /hop", ""),
            Self::UnreadBody => plain("GET /", "content-length: 4\r\n") + "body",
            Self::Malformed => "GET /x: \r\n\r\n".to_owned(),
            Self::InvalidHost => "GET / HTTP/1.1\r\nhost: a b\r\n\r\n".to_owned(),
            Self::Echo(length) => {
                let length = format!("content-length: {length}\r\n");
                plain("POST /echo", &length) + &self.body()
            }
            Self::Chunks(_) => {
                let body = self.body();
                let chunks = body.as_bytes().chunks(5000).map(|chunk| {
                    let data = std::str::from_utf8(chunk).unwrap();
                    format!("{:x}\r\n{data}\r\n", chunk.len())
                });
                let chunks: String = chunks.collect();
                plain("POST /echo", "transfer-encoding: chunked\r\n") + &chunks + "0\r\n\r\n"
            }
        };
        text.into_bytes()
    }

    /// A body that is different at each place.
    fn body(&self) -> String {
        let (Self::Echo(length) | Self::Chunks(length)) = self else {
            return String::new();
        };
        let numbers: Vec<_> = (0..=length / 8)
            .map(|index| format!("{index:08}"))
            .collect();
        let mut body = numbers.concat();
        body.truncate(*length);
        body
    }

    /// The model: status, body if it is known, and whether the connection is closed.
    pub(crate) fn response(&self) -> Expected {
        let (status, body, closes) = match self {
            Self::Greeting => (
                200,
                Some("Hello from Rust on Kubernetes!\n".to_owned()),
                false,
            ),
            Self::Head => (200, Some(String::new()), false),
            Self::Info => (200, None, false),
            Self::Nothing => (404, None, false),
            Self::WrongMethod => (405, None, false),
            Self::Echo(_) | Self::Chunks(_) => (200, Some(self.body()), false),
            Self::Last => (
                200,
                Some("Hello from Rust on Kubernetes!\n".to_owned()),
                true,
            ),
            Self::Hop | Self::UnreadBody => (200, None, true),
            Self::Malformed | Self::InvalidHost => (400, None, true),
        };
        Expected {
            request: self.clone(),
            status,
            body,
            closes,
        }
    }
}

/// The response to a request.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) request: Request,
    pub(crate) status: u16,
    pub(crate) body: Option<String>,
    pub(crate) closes: bool,
}
