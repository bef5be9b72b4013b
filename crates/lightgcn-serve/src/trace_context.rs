//! The trace that a request belongs to (W3C Trace Context).

/// The trace of a request and the span that sent it, in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace<'a> {
    pub(crate) trace: &'a str,
    pub(crate) parent: &'a str,
    /// Whether the sender records it.
    #[cfg_attr(
        not(feature = "otlp"),
        allow(dead_code, reason = "only the export reads it")
    )]
    pub(crate) is_sampled: bool,
}

impl<'a> Trace<'a> {
    /// Reads a `traceparent` of version 00, or the prefix of one of a later version.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut next = |length| parts.next().filter(|part| is_hex(part, length));
        let version = next(2)?;
        let (trace, parent, flags) = (next(32)?, next(16)?, next(2)?);
        let is_known = match version {
            "00" => parts.next().is_none(),
            later => later != "ff",
        };
        let is_set = |id: &str| id.bytes().any(|digit| digit != b'0');
        let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (is_known && is_set(trace) && is_set(parent)).then_some(Self {
            trace,
            parent,
            is_sampled,
        })
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_read_as_the_standard_says() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        for (valid, is_sampled) in [
            (format!("00-{trace}-{parent}-01"), true),
            (format!("00-{trace}-{parent}-00"), false),
            (format!("01-{trace}-{parent}-03"), true),
            (format!("cc-{trace}-{parent}-02-what-comes-later"), false),
        ] {
            let found = Trace {
                trace,
                parent,
                is_sampled,
            };
            assert_eq!(Trace::parse(&valid), Some(found), "{valid}");
        }
        for invalid in [
            String::new(),
            format!("00-{trace}-{parent}"),
            format!("00-{trace}-{parent}-01-more"),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{trace}0-{parent}-01"),
        ] {
            assert_eq!(Trace::parse(&invalid), None, "{invalid}");
        }
    }
}
