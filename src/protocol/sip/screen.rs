//! What a UAS checks of a request before anything else (RFC 3261 8.2.1 to 8.2.3), and the responses that refuse it.
//! Knows: one request, and what this server speaks. Must not: know a dialog, a transaction or an organisation.

use super::body::{Part, is_optional};
use super::message::ParseError;
use super::uri::Scheme;
use super::values::{CSeq, Via, number};
use super::{HeaderName, Headers, Message, Method, NameAddr, Request, Response, Status};

/// The methods we serve, for Allow.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE";

/// The option tags we speak, for Supported.
pub const SUPPORTED: &str = "100rel, timer";

/// The bodies we understand, for Accept.
pub const ACCEPT: &str = "application/sdp, multipart/mixed, application/dtmf-relay, application/dtmf";

/// The longest request URI that is read, in octets (414 above it).
pub const MAX_URI: usize = 8 * 1024;

/// `Ok` when the request may go on to its transaction user; otherwise the response that refuses it, complete but for
/// the To tag.
///
/// An ACK is never answered (RFC 3261 17): one that fails is dropped. So is a request without a Via that can be read
/// ([`is_answerable`]), because no response would find its way.
pub fn screen(request: &Request) -> Result<(), Response> {
    check_form(request)?;
    check_method(request)?;
    check_target(request)?;
    check_extensions(request)?;
    check_body(request)
}

/// True when the topmost Via can be read: without it there is nowhere to send a response to (RFC 3261 18.2.2).
pub fn is_answerable(headers: &Headers) -> bool {
    Via::top(headers).is_some()
}

/// The response that refuses octets which [`Message::parse`] or the framing could not read, from what can be read of
/// their header. `None` when nobody can be answered: a response, an ACK, no Via.
pub fn refusal(bytes: &[u8], status: Status, why: &str) -> Option<Response> {
    let request = salvage(bytes)?;
    let answerable = request.method != Method::Ack && is_answerable(&request.headers);
    answerable.then(|| refuse(&request, status, why))
}

/// [`refusal`] of what [`Message::parse`] gave up with an error.
pub fn unreadable(bytes: &[u8], error: &ParseError) -> Option<Response> {
    refusal(bytes, error.status(), &error.to_string())
}

/// The request in octets that are none as a whole: its own start line put right, as many header lines as there are.
fn salvage(bytes: &[u8]) -> Option<Request> {
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(SALVAGED)).unwrap_or_default());
    let (line, rest) = text.trim_start().split_once('\n')?;
    let method = line.split_ascii_whitespace().next().filter(|word| !word.to_ascii_uppercase().starts_with("SIP/"))?;
    // a header cut short ends with the last line that is whole
    let end = match rest.find("\r\n\r\n").or_else(|| rest.find("\n\n")) {
        Some(end) => end,
        None => rest.rfind('\n')?,
    };
    let lines: Vec<&str> = rest.get(..end)?.lines().take(SALVAGED_LINES).collect();
    let message = format!("{method} sip:unread SIP/2.0\r\n{}\r\n\r\n", lines.join("\r\n"));
    match Message::parse(message.as_bytes()) {
        Ok(Message::Request(request)) => Some(request),
        _ => None,
    }
}

/// How much of an unreadable message is looked at for its Via, From, To, Call-ID and CSeq, in octets and lines.
const SALVAGED: usize = 32 * 1024;
const SALVAGED_LINES: usize = 128;

/// RFC 3261 8.1.1: what every request must have. Max-Forwards may be missing (RFC 2543), so may the From tag.
fn check_form(request: &Request) -> Result<(), Response> {
    let bad = |why: &str| Err(refuse(request, Status::BAD_REQUEST, why));
    let headers = &request.headers;
    if !is_answerable(headers) {
        return bad("no Via that can be read");
    }
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq] {
        match headers.count(&name) {
            0 => return bad(&format!("{name} is missing")),
            1 => {}
            _ => return bad(&format!("{name} stands there more than once")),
        }
    }
    for name in [HeaderName::From, HeaderName::To] {
        if !is_address(headers.get(&name)) {
            return bad(&format!("{name} is no address"));
        }
    }
    if headers.get(&HeaderName::CallId).is_none_or(str::is_empty) {
        return bad("Call-ID is empty");
    }
    match CSeq::of(headers) {
        None => return bad("CSeq is no number with a method"),
        Some(cseq) if cseq.method != request.method => return bad("CSeq names another method than the request"),
        Some(_) => {}
    }
    // 8.1.1.8: the requests of the dialog to be go to the Contact
    if request.method == Method::Invite
        && !in_dialog(request)
        && !is_address(headers.values(&HeaderName::Contact).next())
    {
        return bad("Contact is missing or no address");
    }
    if let Some(hops) = headers.get(&HeaderName::MaxForwards)
        && number(hops).is_none_or(|hops| hops > 255)
    {
        return bad("Max-Forwards is no number from 0 to 255");
    }
    // 18.3: a body shorter than announced was cut on its way
    let mut lengths = headers.fields(&HeaderName::ContentLength);
    if lengths.any(|length| number(length).is_none_or(|length| length as usize > request.body.len())) {
        return bad("Content-Length is no number, or more than has come");
    }
    if request.uri.as_str().contains(char::is_whitespace) {
        return bad("white space in the request URI");
    }
    Ok(())
}

