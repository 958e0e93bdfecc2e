//! Plain HTTP through a proxy: the request line contains the whole URL
//! ([RFC 9112, section 3.2.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2)). ureq would use
//! CONNECT instead, which many proxies allow only for port 443.
//!
//! The request is sent to the proxy's URL with the registry's `Host`; this connector puts the host
//! into the request line.

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// Wraps the connections to a proxy.
#[derive(Debug)]
pub(super) struct ForwardConnector;

impl<In: Transport> Connector<In> for ForwardConnector {
    type Out = ForwardTransport<In>;

    fn connect(
        &self,
        _: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|inner| ForwardTransport { inner, head: true }))
    }
}

/// A connection to a proxy.
#[derive(Debug)]
pub(super) struct ForwardTransport<In> {
    inner: In,
    /// Whether the next bytes are the head of a request.
    head: bool,
}

impl<In: Transport> Transport for ForwardTransport<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let mut amount = amount;
        if self.head {
            self.head = false;
            let output = self.inner.buffers().output();
            amount = absolute(output, amount).ok_or(ureq::Error::Other(
                "the request's head is too large for a proxy".into(),
            ))?;
        }
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        // A response is read after its request was sent.
        self.head = true;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Puts the host of the head in `output[..amount]` in front of the path. Returns the new amount, or `None`
/// if it does not fit.
fn absolute(output: &mut [u8], amount: usize) -> Option<usize> {
    let head = std::str::from_utf8(output.get(..amount)?).ok()?;
    let path = head.find(' ')? + 1;
    let host = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    })?;
    let prefix = format!("http://{host}");
    let end = amount + prefix.len();
    if end > output.len() {
        return None;
    }
    output.copy_within(path..amount, path + prefix.len());
    output[path..path + prefix.len()].copy_from_slice(prefix.as_bytes());
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_line_gets_the_host() {
        let head = b"GET /v2/ HTTP/1.1\r\nx: y\r\nHost: r.example:5000\r\n\r\n";
        let mut buffer = [0; 200];
        buffer[..head.len()].copy_from_slice(head);
        let amount = absolute(&mut buffer, head.len()).unwrap();
        let expected =
            "GET http://r.example:5000/v2/ HTTP/1.1\r\nx: y\r\nHost: r.example:5000\r\n\r\n";
        assert_eq!(std::str::from_utf8(&buffer[..amount]), Ok(expected));
        let mut small = head.to_vec();
        assert_eq!(absolute(&mut small, head.len()), None);
    }
}
