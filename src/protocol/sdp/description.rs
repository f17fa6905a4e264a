//! A session description as text: read as products write it, printed as RFC 8866 wants it.
//! Knows: lines. Must not: judge an offer; `offer_answer` does.

use std::fmt;
use std::net::IpAddr;

/// More `m=` lines than any product sends; a body with more is refused rather than answered line by line.
const MOST_MEDIA: usize = 32;

/// A session description. Lines that no answer depends on (`i= b= p= k= …`) are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// What stands after `o=`.
    pub origin: String,
    /// What stands after `s=`.
    pub name: String,
    pub connection: Option<Connection>,
    /// What stands after `t=`; an answer repeats it (RFC 3264 6).
    pub timing: String,
    pub attributes: Vec<Attribute>,
    pub media: Vec<Media>,
}

/// One `m=` line and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// `audio`, `video`, `image` …, as written.
    pub kind: String,
    /// 0 when the stream is refused or taken away, or the number cannot be read.
    pub port: u16,
    /// `RTP/AVP` …, as written.
    pub protocol: String,
    /// Payload types of RTP, anything else for other transports.
    pub formats: Vec<String>,
    pub connection: Option<Connection>,
    pub attributes: Vec<Attribute>,
}

/// The host of a `c=` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    Address(IpAddr),
    Name(String),
}

/// `a=name:value`, or `a=name` with an empty value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    pub value: String,
}

/// Which ways media flows, seen from whoever wrote the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

/// Why a body is no session description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSdp {
    #[error("the body has neither a v= nor an m= line")]
    NoLines,
    #[error("the body has more than {MOST_MEDIA} m= lines")]
    TooManyMedia,
}

impl Description {
    /// Reads a body. Any line end will do, lines may come in any order before the first `m=`, what is not understood
    /// is passed over: only a body that is no session description at all is refused.
    pub fn parse(body: &[u8]) -> Result<Description, NotSdp> {
        let text = String::from_utf8_lossy(body);
        let mut description = Description::default();
        let mut recognised = false;
        let mut media_lines = 0;
        for line in text.split(['\r', '\n']) {
            let Some((kind, value)) = line.trim().split_once('=') else { continue };
            let value = value.trim();
            match (kind.trim(), description.media.last_mut()) {
                ("v", _) => recognised = true,
                ("m", _) if media_lines == MOST_MEDIA => return Err(NotSdp::TooManyMedia),
                ("m", _) => {
                    recognised = true;
                    media_lines += 1;
                    description.media.push(Media::parse(value));
                }
                ("c", Some(media)) => media.connection = media.connection.take().or_else(|| Connection::parse(value)),
                ("a", Some(media)) => media.attributes.push(Attribute::parse(value)),
                ("c", None) => description.connection = description.connection.or_else(|| Connection::parse(value)),
                ("a", None) => description.attributes.push(Attribute::parse(value)),
                ("o", None) => description.origin = value.to_owned(),
                ("s", None) => description.name = value.to_owned(),
                ("t", None) if description.timing.is_empty() => description.timing = value.to_owned(),
                _ => {}
            }
        }
        if recognised { Ok(description) } else { Err(NotSdp::NoLines) }
    }

    /// Where a stream's media goes: its own `c=` line before the session's.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// A stream's direction: its own before the session's, send and receive when neither says so (RFC 3264 5.1).
    pub fn direction_of(&self, media: &Media) -> Direction {
        let said = |attributes: &[Attribute]| attributes.iter().find_map(|a| Direction::parse(&a.name));
        said(&media.attributes).or_else(|| said(&self.attributes)).unwrap_or(Direction::SendRecv)
    }
}

impl Media {
    /// Reads what stands after `m=`; a line cut short keeps its place with port 0, for answers keep the count.
    fn parse(value: &str) -> Media {
        let mut words = value.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        let (kind, port, protocol) = (word(), word(), word());
        // 49170/2: two pairs of ports; the first is as good as any
        let port = port.split('/').next().unwrap_or_default().parse().unwrap_or(0);
        Media {
            kind: kind.to_owned(),
            port,
            protocol: protocol.to_owned(),
            formats: words.map(str::to_owned).collect(),
            ..Media::default()
        }
    }

    pub fn is_audio(&self) -> bool {
        self.kind.eq_ignore_ascii_case("audio")
    }

    /// The value of the first attribute of that name; names are read in any case.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name)).map(|a| a.value.as_str())
    }

    pub fn attributes_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.attributes.iter().filter(move |a| a.name.eq_ignore_ascii_case(name)).map(|a| a.value.as_str())
    }
}

impl Connection {
    /// Reads `IN IP4 192.0.2.1`, with `/ttl` and brackets as some write them; `None` when no host stands there.
    fn parse(value: &str) -> Option<Connection> {
        let host = value.split_whitespace().nth(2)?;
        let host = host.split('/').next().unwrap_or_default().trim_matches(['[', ']']);
        let host = host.split('%').next().unwrap_or_default();
        match host.parse() {
            Ok(address) => Some(Connection::Address(address)),
            Err(_) if host.is_empty() => None,
            Err(_) => Some(Connection::Name(host.to_owned())),
        }
    }

    /// `0.0.0.0` or `::`: nothing shall be sent there (RFC 3264 8.4, the hold of RFC 2543).
    pub fn is_hold(&self) -> bool {
        matches!(self, Connection::Address(address) if address.is_unspecified())
    }
}

impl Attribute {
    pub fn new(name: &str, value: impl Into<String>) -> Attribute {
        Attribute { name: name.to_owned(), value: value.into() }
    }

    fn parse(value: &str) -> Attribute {
        let (name, value) = value.split_once(':').unwrap_or((value, ""));
        Attribute::new(name.trim(), value.trim())
    }
}

impl Direction {
    /// Reads an attribute's name, in any case.
    fn parse(name: &str) -> Option<Direction> {
        use Direction::*;
        [SendRecv, SendOnly, RecvOnly, Inactive].into_iter().find(|d| name.eq_ignore_ascii_case(d.as_str()))
    }

    pub fn new(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}

/// The body of a message: every line ends in CRLF (RFC 8866 5).
impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v=0\r\no={}\r\ns={}\r\n", self.origin, self.name)?;
        if let Some(connection) = &self.connection {
            write!(f, "c={connection}\r\n")?;
        }
        write!(f, "t={}\r\n", self.timing)?;
        print_attributes(f, &self.attributes)?;
        for media in &self.media {
            write!(f, "m={} {} {}", media.kind, media.port, media.protocol)?;
            for format in &media.formats {
                write!(f, " {format}")?;
            }
            f.write_str("\r\n")?;
            if let Some(connection) = &media.connection {
                write!(f, "c={connection}\r\n")?;
            }
            print_attributes(f, &media.attributes)?;
        }
        Ok(())
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Connection::Address(address @ IpAddr::V4(_)) => write!(f, "IN IP4 {address}"),
            Connection::Address(address @ IpAddr::V6(_)) => write!(f, "IN IP6 {address}"),
            Connection::Name(host) => write!(f, "IN IP4 {host}"),
        }
    }
}

fn print_attributes(f: &mut fmt::Formatter<'_>, attributes: &[Attribute]) -> fmt::Result {
    for Attribute { name, value } in attributes {
        match value.as_str() {
            "" => write!(f, "a={name}\r\n")?,
            value => write!(f, "a={name}:{value}\r\n")?,
        }
    }
    Ok(())
}
