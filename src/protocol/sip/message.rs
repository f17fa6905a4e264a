//! A SIP message, read from and written to bytes: the front that stands between the wire and typed values.
//! Knows: start lines, header lines, bodies (binary too). Must not: judge a message; `screen` and the dialogs do.
//!
//! What is ours and what is rsip's. rsip 0.4 reads by-the-book messages and has SIP's vocabulary. It refuses a whole
//! message for a folded line, white space before a colon, a line without one, a method, IPv6 host, dotted user part or
//! URI parameter it does not know; it drops URI headers and whatever follows a parameter it cannot read; it knows no
//! compact names and only the headers of RFC 3261. So lines, names, lists, addresses and URIs are read here and in
//! `headers`, `address`, `uri`, `values`, once and for every message alike. rsip gives the vocabulary where it has it
//! right ([`rsip::Host`], [`rsip::Transport`]), and takes a message that the front has cleaned
//! ([`Message::to_rsip`]) for whoever wants its typed headers or its digest. `tests/wire.rs` holds both readings
//! against each other for every message rsip can read.

use std::borrow::Cow;

use super::headers::{HeaderName, Headers, unfold};
use super::{Method, Status, Uri};

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Request(Request),
    Response(Response),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: Headers,
    pub body: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: Status,
    pub reason: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// The largest message that is read, header and body together, in octets: what a datagram can hold, and more than
/// any product sends.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The most header lines that are read; a call through ten proxies has about fifty.
pub const MAX_HEADERS: usize = 256;

/// Why bytes are no SIP message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("no SIP start line")]
    NoStartLine,
    #[error("SIP version {0:?} is not SIP/2.0")]
    Version(String),
    #[error("status code {0:?} is not a number from 100 to 699")]
    Status(String),
    #[error("the header never ends with an empty line")]
    Unfinished,
    #[error("{0} octets are more than the {MAX_MESSAGE} of the largest message")]
    TooLarge(usize),
    #[error("more than {MAX_HEADERS} header lines")]
    TooManyHeaders,
}

/// True for a datagram that only keeps a NAT binding alive: nothing, line breaks, zero octets. It is no message and
/// not worth a word in a log.
pub fn is_keep_alive(datagram: &[u8]) -> bool {
    datagram.iter().all(|byte| matches!(byte, 0 | b'\r' | b'\n' | b' '))
}

impl ParseError {
    /// The status that refuses a request so broken ([`super::screen::refusal`] makes the response).
    pub fn status(&self) -> Status {
        match self {
            ParseError::Version(_) => Status::VERSION_NOT_SUPPORTED,
            ParseError::TooLarge(_) | ParseError::TooManyHeaders => Status::MESSAGE_TOO_LARGE,
            ParseError::NoStartLine | ParseError::Status(_) | ParseError::Unfinished => Status::BAD_REQUEST,
        }
    }
}

impl Message {
    /// Reads one whole message: what a datagram holds, or what [`super::framing`] cut out of a stream.
    ///
    /// Lenient: header lines that are none are passed over, a Content-Length larger than what is there is left to
    /// [`super::screen`], octets after it are dropped (RFC 3261 18.3), text that is not UTF-8 is taken for Latin-1.
    pub fn parse(bytes: &[u8]) -> Result<Message, ParseError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(ParseError::TooLarge(bytes.len()));
        }
        // 7.5: line breaks before the start line are passed over
        let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).ok_or(ParseError::NoStartLine)?;
        let bytes = bytes.get(start..).unwrap_or_default();
        let (head_end, body_start) = header_end(bytes, 0).ok_or(ParseError::Unfinished)?;
        let head = text(bytes.get(..head_end).unwrap_or_default());
        let (start_line, header_lines) = head.split_once('\n').unwrap_or((&head, ""));

        let start_line = StartLine::parse(start_line.trim())?;
        let headers = parse_headers(header_lines)?;
        let body = bytes.get(body_start..).unwrap_or_default();
        let length = headers.get(&HeaderName::ContentLength).and_then(|value| value.parse().ok());
        let body = body.get(..length.unwrap_or(body.len())).unwrap_or(body).to_vec();
        Ok(match start_line {
            StartLine::Request(method, uri) => Message::Request(Request { method, uri, headers, body }),
            StartLine::Response(status, reason) => Message::Response(Response { status, reason, headers, body }),
        })
    }

    /// The same message in rsip's types: written out cleanly (long names, nothing folded) and read by rsip.
    ///
    /// # Errors
    /// rsip does not understand it, or would lose a part of the request URI: see the head of this module.
    pub fn to_rsip(&self) -> Result<rsip::SipMessage, rsip::Error> {
        let message = rsip::SipMessage::try_from(self.to_bytes())?;
        match (self, &message) {
            (Message::Request(request), rsip::SipMessage::Request(read))
                if !read.uri.to_string().eq_ignore_ascii_case(request.uri.as_str()) =>
            {
                Err(rsip::Error::Unexpected(format!("rsip reads {} as {}", request.uri, read.uri)))
            }
            _ => Ok(message),
        }
    }

    pub fn headers(&self) -> &Headers {
        match self {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        }
    }

    pub fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Message::Request(request) => &mut request.headers,
            Message::Response(response) => &mut response.headers,
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Message::Request(request) => request.to_bytes(),
            Message::Response(response) => response.to_bytes(),
        }
    }
}

