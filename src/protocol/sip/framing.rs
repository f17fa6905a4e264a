//! Messages cut out of a byte stream (RFC 3261 18.3, 7.5; RFC 5626 3.5.1), for TCP and TLS alike.
//! Knows: where a header ends, Content-Length, keep-alive line breaks, limits. Must not: own a connection or read
//! more of a message than it needs to find its end.

use super::message::{MAX_MESSAGE, fields, header_end, text};
use super::screen::refusal;
use super::{Response, Status};

/// What came out of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, for [`super::Message::parse`].
    Message(Vec<u8>),
    /// A keep-alive ping (CRLF CRLF): answer with a pong, [`PONG`].
    Ping,
}

/// The answer to [`Frame::Ping`] (RFC 5626 3.5.1).
pub const PONG: &[u8] = b"\r\n";

/// Why a stream cannot be read any further: where the next message begins is unknown. Send [`FrameError::response`]
/// if there is one, then close the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("the stream does not speak SIP")]
    NotSip,
    #[error("a message on a stream has no Content-Length")]
    NoContentLength { head: Vec<u8> },
    #[error("Content-Length {value:?} is no number, or differs from another in the same message")]
    BadContentLength { head: Vec<u8>, value: String },
    #[error("a message is larger than {limit} octets")]
    TooLarge { head: Vec<u8>, limit: usize },
}

impl FrameError {
    /// The status that says what was wrong; `None` when the peer does not speak SIP.
    pub fn status(&self) -> Option<Status> {
        match self {
            FrameError::NotSip => None,
            FrameError::NoContentLength { .. } | FrameError::BadContentLength { .. } => Some(Status::BAD_REQUEST),
            FrameError::TooLarge { .. } => Some(Status::MESSAGE_TOO_LARGE),
        }
    }

    /// The response that refuses the request which broke the stream, as far as its header can be read. The To tag is
    /// the caller's to add.
    pub fn response(&self) -> Option<Response> {
        match self {
            FrameError::NotSip => None,
            FrameError::NoContentLength { head }
            | FrameError::BadContentLength { head, .. }
            | FrameError::TooLarge { head, .. } => refusal(head, self.status()?, &self.to_string()),
        }
    }
}

/// How much a peer may make us keep, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Header and body of one message together.
    pub message: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { message: MAX_MESSAGE }
    }
}

/// Cuts one stream into frames: push what arrives, then take frames until there is none.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buffer: Vec<u8>,
    /// Everything before this was handed out.
    start: usize,
    /// How far, from `start`, the end of the header was looked for already: octets are not looked at again and again
    /// however small the segments are.
    searched: usize,
    /// The first line has come and is one of SIP.
    started: bool,
    /// The message being received, once its header is whole: its length from `start`.
    expected: Option<usize>,
    broken: bool,
}

impl Framer {
    pub fn new(limits: Limits) -> Framer {
        Framer { limits, buffer: Vec::new(), start: 0, searched: 0, started: false, expected: None, broken: false }
    }

    /// Takes octets as they came from the stream. After an error nothing more is kept.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` until more has come. An error is the last thing a stream yields.
    #[allow(clippy::should_implement_trait)] // None is "not yet" here, not "never again"
    pub fn next(&mut self) -> Option<Result<Frame, FrameError>> {
        if self.broken {
            return None;
        }
        let step = self.step();
        if matches!(step, Some(Err(_))) {
            *self = Framer { broken: true, ..Framer::new(self.limits) };
        }
        step
    }

    /// True in the middle of a message: a connection that stays so for long is not worth keeping.
    pub fn is_partial(&self) -> bool {
        !matches!(self.pending().first(), None | Some(b'\r' | b'\n'))
    }

    fn step(&mut self) -> Option<Result<Frame, FrameError>> {
        let length = match self.expected {
            Some(length) => length,
            None => {
                if self.skip_line_breaks()? {
                    return Some(Ok(Frame::Ping));
                }
                match self.read_header()? {
                    Ok(length) => *self.expected.insert(length),
                    Err(error) => return Some(Err(error)),
                }
            }
        };
        let message = self.pending().get(..length)?.to_vec();
        self.consume(length);
        self.expected = None;
        Some(Ok(Frame::Message(message)))
    }

    /// Passes over line breaks between messages (7.5); true when they were a ping, `None` when more must come first.
    fn skip_line_breaks(&mut self) -> Option<bool> {
        loop {
            let skip = match self.pending() {
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.consume(4);
                    return Some(true);
                }
                [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return None,
                [b'\r', b'\n', ..] => 2,
                [b'\r' | b'\n', ..] => 1,
                _ => return Some(false),
            };
            self.consume(skip);
        }
    }

