use super::*;
use crate::protocol::sip::values::{CSeq, Via};
use proptest::prelude::*;

fn request(bytes: impl AsRef<[u8]>) -> Request {
    match Message::parse(bytes.as_ref()) {
        Ok(Message::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

/// "A Short Tortuous INVITE": every freedom of the grammar at once (after RFC 4475 3.1.1.1).
const TORTUOUS: &str = "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n\
    TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n\
    from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n\
    MaX-fOrWaRdS: 0068\r\n\
    Call-ID: wsinv.ndaksdj@192.0.2.1\r\n\
    Content-Length   : 3\r\n\
    cseq: 0009\r\n  INVITE\r\n\
    Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n\
    s :\r\n\
    NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n\
    UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n\
    Content-Type: application/sdp\r\n\
    Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n\
    v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n\
    m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\
    \r\nv=0";

#[test]
fn a_message_that_uses_every_freedom_of_the_grammar() {
    let request = request(TORTUOUS);
    let name_addr = |name| crate::protocol::sip::NameAddr::parse(request.headers.get(&name).unwrap());
    assert_eq!(request.uri.user().as_deref(), Some("vivekg"));
    assert_eq!(name_addr(HeaderName::To).tag(), Some("1918181833n"));
    assert_eq!(name_addr(HeaderName::From).display, "J Rosenberg \\\"");
    assert_eq!(name_addr(HeaderName::From).tag(), Some("98asjd8"));
    assert_eq!(CSeq::of(&request.headers), Some(CSeq { number: 9, method: Method::Invite }));
    let vias: Vec<_> = request.headers.values(&HeaderName::Via).map(|via| Via::parse(via).unwrap()).collect();
    assert_eq!(
        vias.iter().map(|via| via.host.as_str()).collect::<Vec<_>>(),
        ["192.0.2.2", "spindle.example.com", "192.168.255.111"]
    );
    assert_eq!(vias.iter().filter_map(Via::branch).collect::<Vec<_>>(), ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]);
    assert_eq!(request.headers.get(&HeaderName::Subject), Some(""));
    assert_eq!(
        request.headers.get(&HeaderName::parse("newfangledheader")),
        Some("newfangled value continued newfangled value")
    );
    let contact = name_addr(HeaderName::Contact);
    assert_eq!(
        (contact.display.as_str(), contact.param("newparam"), contact.param("q")),
        ("Quoted string \"\"", Some("newvalue"), Some("0.33"))
    );
    assert_eq!(request.body, b"v=0");
}

#[test]
fn lines_that_are_no_header_are_passed_over() {
    let request = request("OPTIONS sip:x SIP/2.0\nUser-Agent\r\n: nameless\r\nTwo words: x\r\nTo: y\nl: 0\n\n");
    assert_eq!(request.headers.iter().collect::<Vec<_>>(), [(&HeaderName::To, "y"), (&HeaderName::ContentLength, "0")]);
}

#[test]
fn start_lines_wide_and_wrong() {
    let parse = |line: &str| Message::parse(format!("\r\n\r\n{line}\r\nTo: x\r\n\r\n").as_bytes());
    assert_eq!(request("INVITE   sip:a@x\t sip/2.0  \r\n\r\n").uri.as_str(), "sip:a@x");
    assert_eq!(request("INVITE <sip:a@x> SIP/2.0\r\n\r\n").uri.as_str(), "sip:a@x");
    assert_eq!(
        request("!interesting-Method0123456789_*+`.%indeed'~ sip:a@x SIP/2.0\r\n\r\n").method.as_str().len(),
        43
    );
    for line in ["", "INVITE", "INVITE SIP/2.0", "GET / HTTP/1.1", "SIP/2.0", "IN\"VITE sip:a@x SIP/2.0", "\u{1}\u{2}"]
    {
        assert_eq!(parse(line), Err(ParseError::NoStartLine), "{line:?}");
    }
    assert_eq!(parse("INVITE sip:a@x SIP/7.0"), Err(ParseError::Version("SIP/7.0".into())));
    assert_eq!(parse("SIP/3.0 200 OK"), Err(ParseError::Version("SIP/3.0".into())));
    for code in ["4294967301", "99", "700", "2OO"] {
        assert_eq!(parse(&format!("SIP/2.0 {code} OK")), Err(ParseError::Status(code.into())), "{code:?}");
    }
    assert!(matches!(parse("SIP/2.0 100 "), Ok(Message::Response(response)) if response.status == Status::TRYING));
    assert_eq!(Message::parse(b""), Err(ParseError::NoStartLine));
    assert_eq!(Message::parse(b"OPTIONS sip:x SIP/2.0\r\nTo: x\r\n"), Err(ParseError::Unfinished));
}

#[test]
fn keep_alive_datagrams_are_no_messages() {
    for datagram in [&b""[..], b"\r\n\r\n", b"\0\0\0\0", b" \n"] {
        assert!(is_keep_alive(datagram), "{datagram:?}");
    }
    assert!(!is_keep_alive(b"\r\n\r\nOPTIONS sip:x SIP/2.0\r\n\r\n"));
}

#[test]
fn body_is_cut_at_content_length_and_may_hold_anything() {
    assert_eq!(request(b"INFO sip:x SIP/2.0\r\nl: 3\r\n\r\n\x00\xff\r\n\r\n").body, b"\x00\xff\r");
    assert_eq!(request("INFO sip:x SIP/2.0\r\n\r\nall of it").body, b"all of it");
    assert_eq!(request("INFO sip:x SIP/2.0\r\nContent-Length: 99\r\n\r\nshort").body, b"short");
}

#[test]
fn text_that_is_not_utf8_is_latin1() {
    let request = request(b"INFO sip:x SIP/2.0\r\nTo: \"M\xfcller \xc3\xa4\" <sip:1@x>\r\n\r\n");
    assert_eq!(request.headers.get(&HeaderName::To), Some("\"Müller ä\" <sip:1@x>"));
}

#[test]
fn what_is_too_large_is_refused() {
    let header = |lines: usize| format!("INFO sip:x SIP/2.0\r\n{}\r\n", "a: b\r\n".repeat(lines));
    assert_eq!(request(header(MAX_HEADERS)).headers.len(), MAX_HEADERS);
    assert_eq!(Message::parse(header(MAX_HEADERS + 1).as_bytes()), Err(ParseError::TooManyHeaders));
    let large = vec![b'x'; MAX_MESSAGE + 1];
    assert_eq!(Message::parse(&large), Err(ParseError::TooLarge(MAX_MESSAGE + 1)));
}

#[test]
fn a_written_message_has_one_true_content_length_where_it_stood() {
    let mut request = request("INFO sip:x SIP/2.0\r\nl: 1\r\nContent-Length: 1\r\nTo: x\r\n\r\na");
    request.body = b"three".to_vec();
    request.headers.push(HeaderName::Subject, "a\r\nEvil: yes");
    let expected = "INFO sip:x SIP/2.0\r\nContent-Length: 5\r\nTo: x\r\nSubject: a  Evil: yes\r\n\r\nthree";
    assert_eq!(String::from_utf8(request.to_bytes()).unwrap(), expected);
}

#[test]
fn responses_copy_what_8_2_6_2_asks_for() {
    let request = request(
        "INVITE sip:x SIP/2.0\r\nv: a\r\nTimestamp: 54\r\nVia: b\r\nf: c\r\nt: <sip:d>\r\ni: e\r\nCSeq: 1 INVITE\r\n\r\n",
    );
    let names = |response: Response| response.headers.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(request.response(Status::TRYING)), ["Via", "Via", "From", "To", "Call-ID", "CSeq", "Timestamp"]);
    let ok = request.response(Status::OK).with_to_tag("7").with_to_tag("8");
    assert_eq!(ok.headers.get(&HeaderName::To), Some("<sip:d>;tag=7"));
    assert_eq!(request.response(Status::TRYING).with_to_tag("7").headers.get(&HeaderName::To), Some("<sip:d>"));
}

#[test]
fn rsip_takes_what_the_front_has_cleaned_and_says_what_it_would_lose() {
    use rsip::headers::ToTypedHeader;
    use rsip::message::HeadersExt;
    let clean = Message::parse(TORTUOUS.as_bytes()).unwrap().to_rsip().unwrap();
    assert_eq!(clean.cseq_header().unwrap().typed().unwrap().seq, 9);
    let unknown = Message::parse(b"NEWMETHOD sip:x SIP/2.0\r\n\r\n").unwrap();
    assert!(unknown.to_rsip().is_err());
    let with_headers = Message::parse(b"INVITE sip:a@x;lr?Subject=y SIP/2.0\r\n\r\n").unwrap();
    assert!(with_headers.to_rsip().is_err());
}

fn any_message() -> impl Strategy<Value = Message> {
    let name = prop_oneof![
        prop::sample::select(vec!["Via", "From", "To", "Contact", "History-Info", "Subject"]).prop_map(str::to_owned),
        "X-[A-Za-z0-9]{1,8}",
    ];
    let value = "([!-~ä][ -~ä]{0,30}[!-~ä])?";
    let start = prop_oneof![
        ("[A-Z]{1,9}", "sips?:[!-~]{1,20}").prop_map(|(method, uri)| format!("{method} {uri} SIP/2.0")),
        (100u16..700, "([!-~][ -~]{0,9}[!-~])?").prop_map(|(status, reason)| format!("SIP/2.0 {status} {reason}")),
    ];
    (start, prop::collection::vec((name, value), 0..12), prop::collection::vec(any::<u8>(), 0..60)).prop_map(
        |(start, fields, body)| {
            let mut message = Message::parse(format!("{start}\r\n\r\n").as_bytes()).unwrap();
            fields.into_iter().for_each(|(name, value)| message.headers_mut().push(HeaderName::parse(&name), value));
            message.headers_mut().push(HeaderName::ContentLength, body.len().to_string());
            match &mut message {
                Message::Request(request) => request.body = body,
                Message::Response(response) => response.body = body,
            }
            message
        },
    )
}

proptest! {
    #[test]
    fn any_octets_are_read_without_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Message::parse(&bytes);
    }

    #[test]
    fn anything_like_a_message_settles_once_it_is_written(head in "(INVITE sip:a@x SIP/2.0|SIP/2.0 200 OK)(\r?\n[A-Za-z-]{0,9} ?: ?[ -~\r\n\t]{0,20}){0,9}\r?\n\r?\n.{0,9}") {
        if let Ok(message) = Message::parse(head.as_bytes()) {
            let once = Message::parse(&message.to_bytes()).unwrap();
            prop_assert_eq!(Message::parse(&once.to_bytes()), Ok(once));
        }
    }

    #[test]
    fn what_is_written_reads_the_same(message in any_message()) {
        prop_assert_eq!(Message::parse(&message.to_bytes()), Ok(message));
    }
}

