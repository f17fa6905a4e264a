//! Where the session description of a message sits: alone, or as one part of a multipart body (RFC 2046 5.1).
//! Knows: Content-Type and boundaries. Must not: judge what the description offers.

use crate::protocol::sdp::{Description, NotSdp};
use crate::protocol::sip::{HeaderName, Headers};

/// What a message says about the session; `None` when it says nothing.
pub(super) fn session_description(headers: &Headers, body: &[u8]) -> Option<Result<Description, NotSdp>> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    let content_type = headers.get(&HeaderName::ContentType).unwrap_or_default();
    let sdp = match media_type(content_type).as_str() {
        "application/sdp" => body,
        // a body without type is what it looks like
        "" if body.trim_ascii_start().starts_with(b"v=") => body,
        multipart if multipart.starts_with("multipart/") => part(content_type, body)?,
        _ => return None,
    };
    Some(Description::parse(sdp))
}

/// `type/subtype` in lower case, without parameters.
pub(super) fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The first part of type application/sdp. A last boundary that is not closed ends with the body, as some send it.
fn part<'a>(content_type: &str, body: &'a [u8]) -> Option<&'a [u8]> {
    let boundary = content_type.split(';').skip(1).find_map(|param| {
        let (name, value) = param.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    let delimiter = format!("--{boundary}");
    let mut content: Option<usize> = None;
    let mut start = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line_start = start;
        start += line.len();
        if !line.starts_with(delimiter.as_bytes()) {
            continue;
        }
        if let Some(found) = content.and_then(|from| sdp_part(body.get(from..line_start)?)) {
            return Some(found);
        }
        content = Some(start);
    }
    sdp_part(body.get(content?..)?)
}

/// The content of a part, if its header says application/sdp.
fn sdp_part(part: &[u8]) -> Option<&[u8]> {
    let (mut start, mut is_sdp) = (0, false);
    for line in part.split_inclusive(|byte| *byte == b'\n') {
        start += line.len();
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            return part.get(start..).filter(|_| is_sdp);
        }
        if let Some((name, value)) = text.split_once(':') {
            is_sdp |= name.trim().eq_ignore_ascii_case("content-type") && media_type(value) == "application/sdp";
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, body: &str) -> Option<Result<usize, NotSdp>> {
        let mut headers = Headers::default();
        if !content_type.is_empty() {
            headers.push(HeaderName::ContentType, content_type);
        }
        Some(session_description(&headers, body.as_bytes())?.map(|sdp| sdp.media.len()))
    }

    #[test]
    fn the_session_description_is_found_wherever_it_sits() {
        let sdp = "v=0\r\nm=audio 4000 RTP/AVP 0\r\n";
        let part = |kind: &str, body: &str| format!("--b1\r\nContent-Type: {kind}\r\n\r\n{body}\r\n");
        let isup = part("application/isup;version=x", "\u{1}\u{2}");
        for (content_type, body, expected) in [
            ("application/sdp", sdp.to_owned(), Some(Ok(1))),
            ("Application/SDP; charset=utf-8", sdp.to_owned(), Some(Ok(1))),
            ("", sdp.to_owned(), Some(Ok(1))),
            ("", String::new(), None),
            ("application/sdp", "\r\n".to_owned(), None),
            ("application/isup", "xyz".to_owned(), None),
            ("application/sdp", "hello".to_owned(), Some(Err(NotSdp::NoLines))),
            ("multipart/mixed;boundary=b1", format!("{isup}{}--b1--", part("application/sdp", sdp)), Some(Ok(1))),
            ("multipart/mixed; Boundary=\"b1\"", part("application/sdp", sdp) + &isup + "--b1", Some(Ok(1))),
            ("multipart/mixed;boundary=b1", part("application/sdp", sdp), Some(Ok(1))),
            ("multipart/mixed;boundary=b1", isup.clone(), None),
            ("multipart/mixed", part("application/sdp", sdp), None),
        ] {
            assert_eq!(read(content_type, &body), expected, "{content_type}: {body:?}");
        }
    }
}
