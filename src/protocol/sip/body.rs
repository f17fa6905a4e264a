//! Bodies: which type they have, and the parts of a multipart one (RFC 2046 5.1, RFC 5621).
//! Knows: Content-Type, Content-Disposition, boundaries. Must not: understand what a part says.

use super::address::parse_params;
use super::headers::{HeaderName, Headers};
use super::message::{fields, header_end};
use super::{Request, Response};

/// A body, or one part of a multipart body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// As written, parameters included; empty when there was none.
    pub content_type: &'a str,
    /// As written; empty when there was none.
    pub disposition: &'a str,
    pub body: &'a [u8],
}

impl Request {
    /// The body of that type (`application/sdp`): the whole body, or the first part of a multipart one that has it.
    pub fn part(&self, content_type: &str) -> Option<&[u8]> {
        find(&self.headers, &self.body, content_type)
    }

    /// The body taken apart: one part when it is no multipart, none when it is empty.
    pub fn parts(&self) -> Vec<Part<'_>> {
        parts(&self.headers, &self.body)
    }
}

impl Response {
    /// As [`Request::part`].
    pub fn part(&self, content_type: &str) -> Option<&[u8]> {
        find(&self.headers, &self.body, content_type)
    }
}

impl Part<'_> {
    /// True when type and subtype are these; parameters do not count, nor does case.
    pub fn is(&self, content_type: &str) -> bool {
        media_type(self.content_type).eq_ignore_ascii_case(content_type)
    }

    pub fn is_multipart(&self) -> bool {
        media_type(self.content_type).get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"))
    }

    /// As the function of that name, for this part's Content-Disposition.
    pub fn is_optional(&self) -> bool {
        is_optional(self.disposition)
    }
}

/// True when a Content-Disposition lets whoever does not understand the body pass over it (`handling=optional`,
/// RFC 3261 20.11).
pub fn is_optional(disposition: &str) -> bool {
    let params = disposition.split_once(';').map_or("", |(_, params)| params);
    parse_params(params).iter().any(|(name, value)| name == "handling" && value.eq_ignore_ascii_case("optional"))
}

fn find<'a>(headers: &'a Headers, body: &'a [u8], content_type: &str) -> Option<&'a [u8]> {
    parts(headers, body).into_iter().find(|part| part.is(content_type)).map(|part| part.body)
}

fn parts<'a>(headers: &'a Headers, body: &'a [u8]) -> Vec<Part<'a>> {
    if body.is_empty() {
        return Vec::new();
    }
    let content_type = match headers.get(&HeaderName::ContentType) {
        Some(content_type) => content_type,
        // 20.15 asks for Content-Type; an SDP without it is told by its first line
        None if body.starts_with(b"v=0") => "application/sdp",
        None => "",
    };
    let disposition = headers.get(&HeaderName::ContentDisposition).unwrap_or_default();
    let mut found = Vec::new();
    take_apart(Part { content_type, disposition, body }, MAX_DEPTH, &mut found);
    found
}

/// How deep one multipart may stand in another before it is taken as it is.
const MAX_DEPTH: u8 = 3;
/// The most parts of one message that are looked at.
const MAX_PARTS: usize = 32;

fn take_apart<'a>(part: Part<'a>, depth: u8, found: &mut Vec<Part<'a>>) {
    let params = part.content_type.split_once(';').map_or("", |(_, params)| params);
    let boundary = parse_params(params).into_iter().find(|(name, _)| name == "boundary").map(|(_, value)| value);
    match boundary {
        Some(boundary) if part.is_multipart() && depth > 0 && !boundary.is_empty() => {
            for section in sections(part.body, &boundary).take(MAX_PARTS) {
                if found.len() < MAX_PARTS {
                    take_apart(read_part(section), depth - 1, found);
                }
            }
        }
        _ => found.push(part),
    }
}

/// The octets between the boundary lines: without the preamble, and without what follows the closing boundary. A
/// last boundary that is not closed, or that is missing, ends the last part all the same.
fn sections<'a>(body: &'a [u8], boundary: &str) -> impl Iterator<Item = &'a [u8]> {
    let mut lines = Lines { bytes: body, at: 0 };
    let mut start = None;
    let boundary = boundary.as_bytes().to_owned();
    let mut done = false;
    std::iter::from_fn(move || {
        while !done {
            let Some((line_start, line)) = lines.next() else {
                done = true;
                return start.and_then(|start| body.get(start..)).filter(|rest| !rest.trim_ascii().is_empty());
            };
            let Some(tail) = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary.as_slice())) else {
                continue;
            };
            let closing = tail.trim_ascii() == b"--";
            if !closing && !tail.trim_ascii().is_empty() {
                continue; // another boundary that begins like ours
            }
            done = closing;
            // the line break before a boundary belongs to the boundary (RFC 2046 5.1.1)
            let section = start.and_then(|start| body.get(start..line_start)).map(without_line_break);
            start = Some(lines.at);
            if section.is_some() {
                return section;
            }
        }
        None
    })
}

struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        let start = self.at;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        self.at = start + length;
        Some((start, rest.get(..length)?))
    }
}

fn without_line_break(section: &[u8]) -> &[u8] {
    let section = section.strip_suffix(b"\n").unwrap_or(section);
    section.strip_suffix(b"\r").unwrap_or(section)
}

fn read_part(section: &[u8]) -> Part<'_> {
    // a part may have no header at all: then it begins with the empty line
    let (head_end, body_start) = match section {
        [b'\r', b'\n', ..] => (0, 2),
        [b'\n', ..] => (0, 1),
        _ => header_end(section, 0).unwrap_or((section.len(), section.len())),
    };
    let head = section.get(..head_end).and_then(|head| std::str::from_utf8(head).ok()).unwrap_or_default();
    let field = |wanted: HeaderName| {
        let fields = fields(head).filter_map(|field| field.split_once(':'));
        fields.filter(|(name, _)| HeaderName::parse(name.trim()) == wanted).map(|(_, value)| value.trim()).next()
    };
    Part {
        content_type: field(HeaderName::ContentType).unwrap_or_default(),
        disposition: field(HeaderName::ContentDisposition).unwrap_or_default(),
        body: section.get(body_start..).unwrap_or_default(),
    }
}

fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sip::{Method, Uri};
    use proptest::prelude::*;

    fn request(content_type: &str, body: &[u8]) -> Request {
        let mut request = Request::new(Method::Invite, Uri::parse("sip:a@x"));
        if !content_type.is_empty() {
            request.headers.push(HeaderName::ContentType, content_type);
        }
        request.body = body.to_vec();
        request
    }

    #[test]
    fn a_plain_body_is_its_only_part() {
        let offer = request("Application/SDP ; charset=x", b"v=0\r\n");
        assert_eq!(offer.part("application/sdp"), Some(&b"v=0\r\n"[..]));
        assert_eq!(offer.part("application/isup"), None);
        assert_eq!(request("", b"v=0\r\n").part("application/sdp"), Some(&b"v=0\r\n"[..]));
        assert_eq!(request("", b"\x01\x02").part("application/sdp"), None);
        assert!(request("application/sdp", b"").parts().is_empty());
    }

    #[test]
    fn parts_end_at_the_line_break_before_the_boundary_and_may_be_binary() {
        let body = b"preamble\r\n--a b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\na=x\r\n\r\n--a bc\r\n--a b  \r\n\
            c:application/isup;version=itu\r\nContent-Disposition: signal ; Handling=Optional\r\n\r\n\x01\x00\xff\r\n--a b--\r\nepilogue";
        let invite = request("multipart/mixed; boundary=\"a b\"", body);
        let parts = invite.parts();
        assert_eq!(parts.len(), 2);
        assert_eq!(invite.part("application/sdp"), Some(&b"v=0\r\na=x\r\n\r\n--a bc"[..]));
        assert_eq!(invite.part("application/isup"), Some(&b"\x01\x00\xff"[..]));
        assert!(parts[1].is_optional() && !parts[0].is_optional());
    }

    #[test]
    fn a_last_boundary_unclosed_or_missing_ends_the_last_part() {
        for end in ["\r\n--b", "\r\n--b\r\n", "\r\n--b--", ""] {
            let body = format!("--b\r\nContent-Type: application/sdp\r\n\r\nv=0{end}");
            let invite = request("multipart/mixed;boundary=b", body.as_bytes());
            assert_eq!(invite.part("application/sdp"), Some(&b"v=0"[..]), "{end:?}");
            assert_eq!(invite.parts().len(), 1, "{end:?}");
        }
    }

    #[test]
    fn multipart_inside_multipart_is_taken_apart_but_not_without_end() {
        let body = b"--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\nplain\r\n--i\n\
            Content-Type:\r\n application/sdp\n\nv=0\n--i--\r\n--o--";
        let invite = request("multipart/mixed;boundary=o", body);
        assert_eq!(invite.part("application/sdp"), Some(&b"v=0"[..]));
        assert_eq!(invite.parts().first().map(|part| (part.content_type, part.body)), Some(("", &b"plain"[..])));
        let many = "--b\r\n\r\nx\r\n".repeat(1000);
        assert_eq!(request("multipart/mixed;boundary=b", many.as_bytes()).parts().len(), MAX_PARTS);
    }

    proptest! {
        #[test]
        fn any_body_is_taken_apart_without_a_fault(body in "([a-z:;=\r\n-]|--b\r?\n|Content-Type: multipart/x;boundary=b\r\n\r\n){0,60}") {
            let _ = request("multipart/mixed;boundary=b", body.as_bytes()).parts();
        }
    }
}