fn is_address(value: Option<&str>) -> bool {
    value.is_some_and(|value| NameAddr::parse(value).uri.as_str().contains(':'))
}

fn in_dialog(request: &Request) -> bool {
    request.headers.get(&HeaderName::To).is_some_and(|to| NameAddr::parse(to).tag().is_some())
}

/// RFC 3261 8.2.1; and 483 for a call that has no hop left, since it may have to be sent on. OPTIONS asks about us
/// alone: with Max-Forwards 0, as a Cisco CUCM pings, it is answered like any other.
fn check_method(request: &Request) -> Result<(), Response> {
    use Method::*;
    if !matches!(request.method, Invite | Ack | Cancel | Bye | Options | Info | Prack | Update) {
        let why = format!("{} is not served here", request.method);
        return Err(refuse(request, Status::METHOD_NOT_ALLOWED, &why).with(HeaderName::Allow, ALLOW));
    }
    let in_dialog = request.headers.get(&HeaderName::To).is_some_and(|to| NameAddr::parse(to).tag().is_some());
    if request.method == Invite && !in_dialog && request.headers.get(&HeaderName::MaxForwards) == Some("0") {
        return Err(refuse(request, Status::TOO_MANY_HOPS, "Max-Forwards is 0"));
    }
    Ok(())
}

/// RFC 3261 8.2.2.1.
fn check_target(request: &Request) -> Result<(), Response> {
    if request.uri.as_str().len() > MAX_URI {
        return Err(refuse(request, Status::REQUEST_URI_TOO_LONG, &format!("more than {MAX_URI} octets")));
    }
    match request.uri.scheme() {
        Scheme::Sip | Scheme::Sips | Scheme::Tel => Ok(()),
        Scheme::Other => Err(refuse(request, Status::UNSUPPORTED_URI_SCHEME, "only sip, sips and tel are served here")),
    }
}

