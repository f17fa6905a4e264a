//! Keys pressed, told by INFO: `application/dtmf-relay` and `application/dtmf`, as products send them.
//! Knows: a Content-Type and a body. Must not: know the call.

use crate::protocol::sip::Request;

/// How long a key is taken to be held when the body does not say, in milliseconds.
const DEFAULT_DURATION_MS: u32 = 250;
/// The longest press believed, in milliseconds.
const LONGEST_MS: u32 = 10_000;

/// One press of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyPress {
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    pub key: char,
    pub duration_ms: u32,
}

/// What an INFO is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Info {
    Pressed(KeyPress),
    /// Nothing to do: no body (a keep-alive), or a hook flash.
    Nothing,
    /// A body of a DTMF type that names no key.
    NoSuchKey,
    /// A body of another type.
    OtherType,
}

pub(super) fn read(info: &Request) -> Info {
    if info.body.trim_ascii().is_empty() {
        return Info::Nothing;
    }
    match ["application/dtmf-relay", "application/dtmf"].into_iter().find_map(|kind| info.part(kind)) {
        Some(body) => key_press(&String::from_utf8_lossy(body)),
        None => Info::OtherType,
    }
}

/// `Signal=5 Duration=160` on two lines, with blanks and case as they come; or the bare key.
fn key_press(text: &str) -> Info {
    let field = |name: &str| {
        text.split(['\r', '\n']).find_map(|line| {
            let (key, value) = line.split_once(['=', ':'])?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let signal = field("signal").unwrap_or(text.trim());
    let duration = field("duration").and_then(|value| value.parse().ok()).filter(|ms| *ms > 0);
    match signal.parse::<u8>() {
        Ok(16) => Info::Nothing,
        _ => match key(signal) {
            Some(key) => {
                Info::Pressed(KeyPress { key, duration_ms: duration.unwrap_or(DEFAULT_DURATION_MS).min(LONGEST_MS) })
            }
            None => Info::NoSuchKey,
        },
    }
}

/// The key itself, or its event number of RFC 4733 3.2.
fn key(signal: &str) -> Option<char> {
    let mut chars = signal.chars();
    match (chars.next()?.to_ascii_uppercase(), chars.next()) {
        (key @ ('0'..='9' | '*' | '#' | 'A'..='D'), None) => Some(key),
        _ => match signal {
            "10" => Some('*'),
            "11" => Some('#'),
            "12" => Some('A'),
            "13" => Some('B'),
            "14" => Some('C'),
            "15" => Some('D'),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sip::{HeaderName, Method, Uri};

    #[test]
    fn keys_are_read_as_products_write_them() {
        let pressed = |key, duration_ms| Info::Pressed(KeyPress { key, duration_ms });
        for (content_type, body, expected) in [
            ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", pressed('5', 160)),
            ("application/dtmf-relay", "Signal= 4\r\nDuration= 180", pressed('4', 180)),
            ("Application/DTMF-Relay;x=y", " signal = * \nDURATION = 100 ", pressed('*', 100)),
            ("application/dtmf-relay", "Signal=10\r\nDuration=250", pressed('*', 250)),
            ("application/dtmf-relay", "Signal=11", pressed('#', 250)),
            ("application/dtmf-relay", "Signal=d\r\nDuration=0", pressed('D', 250)),
            ("application/dtmf-relay", "Signal=12\r\nDuration=999999", pressed('A', 10_000)),
            ("application/dtmf-relay", "Duration=160\r\nSignal=#", pressed('#', 160)),
            ("application/dtmf-relay", "Signal=16\r\nDuration=160", Info::Nothing),
            ("application/dtmf-relay", "Signal=\r\nDuration=160", Info::NoSuchKey),
            ("application/dtmf-relay", "Signal=X", Info::NoSuchKey),
            ("application/dtmf-relay", "Signal=55", Info::NoSuchKey),
            ("application/dtmf", "7", pressed('7', 250)),
            ("application/dtmf", "\r\n#\r\n", pressed('#', 250)),
            ("application/dtmf", "Signal=3", pressed('3', 250)),
            ("application/media_control+xml", "<media_control/>", Info::OtherType),
            ("", "5", Info::OtherType),
            ("application/dtmf", "", Info::Nothing),
        ] {
            let mut info = Request::new(Method::Info, Uri::parse("sip:5000@192.0.2.1"));
            info.headers.push(HeaderName::ContentType, content_type);
            info.body = body.into();
            assert_eq!(read(&info), expected, "{content_type}: {body:?}");
        }
    }
}