    /// The length of the message whose header stands at the beginning; `None` while the header is not whole.
    fn read_header(&mut self) -> Option<Result<usize, FrameError>> {
        let (pending, limit) = (self.buffer.get(self.start..).unwrap_or_default(), self.limits.message);
        if !self.started {
            match is_start_line(pending, self.searched) {
                Some(true) => self.started = true,
                Some(false) => return Some(Err(FrameError::NotSip)),
                None => {}
            }
        }
        let Some((head_end, body_start)) = header_end(pending, self.searched) else {
            // the last line end may turn out to be followed by an empty line
            self.searched = pending.len().saturating_sub(2);
            return (pending.len() > limit).then(|| Err(FrameError::TooLarge { head: pending.to_vec(), limit }));
        };
        let head = pending.get(..body_start).unwrap_or_default();
        Some(match content_length(head.get(..head_end).unwrap_or_default()) {
            Ok(Some(length)) => match body_start.checked_add(length).filter(|length| *length <= limit) {
                Some(length) => Ok(length),
                None => Err(FrameError::TooLarge { head: head.to_vec(), limit }),
            },
            Ok(None) => Err(FrameError::NoContentLength { head: head.to_vec() }),
            Err(value) => Err(FrameError::BadContentLength { head: head.to_vec(), value }),
        })
    }

    fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn consume(&mut self, length: usize) {
        self.start += length;
        self.searched = 0;
        self.started = false;
        if self.start >= self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }
}

/// Whether the first line is one of SIP and not a TLS hello, HTTP or noise; `None` while it has not come whole.
fn is_start_line(bytes: &[u8], searched: usize) -> Option<bool> {
    if !bytes.first()?.is_ascii_graphic() {
        return Some(false);
    }
    let end = searched + bytes.get(searched..)?.iter().position(|byte| *byte == b'\n')?;
    Some(bytes.get(..end)?.windows(4).any(|window| window.eq_ignore_ascii_case(b"SIP/")))
}

