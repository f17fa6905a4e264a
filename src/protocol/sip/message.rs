//! A SIP message, read from and written to bytes.
//! Knows: start lines, header lines, bodies (binary too). Must not: judge a message; `screen` and the dialogs do.

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
}

impl Message {
    /// Reads one whole message: what a datagram holds, or what [`super::framing`] cut out of a stream.
    ///
    /// Lenient: header lines that are none are passed over, a Content-Length larger than what is there is ignored,
    /// octets after it are dropped (RFC 3261 18.3), text that is not UTF-8 is kept as far as it can be read.
    pub fn parse(bytes: &[u8]) -> Result<Message, ParseError> {
        let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).ok_or(ParseError::NoStartLine)?;
        let bytes = bytes.get(start..).unwrap_or_default();
        let (head_end, body_start) = header_end(bytes).ok_or(ParseError::Unfinished)?;
        let head = String::from_utf8_lossy(bytes.get(..head_end).unwrap_or_default());
        let body = bytes.get(body_start..).unwrap_or_default();

        let (start_line, header_text) = head.split_once('\n').unwrap_or((&head, ""));
        let headers = parse_headers(header_text);
        let length = headers.get(&HeaderName::ContentLength).and_then(|v| v.parse::<usize>().ok());
        let body = body.get(..length.unwrap_or(body.len()).min(body.len())).unwrap_or_default().to_vec();

        let start_line = start_line.trim();
        if let Some(rest) = start_line.strip_prefix("SIP/2.0 ") {
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let status = code.parse().ok().and_then(Status::new).ok_or_else(|| ParseError::Status(code.into()))?;
            return Ok(Message::Response(Response { status, reason: reason.trim().into(), headers, body }));
        }
        let mut words = start_line.split_ascii_whitespace();
        let (Some(method), Some(uri), Some(version)) = (words.next(), words.next(), words.next_back()) else {
            return Err(ParseError::NoStartLine);
        };
        if !version.starts_with("SIP/") {
            return Err(ParseError::NoStartLine);
        }
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(ParseError::Version(version.into()));
        }
        Ok(Message::Request(Request { method: Method::parse(method), uri: Uri::parse(uri), headers, body }))
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

fn encode(start_line: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + body.len());
    out.extend_from_slice(start_line.as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| **name != HeaderName::ContentLength) {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
    out
}

/// Where the header ends and where the body starts: at an empty line, CRLF or bare LF.
pub(super) fn header_end(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut line_start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\n' {
            continue;
        }
        let line = bytes.get(line_start..at).unwrap_or_default();
        if line.is_empty() || line == b"\r" {
            return Some((line_start, at + 1));
        }
        line_start = at + 1;
    }
    None
}

fn parse_headers(text: &str) -> Headers {
    let mut headers = Headers::default();
    let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r')).peekable();
    while let Some(line) = lines.next() {
        let mut field = line.to_owned();
        while let Some(next) = lines.next_if(|next| next.starts_with([' ', '\t'])) {
            field.push('\n');
            field.push_str(next);
        }
        // a line without a colon, or with a blank inside its name, is no header field: passed over, not fatal
        let Some((name, value)) = field.split_once(':') else { continue };
        let name = name.trim();
        if name.is_empty() || name.contains([' ', '\t']) {
            continue;
        }
        headers.push(HeaderName::parse(name), unfold(value));
    }
    headers
}