impl Request {
    pub fn new(method: Method, uri: Uri) -> Request {
        Request { method, uri, headers: Headers::default(), body: Vec::new() }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&format!("{} {} SIP/2.0", self.method, self.uri), &self.headers, &self.body)
    }

    /// A response with the fields RFC 3261 8.2.6.2 asks to copy: Via, From, To, Call-ID, CSeq (and Timestamp in
    /// a 100). The To tag is the caller's to add: [`Response::with_to_tag`].
    pub fn response(&self, status: Status) -> Response {
        use HeaderName::*;
        let mut headers = Headers::default();
        for name in [Via, From, To, CallId, CSeq] {
            headers.copy_from(&self.headers, &name);
        }
        if status == Status::TRYING {
            headers.copy_from(&self.headers, &Timestamp);
        }
        Response { status, reason: status.default_reason().into(), headers, body: Vec::new() }
    }
}

impl Response {
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&format!("SIP/2.0 {} {}", self.status, self.reason), &self.headers, &self.body)
    }

    /// Adds `;tag=` to the To field unless it has one (RFC 3261 8.2.6.2).
    pub fn with_to_tag(mut self, tag: &str) -> Response {
        let to = self.headers.get(&HeaderName::To).unwrap_or_default().to_owned();
        if super::NameAddr::parse(&to).tag().is_none() && self.status != Status::TRYING {
            self.headers.set(HeaderName::To, format!("{to};tag={tag}"));
        }
        self
    }

    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Response {
        self.headers.push(name, value);
        self
    }

    pub fn with_body(mut self, content_type: &str, body: Vec<u8>) -> Response {
        self.headers.set(HeaderName::ContentType, content_type);
        self.body = body;
        self
    }
}

enum StartLine {
    Request(Method, Uri),
    Response(Status, String),
}

impl StartLine {
    fn parse(line: &str) -> Result<StartLine, ParseError> {
        let is_version = |word: &str| word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/"));
        let check = |word: &str| match word.eq_ignore_ascii_case("SIP/2.0") {
            true => Ok(()),
            false => Err(ParseError::Version(word.to_owned())),
        };
        let (first, rest) = line.split_once([' ', '\t']).ok_or(ParseError::NoStartLine)?;
        if is_version(first) {
            check(first)?;
            let (code, reason) = rest.trim_start().split_once([' ', '\t']).unwrap_or((rest.trim_start(), ""));
            let status = code.parse().ok().and_then(Status::new).ok_or_else(|| ParseError::Status(code.into()))?;
            return Ok(StartLine::Response(status, reason.trim().to_owned()));
        }
        let (uri, version) = rest.rsplit_once([' ', '\t']).ok_or(ParseError::NoStartLine)?;
        if !is_version(version) || !is_token(first) || uri.trim().is_empty() {
            return Err(ParseError::NoStartLine);
        }
        check(version)?;
        // brackets around the request URI are wrong but cannot be misunderstood (RFC 4475 3.1.2.7)
        let uri = uri.trim();
        let uri = uri.strip_prefix('<').and_then(|uri| uri.strip_suffix('>')).unwrap_or(uri);
        Ok(StartLine::Request(Method::parse(first), Uri::parse(uri)))
    }
}

/// `token` of RFC 3261 25.1: what a method is made of.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
}

/// Where the header ends and where the body starts: at an empty line, CRLF or bare LF. Looks at line ends from
/// `from` on, so that whoever reads a stream need not begin again with each segment.
pub(super) fn header_end(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut line = from;
    loop {
        line += bytes.get(line..)?.iter().position(|byte| *byte == b'\n')? + 1;
        match bytes.get(line..)? {
            [b'\n', ..] => return Some((line, line + 1)),
            [b'\r', b'\n', ..] => return Some((line, line + 2)),
            _ => {}
        }
    }
}

/// UTF-8, and Latin-1 for each octet that is none.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().copied().map(char::from));
    }
    Cow::Owned(text)
}

fn parse_headers(text: &str) -> Result<Headers, ParseError> {
    let mut headers = Headers::default();
    for field in fields(text) {
        // a line without a colon, or with a blank inside its name, is no header field: passed over, not fatal
        let Some((name, value)) = field.split_once(':') else { continue };
        let name = name.trim_matches([' ', '\t']);
        if name.is_empty() || name.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            continue;
        }
        if headers.len() == MAX_HEADERS {
            return Err(ParseError::TooManyHeaders);
        }
        headers.push(HeaderName::parse(name), unfold(value));
    }
    Ok(headers)
}

/// Cuts a header into fields, each with the lines that continue it (RFC 3261 7.3.1: they begin with white space).
pub(super) fn fields(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut end = 0;
        loop {
            let Some(line) = rest.get(end..).and_then(|tail| tail.find('\n')) else {
                end = rest.len();
                break;
            };
            end += line + 1;
            if !rest.get(end..).is_some_and(|next| next.starts_with([' ', '\t'])) {
                break;
            }
        }
        let field;
        (field, rest) = rest.split_at_checked(end).filter(|(field, _)| !field.is_empty())?;
        Some(field)
    })
}

/// Writes a message. Content-Length stands where it stood, at the end of the header otherwise, and is right always.
fn encode(start_line: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + body.len());
    let mut line = |name: &str, colon: &str, value: &str| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(colon.as_bytes());
        // a line break inside a value would begin a header of its own
        out.extend(value.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        out.extend_from_slice(b"\r\n");
    };
    line("", "", start_line);
    let length = body.len().to_string();
    let mut written = false;
    for (name, value) in headers.iter() {
        match (name, written) {
            (HeaderName::ContentLength, true) => {}
            (HeaderName::ContentLength, false) => {
                line(name.as_str(), ": ", &length);
                written = true;
            }
            _ => line(name.as_str(), ": ", value),
        }
    }
    if !written {
        line(HeaderName::ContentLength.as_str(), ": ", &length);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

#[cfg(test)]
mod tests;
