//! Trace context: the `traceparent` header (<https://www.w3.org/TR/trace-context/>, section 3.2).

use actix_http::header::HeaderMap;

use crate::request_id::{hex, mix};

/// The caller's span and whether its trace is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    /// The trace.
    pub(crate) trace: u128,
    /// The caller's span.
    pub(crate) parent: u64,
    /// Whether the caller records it.
    pub(crate) sampled: bool,
}

/// The ids of one request's own span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanIds {
    /// The trace; the caller's if there is one.
    pub(crate) trace: u128,
    /// This request's span.
    pub(crate) span: u64,
    /// The caller's span.
    pub(crate) parent: Option<u64>,
    /// Whether it is recorded.
    pub(crate) sampled: bool,
}

impl TraceParent {
    /// The caller's, if there is exactly one `traceparent`. If there are several, none is valid, and a new
    /// trace is started.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all("traceparent");
        let value = values.next()?;
        values
            .next()
            .is_none()
            .then(|| Self::parse(value.as_bytes()))?
    }

    /// Reads a header's value. A malformed one is ignored, as the specification requires.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        // version "-" trace-id "-" parent-id "-" trace-flags; later versions may add more.
        let (fixed, rest) = value.split_at_checked(55)?;
        let version = number(&fixed[..2])?;
        let separated = [2, 35, 52].iter().all(|at| fixed[*at] == b'-');
        let ends = if version == 0 {
            rest.is_empty()
        } else {
            matches!(rest, [] | [b'-', ..])
        };
        if version == 0xff || !separated || !ends {
            return None;
        }
        let trace = number(&fixed[3..35])?;
        let parent = u64::try_from(number(&fixed[36..52])?).ok()?;
        let flags = number(&fixed[53..55])?;
        (trace != 0 && parent != 0).then_some(Self {
            trace,
            parent,
            sampled: flags & 1 == 1,
        })
    }
}

/// Lower-case hexadecimal digits, and no other characters.
fn number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

impl SpanIds {
    /// The ids of request `number` of a process, which no other request has. No random number is needed:
    /// `number` is spread over all bits. `percent` of the requests without a caller's trace are recorded.
    pub(crate) fn of(number: u64, parent: Option<TraceParent>, percent: u8) -> Self {
        let span = mix(number ^ 0x5350_414e).max(1);
        if let Some(TraceParent {
            trace,
            parent,
            sampled,
        }) = parent
        {
            return Self {
                trace,
                span,
                parent: Some(parent),
                sampled,
            };
        }
        let high = u128::from(mix(number ^ 0x5452_4143));
        let low = u128::from(mix(number ^ 0x4531_3238).max(1));
        let sampled = mix(number ^ 0x5341_4d50) % 100 < u64::from(percent);
        Self {
            trace: high << 64 | low,
            span,
            parent: None,
            sampled,
        }
    }

    /// The trace's id as 32 digits.
    pub(crate) fn trace_hex(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The header that names this request's span as the parent of what follows.
    pub(crate) fn header(&self) -> String {
        let span = hex(self.span);
        let span = String::from_utf8_lossy(&span);
        format!(
            "00-{}-{span}-{:02x}",
            self.trace_hex(),
            u8::from(self.sampled)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_specifications_example_is_read() {
        let parent = TraceParent::parse(VALID).unwrap();
        assert_eq!(parent.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(parent.parent, 0x00f0_67aa_0ba9_02b7);
        assert!(parent.sampled);
    }

    #[test]
    fn malformed_headers_are_ignored() {
        let text = std::str::from_utf8(VALID).unwrap();
        for bad in [
            "",
            "00-4bf92f35",
            &text.to_uppercase(),
            &format!("{text}-x"),
            &text.replace("00-4b", "ff-4b"),
            &text.replace("00f067aa0ba902b7", "0000000000000000"),
            &text.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
        ] {
            assert_eq!(TraceParent::parse(bad.as_bytes()), None, "{bad}");
        }
        assert!(TraceParent::parse(text.replace("00-4b", "01-4b").as_bytes()).is_some());
        assert!(TraceParent::parse(format!("01{}-x", &text[2..]).as_bytes()).is_some());
    }

    #[test]
    fn the_response_names_our_span_in_the_callers_trace() {
        let ids = SpanIds::of(7, TraceParent::parse(VALID), 0);
        let header = ids.header();
        assert!(
            header.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
            "{header}"
        );
        assert_eq!(
            TraceParent::parse(header.as_bytes()).unwrap().parent,
            ids.span
        );
        assert_ne!(
            SpanIds::of(8, None, 100).trace,
            SpanIds::of(7, None, 100).trace
        );
    }
}
