//! SIP as the far end writes and reads it: text, and nothing of the code under test.

use std::fmt::Write;

/// One SIP message.
#[derive(Debug, Clone, PartialEq)]
pub struct Sip {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Sip {
    pub fn new(start: impl Into<String>) -> Sip {
        Sip { start: start.into(), headers: Vec::new(), body: String::new() }
    }

    pub fn parse(bytes: &[u8]) -> Sip {
        let text = std::str::from_utf8(bytes).expect("the node writes UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a message has an empty line after its headers");
        let mut lines = head.split("\r\n");
        let start = lines.next().expect("a message has a start line").to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("header without colon: {line}"));
            (name.to_owned(), value.trim().to_owned())
        };
        Sip { start, headers: lines.map(header).collect(), body: body.to_owned() }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Sip {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn with_body(self, kind: &str, body: &str) -> Sip {
        Sip { body: body.to_owned(), ..self.with("Content-Type", kind) }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        write!(text, "Content-Length: {}\r\n\r\n{}", self.body.len(), self.body).unwrap();
        text.into_bytes()
    }

    /// `None` for a request.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Of the request, or of the one this responds to.
    pub fn method(&self) -> &str {
        match self.status() {
            None => self.start.split(' ').next().unwrap_or_default(),
            Some(_) => self.get("CSeq").split(' ').nth(1).unwrap_or_default(),
        }
    }

    pub fn cseq(&self) -> u32 {
        self.get("CSeq").split(' ').next().and_then(|number| number.parse().ok()).expect("CSeq has a number")
    }

    pub fn find(&self, name: &str) -> Option<&str> {
        self.all(name).into_iter().next()
    }

    pub fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("no {name} in\n{self:#?}"))
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).iter().flat_map(|value| value.split(',')).any(|value| value.trim() == token)
    }

    /// The tag of From or To.
    pub fn tag(&self, name: &str) -> Option<String> {
        let value = self.find(name)?;
        let rest = value.split_once(";tag=")?.1;
        Some(rest.split([';', '>']).next().unwrap_or(rest).to_owned())
    }

    /// The URI in angle brackets of Contact.
    pub fn contact(&self) -> Option<String> {
        let value = self.find("Contact")?;
        Some(value.split_once('<')?.1.split_once('>')?.0.to_owned())
    }

    pub fn sdp(&self) -> Option<Sdp> {
        (!self.body.is_empty() && self.find("Content-Type") == Some("application/sdp")).then(|| Sdp(self.body.clone()))
    }
}

/// A session description of the node's.
#[derive(Debug, Clone)]
pub struct Sdp(String);

impl Sdp {
    /// Where the node wants its audio.
    pub fn audio(&self) -> std::net::SocketAddr {
        let address = self.line("c=IN IP4 ").or(self.line("c=IN IP6 ")).expect("c= line");
        let address: std::net::IpAddr = address.parse().expect("an address");
        let port = self.line("m=audio ").and_then(|rest| rest.split(' ').next()).expect("m=audio line");
        std::net::SocketAddr::new(address, port.parse().expect("a port"))
    }

    /// Numbers of the audio line.
    pub fn formats(&self) -> Vec<u8> {
        let line = self.line("m=audio ").expect("m=audio line");
        line.split(' ').skip(2).map(|number| number.parse().expect("payload type")).collect()
    }

    pub fn has(&self, line: &str) -> bool {
        self.0.lines().any(|l| l == line)
    }

    fn line(&self, start: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(start))
    }
}