/// Content-Length, wherever in the header it stands, in its compact form too; `Err` with what cannot be understood.
fn content_length(head: &[u8]) -> Result<Option<usize>, String> {
    let head = text(head);
    let mut found = None;
    for (name, value) in fields(&head).filter_map(|field| field.split_once(':')) {
        let name = name.trim();
        if !name.eq_ignore_ascii_case("Content-Length") && !name.eq_ignore_ascii_case("l") {
            continue;
        }
        let value = value.trim();
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        // so many digits that they overflow are too large, not unreadable
        let length = if digits { value.parse().unwrap_or(usize::MAX) } else { return Err(value.to_owned()) };
        if found.is_some_and(|found| found != length) {
            return Err(value.to_owned());
        }
        found = Some(length);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sip::HeaderName;
    use proptest::prelude::*;

    fn frames(framer: &mut Framer) -> Vec<Result<Frame, FrameError>> {
        std::iter::from_fn(|| framer.next()).collect()
    }

    fn read(bytes: &[u8]) -> Vec<Result<Frame, FrameError>> {
        let mut framer = Framer::new(Limits::default());
        framer.push(bytes);
        frames(&mut framer)
    }

    fn message(length_field: &str, body: &str) -> Vec<u8> {
        format!("INFO sip:x SIP/2.0\r\nVia: SIP/2.0/TCP y;branch=z\r\n{length_field}\r\nTo: x\r\n\r\n{body}").into()
    }

    #[test]
    fn content_length_is_found_wherever_and_however_it_is_written() {
        for field in [
            "Content-Length: 3",
            "l:3",
            "L : 3",
            "content-length  :   3  ",
            "Content-Length:\r\n  3",
            "CONTENT-LENGTH:003",
        ] {
            let bytes = message(field, "abc");
            assert_eq!(read(&bytes), [Ok(Frame::Message(bytes.clone()))], "{field}");
        }
    }

    #[test]
    fn many_messages_in_one_segment_and_one_message_in_many() {
        let (one, two) = (message("l: 4", "a\r\n\r"), message("l: 0", ""));
        let both = [one.clone(), b"\r\n".to_vec(), two.clone()].concat();
        let expected = vec![Ok(Frame::Message(one)), Ok(Frame::Message(two))];
        assert_eq!(read(&both), expected);
        let mut framer = Framer::new(Limits::default());
        let mut found = Vec::new();
        for byte in &both {
            framer.push(std::slice::from_ref(byte));
            found.extend(frames(&mut framer));
        }
        assert_eq!(found, expected);
        assert!(!framer.is_partial());
    }

    #[test]
    fn keep_alive_is_a_ping_and_single_line_breaks_are_nothing() {
        assert_eq!(read(b"\r\n\r\n"), [Ok(Frame::Ping)]);
        assert_eq!(read(b"\r\n"), []);
        assert_eq!(read(b"\n\r\n\n"), []);
        let bytes = message("l: 0", "");
        let stream = [b"\r\n\r\n\r\n".to_vec(), bytes.clone(), b"\r\n\r\n".to_vec()].concat();
        assert_eq!(read(&stream), [Ok(Frame::Ping), Ok(Frame::Message(bytes)), Ok(Frame::Ping)]);
    }

    #[test]
    fn a_request_without_a_content_length_is_400_and_the_end() {
        let bytes = message("Subject: x", "");
        let mut framer = Framer::new(Limits::default());
        framer.push(&bytes);
        let Some(Err(error)) = framer.next() else { panic!("no error") };
        assert_eq!(error, FrameError::NoContentLength { head: bytes });
        let response = error.response().unwrap();
        assert_eq!(response.status, Status::BAD_REQUEST);
        assert_eq!(response.headers.get(&HeaderName::Via), Some("SIP/2.0/TCP y;branch=z"));
        framer.push(b"\r\n\r\n");
        assert_eq!((framer.next(), framer.is_partial()), (None, false));
    }

    #[test]
    fn a_content_length_that_is_none_or_two_different_ones_is_400() {
        for field in ["l: -1", "l: 3x", "l:", "l: 0x3", "l: 3\r\nContent-Length: 4"] {
            let found = read(&message(field, "abc"));
            let [Err(error)] = found.as_slice() else { panic!("{field}: {found:?}") };
            assert_eq!(error.status(), Some(Status::BAD_REQUEST), "{field}");
        }
        let twice = message("l: 3\r\nContent-Length: 3", "abc");
        assert_eq!(read(&twice), [Ok(Frame::Message(twice.clone()))]);
    }

    #[test]
    fn what_is_too_large_is_513_before_it_is_read() {
        for field in ["l: 65536", "l: 99999999999999999999999999", "l: 18446744073709551615"] {
            let found = read(&message(field, ""));
            let [Err(error)] = found.as_slice() else { panic!("{field}: {found:?}") };
            assert_eq!(error.response().map(|response| response.status), Some(Status::MESSAGE_TOO_LARGE), "{field}");
        }
        let endless = ["INFO sip:x SIP/2.0\r\nVia: SIP/2.0/TCP y\r\n".to_owned(), "a: b\r\n".repeat(20_000)].concat();
        let mut framer = Framer::new(Limits { message: 1000 });
        framer.push(endless.get(..900).unwrap().as_bytes());
        assert_eq!(framer.next(), None);
        framer.push(endless.get(900..).unwrap().as_bytes());
        assert!(matches!(framer.next(), Some(Err(FrameError::TooLarge { limit: 1000, .. }))));
    }

    #[test]
    fn what_is_not_sip_ends_at_once() {
        for bytes in
            [&b"\x16\x03\x01\x02\x00\x01"[..], b"GET / HTTP/1.1\r\nHost", b"hello\r\n", b" INFO sip:x SIP/2.0\r\n"]
        {
            assert_eq!(read(bytes), [Err(FrameError::NotSip)], "{bytes:?}");
        }
        assert_eq!(FrameError::NotSip.response(), None);
    }

    #[test]
    fn a_response_that_breaks_the_stream_is_not_answered() {
        let found = read(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP y\r\n\r\n");
        assert!(matches!(found.as_slice(), [Err(error)] if error.response().is_none()));
    }

    proptest! {
        #[test]
        fn any_chunking_of_a_stream_yields_the_same_frames(
            pieces in prop::collection::vec(prop_oneof![
                Just(b"\r\n\r\n".to_vec()), Just(b"\r\n".to_vec()), Just(b"\r".to_vec()), Just(b"\n".to_vec()),
                "[a-z\r\n]{0,9}".prop_map(|body| message(&format!("l: {}", body.len()), &body)),
                "[a-z]{0,9}".prop_map(|body| message("Subject: x", &body)),
            ], 0..6),
            cuts in prop::collection::vec(1usize..40, 1..20),
        ) {
            let stream = pieces.concat();
            let mut framer = Framer::new(Limits::default());
            let (mut found, mut rest, mut cuts) = (Vec::new(), stream.as_slice(), cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
                framer.push(chunk);
                found.extend(frames(&mut framer));
                rest = after;
            }
            prop_assert_eq!(found, read(&stream));
        }

        #[test]
        fn any_octets_are_framed_without_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