/// RFC 3261 8.2.2.3; ACK and CANCEL are excepted there, Proxy-Require is not for a UAS.
fn check_extensions(request: &Request) -> Result<(), Response> {
    if matches!(request.method, Method::Ack | Method::Cancel) {
        return Ok(());
    }
    let speaks = |tag: &str| SUPPORTED.split(", ").any(|supported| supported.eq_ignore_ascii_case(tag));
    let unknown: Vec<&str> = request.headers.values(&HeaderName::Require).filter(|tag| !speaks(tag)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown = unknown.join(", ");
    let response = refuse(request, Status::BAD_EXTENSION, &format!("required but not known here: {unknown}"));
    Err(response.with(HeaderName::Unsupported, unknown).with(HeaderName::Supported, SUPPORTED))
}

/// RFC 3261 8.2.3, for the requests whose body is an offer or an answer. A multipart body will do when there is an SDP
/// in it: what stands beside it (ISUP, a vendor's own) is passed over, optional or not.
fn check_body(request: &Request) -> Result<(), Response> {
    let judged = matches!(request.method, Method::Invite | Method::Ack | Method::Prack | Method::Update);
    if !judged || request.body.is_empty() {
        return Ok(());
    }
    let encoding = request.headers.get(&HeaderName::ContentEncoding).unwrap_or("identity");
    let disposition = request.headers.get(&HeaderName::ContentDisposition).unwrap_or_default();
    let understood = request.part("application/sdp").is_some() || request.parts().iter().all(Part::is_optional);
    if is_optional(disposition) || (understood && encoding.eq_ignore_ascii_case("identity")) {
        return Ok(());
    }
    let content_type = request.headers.get(&HeaderName::ContentType).unwrap_or("no Content-Type");
    let why = format!("{content_type} ({encoding}) is not understood here");
    let response = refuse(request, Status::UNSUPPORTED_MEDIA_TYPE, &why);
    Err(response.with(HeaderName::Accept, ACCEPT).with(HeaderName::AcceptEncoding, "identity"))
}

/// A refusal with the reason in words: Warning 399 is made for a person who reads the trace (RFC 3261 20.43).
fn refuse(request: &Request, status: Status, why: &str) -> Response {
    let why: String = why.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).take(200).collect();
    request.response(status).with(HeaderName::Warning, format!("399 ringpost \"{why}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:b@y>;tag=1\r\nTo: <sip:a@x>\r\n\
        Call-ID: c\r\nContact: <sip:b@y>\r\n";

    fn request(method: &str, more: &str) -> Request {
        parse(&format!("{method} sip:a@x SIP/2.0\r\n{HEAD}CSeq: 1 {method}\r\n{more}"))
    }

    fn parse(text: &str) -> Request {
        let whole = if text.contains("\r\n\r\n") { text.to_owned() } else { format!("{text}\r\n") };
        match Message::parse(whole.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[track_caller]
    fn refused(request: &Request) -> Response {
        screen(request).expect_err("screened")
    }

    #[track_caller]
    fn is_400(request: &Request, why: &str) {
        let response = refused(request);
        let warning = response.headers.get(&HeaderName::Warning).unwrap_or_default();
        assert_eq!((response.status, warning.contains(why)), (Status::BAD_REQUEST, true), "{warning}");
    }

    #[test]
    fn a_sound_request_passes() {
        for method in ALLOW.split(", ") {
            assert_eq!(screen(&request(method, "")), Ok(()), "{method}");
        }
    }

    #[test]
    fn what_every_request_must_have() {
        for name in ["From", "To", "Call-ID", "CSeq", "Contact", "Via"] {
            let mut request = request("INVITE", "");
            request.headers.remove(&HeaderName::parse(name));
            is_400(&request, name);
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            let mut request = request("OPTIONS", "");
            let value = request.headers.get(&HeaderName::parse(name)).unwrap_or_default().to_owned();
            request.headers.push(HeaderName::parse(name), value);
            is_400(&request, "more than once");
        }
        let mut request = request("INVITE", "");
        request.headers.set(HeaderName::CSeq, "1 BYE");
        is_400(&request, "another method");
        request.headers.set(HeaderName::CSeq, "36893488147419103232 INVITE");
        is_400(&request, "CSeq");
        request.headers.set(HeaderName::From, "Alice");
        is_400(&request, "From");
    }

    #[test]
    fn numbers_that_are_none_are_400() {
        is_400(&request("OPTIONS", "Max-Forwards: 300\r\n"), "Max-Forwards");
        is_400(&request("OPTIONS", "Max-Forwards: x\r\n"), "Max-Forwards");
        is_400(&request("OPTIONS", "Content-Length: -9\r\n"), "Content-Length");
        is_400(&request("OPTIONS", "l: 9\r\n\r\nshort"), "Content-Length");
        assert_eq!(screen(&request("OPTIONS", "l: 5\r\n\r\nshort and more")), Ok(()));
        is_400(&parse(&format!("OPTIONS sip:a@x; lr SIP/2.0\r\n{HEAD}CSeq: 1 OPTIONS\r\n")), "request URI");
    }

    #[test]
    fn without_a_via_nobody_can_be_answered() {
        let mut request = request("INVITE", "");
        request.headers.set(HeaderName::Via, "garbage");
        assert!(!is_answerable(&request.headers));
        is_400(&request, "Via");
    }

    #[test]
    fn methods_not_served_are_405_with_allow() {
        for method in ["REFER", "NOTIFY", "SUBSCRIBE", "REGISTER", "MESSAGE", "PUBLISH", "NEWMETHOD", "invite"] {
            let response = refused(&request(method, ""));
            assert_eq!(
                (response.status, response.headers.get(&HeaderName::Allow)),
                (Status::METHOD_NOT_ALLOWED, Some(ALLOW))
            );
        }
    }

    #[test]
    fn no_hop_left_ends_a_call_but_not_a_ping_or_a_dialog() {
        assert_eq!(refused(&request("INVITE", "Max-Forwards: 0\r\n")).status, Status::TOO_MANY_HOPS);
        assert_eq!(screen(&request("OPTIONS", "Max-Forwards: 0\r\n")), Ok(()));
        assert_eq!(screen(&request("BYE", "Max-Forwards: 0\r\n")), Ok(()));
        let mut again = request("INVITE", "Max-Forwards: 0\r\n");
        again.headers.set(HeaderName::To, "<sip:a@x>;tag=2");
        assert_eq!(screen(&again), Ok(()));
    }

    #[test]
    fn schemes_not_served_are_416_and_endless_uris_414() {
        let to = |uri: &str| parse(&format!("OPTIONS {uri} SIP/2.0\r\n{HEAD}CSeq: 1 OPTIONS\r\n"));
        for uri in ["nobodyKnowsThisScheme:totallyopaquecontent", "http://x", "soap.beep://x:3002", "*"] {
            assert_eq!(refused(&to(uri)).status, Status::UNSUPPORTED_URI_SCHEME, "{uri}");
        }
        assert_eq!(screen(&to("tel:+14255550101")), Ok(()));
        assert_eq!(screen(&to("SIPS:a@x")), Ok(()));
        assert_eq!(refused(&to(&format!("sip:a@x;p={}", "y".repeat(MAX_URI)))).status, Status::REQUEST_URI_TOO_LONG);
    }

    #[test]
    fn required_extensions_we_do_not_speak_are_420_and_named() {
        let response = refused(&request("INVITE", "Require: 100rel, replaces\r\nRequire: Timer,precondition\r\n"));
        assert_eq!(response.status, Status::BAD_EXTENSION);
        assert_eq!(response.headers.get(&HeaderName::Unsupported), Some("replaces, precondition"));
        assert_eq!(
            screen(&request("INVITE", "Require: 100REL,timer\r\nProxy-Require: privacy\r\nRequire:\r\n")),
            Ok(())
        );
        assert_eq!(screen(&request("CANCEL", "Require: replaces\r\n")), Ok(()));
        assert_eq!(screen(&request("ACK", "Require: replaces\r\n")), Ok(()));
    }

    #[test]
    fn bodies_we_do_not_understand_are_415_unless_optional() {
        let body = |fields: &str| request("INVITE", &format!("{fields}\r\n\r\nbody"));
        let response = refused(&body("Content-Type: application/unknown"));
        assert_eq!(
            (response.status, response.headers.get(&HeaderName::Accept)),
            (Status::UNSUPPORTED_MEDIA_TYPE, Some(ACCEPT))
        );
        assert_eq!(
            refused(&body("Content-Type: application/sdp\r\nContent-Encoding: gzip")).status,
            Status::UNSUPPORTED_MEDIA_TYPE
        );
        assert_eq!(refused(&body("Subject: x")).status, Status::UNSUPPORTED_MEDIA_TYPE);
        for fields in [
            "Content-Type: application/unknown\r\nContent-Disposition: render;handling=optional",
            "Content-Type: Application/SDP;charset=utf-8\r\nContent-Disposition: session; handling=required",
        ] {
            assert_eq!(screen(&body(fields)), Ok(()), "{fields}");
        }
        assert_eq!(screen(&request("INFO", "Content-Type: application/unknown\r\n\r\nbody")), Ok(()));
    }

    #[test]
    fn a_multipart_body_will_do_when_there_is_an_sdp_in_it() {
        let parts = |types: &[&str]| {
            let parts: String =
                types.iter().map(|content_type| format!("--b\r\nContent-Type: {content_type}\r\n\r\nx\r\n")).collect();
            request("INVITE", &format!("Content-Type: multipart/mixed;boundary=b\r\n\r\n{parts}--b--"))
        };
        assert_eq!(screen(&parts(&["application/isup", "application/sdp"])), Ok(()));
        assert_eq!(screen(&parts(&["application/isup\r\nContent-Disposition: signal;handling=optional"])), Ok(()));
        assert_eq!(refused(&parts(&["application/isup"])).status, Status::UNSUPPORTED_MEDIA_TYPE);
    }

    #[test]
    fn what_cannot_be_read_is_refused_as_far_as_its_header_goes() {
        let bad_version = format!("OPTIONS sip:a@x SIP/7.0\r\n{HEAD}CSeq: 1 OPTIONS\r\n\r\n");
        let error = Message::parse(bad_version.as_bytes()).expect_err("SIP/7.0 was read");
        let response = refusal(bad_version.as_bytes(), error.status(), &error.to_string()).expect("no response");
        assert_eq!(
            (response.status, CSeq::of(&response.headers).map(|cseq| cseq.number)),
            (Status::VERSION_NOT_SUPPORTED, Some(1))
        );
        let cut = format!("INVITE sip:a@x SIP/2.0\r\n{HEAD}CSeq: 1 INV");
        let response = refusal(cut.as_bytes(), Status::BAD_REQUEST, "cut").expect("no response");
        assert_eq!((response.headers.count(&HeaderName::Contact), response.headers.count(&HeaderName::CallId)), (0, 1));
        for silent in [
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x\r\n\r\n",
            "ACK x SIP/7.0\r\nVia: SIP/2.0/UDP x\r\n\r\n",
            "BYE x SIP/7.0\r\n\r\n",
            "",
            "x",
        ] {
            assert_eq!(refusal(silent.as_bytes(), Status::BAD_REQUEST, "bad"), None, "{silent:?}");
        }
    }
}