#[test]
fn hostile_input_costs_no_more_than_its_length() {
    use crate::protocol::sip::{diversion::diversions, screen};
    let started = std::time::Instant::now();
    for unit in [
        "\"",
        "\"<sip:",
        "\\\"",
        ",",
        "<",
        ";a=",
        "<sip:a@b>,",
        "\"a\" ",
        "@",
        "?a=@",
        "%",
        "\r\n ",
        ";",
        ">;\"",
        "--b\r\n",
    ] {
        let long = unit.repeat(60_000 / unit.len());
        let head = format!("INVITE sip:{} SIP/2.0\r\nContent-Type: multipart/mixed;boundary=b\r\n", unit.trim());
        for name in ["Via", "Diversion", "History-Info", "To", "Require", "Content-Type", "CSeq", "Content-Length"] {
            let request = request(format!("{head}{name}: {long}\r\n\r\n{}", unit.repeat(200)));
            let _ = (diversions(&request), screen::screen(&request), request.response(Status::OK).with_to_tag("x"));
        }
        let body = request(format!("{head}\r\n{long}"));
        let _ = (body.parts().len(), Uri::parse(&format!("sip:{long}")).user(), Message::parse(long.as_bytes()));
    }
    // milliseconds when every reading is linear, minutes when one is not
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}
