//! What `README.md` beside this file expects of the messages, sentence by sentence.

use std::collections::BTreeSet;

use ringpost::protocol::sip::diversion::{Diversion, DiversionReason, HistoryEntry, diversions};
use ringpost::protocol::sip::screen::{ACCEPT, ALLOW, screen};
use ringpost::protocol::sip::values::{CSeq, MinSe, RAck, Reason, Refresher, SessionExpires, Via};
use ringpost::protocol::sip::{HeaderName, Headers, Message, NameAddr, Request, Response, Status, Uri};

use super::{address, bytes, files, read};

// Diversion

#[test]
fn diversion_written_without_blanks_and_with_flags_keeps_names_and_addresses() {
    let found = diversions(&numbered(91));
    let names: Vec<_> =
        found.iter().map(|diversion| (diversion.display.as_str(), diversion.uri.host().unwrap())).collect();
    assert_eq!(names, [("Foo Bar", "127.0.0.101".to_owned()), ("_ somewhere", "127.0.0.101".to_owned())]);
    let flags = NameAddr::parse(numbered(107).headers.values(&HeaderName::Diversion).next().unwrap());
    assert_eq!((flags.param("diversion-inhibited"), flags.param("privacy")), (Some(""), Some("off")));
    assert_eq!(
        diversions(&numbered(107)).first().map(|diversion| diversion.display.clone()),
        Some("Alice - Test Acct Example".into())
    );
}

#[test]
fn diversion_with_a_quoted_reason_in_a_redirect() {
    let redirect = response("104-snom370-302-diversion-quoted-reason.headers");
    let diversion = Diversion::parse(redirect.headers.get(&HeaderName::Diversion).unwrap());
    assert_eq!((diversion.user.as_deref(), diversion.reason), (Some("2907"), DiversionReason::Unconditional));
    assert_eq!(diversion.uri.param("line").as_deref(), Some("uw7mmqzi"));
}

#[test]
fn diversion_with_tel_uris_keeps_each_number_as_it_is() {
    let uris: Vec<_> = diversions(&numbered(92)).iter().map(|diversion| diversion.uri.to_string()).collect();
    assert_eq!(uris, ["tel:14255550103", "tel:4255550104"]);
}

#[test]
fn diversion_with_a_doubled_end_quote_is_the_same_diverter_and_the_call_is_not_refused() {
    let invite = numbered(98);
    let displays: Vec<_> = diversions(&invite).into_iter().map(|diversion| diversion.display).collect();
    assert_eq!(displays, ["Doe, Jane", "Jane"]);
    assert_eq!(address(&invite.headers, HeaderName::From).display, "Doe, John");
    assert_eq!(screen(&invite), Ok(()));
}

#[test]
fn diversion_after_content_length_and_naming_the_called_number_itself_counts() {
    let text = String::from_utf8(bytes("58-freepbx15-chansip-invite-date.sip")).unwrap();
    let text = text.replacen("\r\n\r\n", "\r\nDiversion:<sip:9999@192.0.2.10>;reason=no-answer\r\n\r\n", 1);
    let Ok(Message::Request(invite)) = Message::parse(text.as_bytes()) else { panic!("no request") };
    let [diversion] = diversions(&invite).try_into().unwrap();
    assert_eq!((diversion.user, diversion.reason), (invite.uri.user(), DiversionReason::NoAnswer));
}

#[test]
fn a_redirect_followed_without_diversion_has_none_and_one_followed_with_it_keeps_it() {
    assert_eq!(diversions(&numbered(79)), []);
    let followed = numbered(98);
    assert_eq!((followed.uri.port(), followed.uri.param("transport").as_deref()), (Some(5065), Some("Tcp")));
    assert_eq!(diversions(&followed).len(), 2);
}

// History-Info

#[test]
fn history_of_direct_retargeted_and_pilot_calls_is_no_diversion() {
    for number in [37, 61, 125] {
        let invite = numbered(number);
        assert!(invite.headers.count(&HeaderName::HistoryInfo) > 0, "{number}");
        assert_eq!(diversions(&invite), [], "{number}");
    }
    assert_eq!(numbered(37).headers.values(&HeaderName::HistoryInfo).count(), 2);
    let mut to_the_pilot = numbered(103);
    to_the_pilot.uri = Uri::parse("sip:69001@corp.example.com");
    let entry = HistoryEntry::parse(to_the_pilot.headers.get(&HeaderName::HistoryInfo).unwrap());
    assert_eq!((entry.address.display.as_str(), entry.index), ("MSExchange", vec![1, 2]));
    assert_eq!(diversions(&to_the_pilot), []);
}

#[test]
fn history_says_why_by_the_cause_in_the_uri_of_the_next_entry() {
    let entries =
        |number| numbered(number).headers.values(&HeaderName::HistoryInfo).map(HistoryEntry::parse).collect::<Vec<_>>();
    for (number, causes) in [(32, [None, Some(480)]), (94, [None, Some(408)]), (97, [None, Some(408)])] {
        let entries = entries(number);
        assert_eq!(entries.iter().map(|entry| entry.came_for).collect::<Vec<_>>(), causes, "{number}");
        assert_eq!(
            entries.iter().map(|entry| entry.index.clone()).collect::<Vec<_>>(),
            [vec![1], vec![1, 1]],
            "{number}"
        );
    }
    assert_eq!(entries(94).first().and_then(|entry| entry.address.uri.header("Privacy")).as_deref(), Some("none"));
    let mut forwarded = numbered(97);
    forwarded
        .headers
        .set(HeaderName::HistoryInfo, forwarded.headers.get(&HeaderName::HistoryInfo).unwrap().replace("408", "302"));
    assert_eq!(
        diversions(&forwarded).first().map(|diversion| diversion.reason.clone()),
        Some(DiversionReason::Unconditional)
    );
}

// bodies

#[test]
fn multipart_with_the_last_boundary_unclosed_is_taken_apart() {
    let invite = numbered(125);
    let types: Vec<_> = invite.parts().iter().map(|part| part.content_type.split(';').next().unwrap()).collect();
    assert_eq!(types, ["application/sdp", "application/x-nt-mcdn-frag-hex", "application/x-nt-epid-frag-hex"]);
    assert_eq!(invite.parts().iter().map(|part| part.is_optional()).collect::<Vec<_>>(), [false, true, true]);
    let sdp = invite.part("application/sdp").unwrap();
    assert!(sdp.starts_with(b"v=0\r\no=- 1 1 IN") && sdp.ends_with(b"a=ptime:20\r\na=sendrecv\r\n"));
    assert_eq!(invite.part("application/x-nt-epid-frag-hex"), Some(&b"011201\r\n00:1b:ba:00:00:01"[..]));
}

#[test]
fn bodies_are_found_to_the_last_octet() {
    for (number, end) in [
        (7, "a=ptime:20 \r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"),
        (34, "a=SendRecv\r\n"),
        (40, "a=sendrecv\r\na=ptime:20"),
        (118, "a=ssrc:2348060575 cname:G1C/FVTf7W2cspeyYobiWw==\r\n"),
    ] {
        let request = numbered(number);
        let sdp = String::from_utf8(request.part("application/sdp").unwrap().to_vec()).unwrap();
        assert!(sdp.starts_with("v=0\r\n") && sdp.ends_with(end), "{number}: {sdp}");
    }
    assert_eq!(numbered(83).part("application/dtmf-relay"), Some(&b"Signal= 4\r\nDuration= 180\r\n"[..]));
    assert!(numbered(16).body.ends_with(b"</dialog-info>\r\n"));
    assert!(numbered(86).body.ends_with(b"Voice-Message: 2/0 (2/0)\r\n"));
}

// addresses

#[test]
fn parameters_inside_the_user_part_are_not_the_user() {
    let invite = numbered(125);
    for uri in [invite.uri.clone(), address(&invite.headers, HeaderName::To).uri] {
        assert_eq!(
            (uri.user().as_deref(), uri.user_param("phone-context").as_deref()),
            (Some("5201"), Some("cdp.udp"))
        );
        assert_eq!((uri.host().as_deref(), uri.param("user").as_deref()), (Some("example.com"), Some("phone")));
    }
    assert_eq!(address(&invite.headers, HeaderName::Contact).uri.param("maddr").as_deref(), Some("192.0.2.11"));
    let asserted: Vec<_> = numbered(32)
        .headers
        .values(&HeaderName::PAssertedIdentity)
        .map(|value| NameAddr::parse(value).uri.user().unwrap())
        .collect();
    assert_eq!(asserted, ["+14255550101", "+14255550103"]);
}

#[test]
fn parameters_outside_the_brackets_belong_to_the_header() {
    let to = address(&numbered(49).headers, HeaderName::To);
    assert_eq!((to.param("transport"), to.uri.param("transport")), (Some("UDP"), None));
    let refer = numbered(77);
    assert_eq!(address(&refer.headers, HeaderName::Contact).param("transport"), Some("udp"));
    assert_eq!(address(&refer.headers, HeaderName::ReferTo).param("timeout"), Some("30s"));
    assert_eq!(address(&numbered(50).headers, HeaderName::Route).param("ms-edge-route"), Some(""));
    for number in [17, 86] {
        assert_eq!(address(&numbered(number).headers, HeaderName::To).tag(), None, "{number}");
    }
    assert_eq!(
        address(&numbered(47).headers, HeaderName::To).tag(),
        Some("445~b5883d68-042a-4a73-adc3-6be8a5f9f263-25068153")
    );
}

#[test]
fn request_uris_without_user_and_of_every_shape() {
    let host = |number| (numbered(number).uri.host().unwrap(), numbered(number).uri.port());
    assert_eq!(host(14), ("192.0.2.10".into(), Some(5080)));
    assert_eq!(host(28), ("172.20.54.2".into(), Some(5060)));
    assert_eq!(host(119), ("fd17:625c:f037:2:a00:27ff:feb9:4222".into(), Some(25060)));
    assert_eq!(host(34), ("voip.example.net".into(), Some(55060)));
    assert_eq!(numbered(109).uri.param("x-m").as_deref(), Some("8:orgid:fce2158f-0e99-4ff7-a0b3-5b6b87d16689"));
    assert_eq!(numbered(112).uri.param("opaque").as_deref(), Some("app:voicemail"));
    assert_eq!(numbered(2).uri.param("sipx-noroute").as_deref(), Some("Voicemail"));
    assert_eq!(numbered(64).uri.param("bp").as_deref(), Some("1086996"));
    assert_eq!(numbered(71).uri.param("sdp_iwf").as_deref(), Some(""));
    let voicexml = numbered(76).uri.param("voicexml").unwrap();
    assert_eq!(voicexml, "http://192.0.2.10:12270/ExampleApp/Startup.jsp?Admin=false&clid=4255550101&dnis=4255550102");
}

#[test]
fn uris_with_escaped_and_unescaped_headers() {
    let refer_to = |number| address(&numbered(number).headers, HeaderName::ReferTo).uri;
    assert_eq!(
        refer_to(8).header("Replaces").as_deref(),
        Some("2e740908-7bdd278f-cdad8342@192.168.5.242;to-tag=1063975039;from-tag=7FDFF411-8A43AAAC")
    );
    assert_eq!(refer_to(11).header("require").as_deref(), Some("replaces"));
    assert_eq!(refer_to(11).param("x-sipx-nonat").as_deref(), Some(""));
    assert_eq!(
        refer_to(20).header("References").as_deref(),
        Some("LAXMGC0120100114235013005236@192.0.2.99.0;rel=refer")
    );
    assert_eq!(refer_to(19).user().as_deref(), Some("202"));
    let both: Vec<_> =
        numbered(74).headers.values(&HeaderName::ReferTo).map(|value| NameAddr::parse(value).uri).collect();
    let replaces: BTreeSet<_> = both.iter().map(|uri| uri.header("Replaces").unwrap()).collect();
    assert_eq!((both.len(), replaces.len()), (2, 1));
    assert!(both.iter().all(|uri| uri.user().is_none() && uri.host().as_deref() == Some("10.91.254.190")));
}

#[test]
fn display_names_of_every_kind() {
    for (number, name, display) in [
        (1, HeaderName::From, "Anonymous"),
        (32, HeaderName::From, "+14255550102"),
        (34, HeaderName::To, "alice@voip.example.net"),
        (62, HeaderName::From, "EXAMPLE Alice"),
        (70, HeaderName::Contact, "Example, Alice_virtuell"),
        (73, HeaderName::From, "TkUserFN0000000001 TkUserLN0000000001"),
        (83, HeaderName::From, "alice example"),
        (101, HeaderName::PAssertedIdentity, "x"),
        (113, HeaderName::To, "unknown"),
        (124, HeaderName::From, "теле Cном_3606"),
    ] {
        assert_eq!(address(&numbered(number).headers, name).display, display, "{number}");
    }
}

#[test]
fn vendors_parameters_are_all_there() {
    let from = address(&numbered(44).headers, HeaderName::From).uri;
    assert_eq!(from.as_str().split(";x-").count() - 1, 9);
    assert_eq!((from.param("x-nearend").as_deref(), from.param("x-farendaddr").as_deref()), (Some(""), Some("1006")));
    let contact = address(&numbered(110).headers, HeaderName::Contact).uri;
    assert_eq!((contact.port(), contact.param("x-c").map(|value| value.len())), (Some(443), Some(69)));
    assert_eq!(address(&numbered(109).headers, HeaderName::Contact).param("sip.ice"), Some(""));
    assert_eq!(address(&numbered(5).headers, HeaderName::Contact).param("+sip.rendering"), Some("no"));
    assert_eq!(address(&numbered(124).headers, HeaderName::Contact).param("reg-id"), Some("1"));
    assert_eq!(
        address(&numbered(122).headers, HeaderName::Contact).uri.param("opaque").as_deref(),
        Some("user:epid:Ub31lldjtFyGH5-ijiRSAgAA")
    );
    let remote = address(&numbered(88).headers, HeaderName::RemotePartyId);
    assert_eq!(
        (remote.uri.param("x-cisco-callback-number").as_deref(), remote.param("party")),
        (Some("1001"), Some("calling"))
    );
}

// headers

#[test]
fn header_names_in_capitals_small_letters_and_odd_places() {
    assert_eq!(Via::top(&numbered(50).headers).and_then(|via| via.port), Some(61182));
    for number in [10, 11, 17, 118] {
        assert!(numbered(number).headers.get(&HeaderName::CallId).is_some(), "{number}");
    }
    assert_eq!(numbered(10).headers.iter().last().map(|(name, _)| name.clone()), Some(HeaderName::Via));
    assert_eq!(
        vias(&numbered(67).headers).iter().map(|via| via.host.as_str()).collect::<Vec<_>>(),
        ["10.91.226.177", "10.91.226.178"]
    );
    assert!(numbered(125).headers.get(&HeaderName::HistoryInfo).is_some());
    assert_eq!(numbered(35).headers.values(&HeaderName::Accept).count(), 3);
    assert_eq!(numbered(28).headers.count(&other("x-genesys-calluuid")), 2);
    assert_eq!(numbered(56).headers.count(&HeaderName::Contact), 2);
    assert_eq!(numbered(107).headers.get(&HeaderName::Supported), Some(""));
    assert_eq!(
        numbered(44).headers.get(&other("Call-Info")),
        Some(";method=\"NOTIFY;Event=telephone-event;Duration=500\"")
    );
}

#[test]
fn a_line_without_a_colon_is_passed_over_and_the_rest_is_read() {
    let invite = numbered(31);
    assert_eq!(invite.headers.get(&HeaderName::UserAgent), None);
    assert_eq!(invite.headers.get(&HeaderName::ContentType), Some("application/sdp"));
}

#[test]
fn option_tags_over_several_lines() {
    let tags = |number| numbered(number).headers.values(&HeaderName::Supported).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(tags(44), ["timer", "resource-priority", "replaces", "X-cisco-srtp-fallback", "Geolocation"]);
    assert_eq!(tags(122).len(), 7);
    assert!(numbered(122).headers.has_token(&HeaderName::Supported, "100REL"));
    assert!(numbered(26).headers.has_token(&HeaderName::Supported, "timer"));
}

#[test]
fn via_of_every_kind() {
    assert_eq!(vias(&numbered(37).headers).len(), 10);
    assert_eq!(numbered(37).headers.count(&HeaderName::RecordRoute), 8);
    assert_eq!(
        vias(&numbered(2).headers).get(1).and_then(Via::branch),
        Some("z9hG4bK-XX-00c9VQnzV`HSMtw6ExvnpN79dg~LwTpMoxic1_63Y30f5kClQ")
    );
    // branches without the cookie of RFC 3261, in another case, or none at all (RFC 2543 matching)
    assert_eq!(vias(&numbered(32).headers)[0].branch(), Some("yxxxcvvvbbbnnmm1"));
    assert_eq!(vias(&numbered(77).headers)[0].branch(), Some("z9Hg4Bkcc0eeb84-1dd1-11b2-a1be-bed56fce387b"));
    assert_eq!(vias(&numbered(122).headers)[0].branch(), None);
    let six = &vias(&numbered(119).headers)[0];
    assert_eq!((six.host.as_str(), six.port), ("fd17:625c:f037:2:a00:27ff:feb9:1521", Some(15060)));
    let one_label = &vias(&numbered(82).headers)[0];
    assert_eq!(
        (one_label.host.as_str(), one_label.param("maddr"), one_label.param("received")),
        ("GWC02CAEMGC", Some("10.92.10.80"), Some("10.92.10.80"))
    );
    let alias = &vias(&numbered(115).headers)[0];
    assert_eq!((alias.transport.as_str(), alias.param("rport"), alias.param("alias")), ("TCP", Some(""), Some("")));
}

#[test]
fn call_ids_and_cseqs_of_every_kind() {
    assert_eq!(numbered(16).headers.get(&HeaderName::CallId), Some("wbky5PMD`k0003"));
    assert_eq!(numbered(53).headers.get(&HeaderName::CallId), Some("f4iHKU879MNbzux400DI3A.."));
    assert_eq!(numbered(58).headers.get(&HeaderName::CallId), Some("730b38441622c64738f571ed38a6c21d@192.0.2.10:5061"));
    for (number, cseq) in [(25, 2), (40, 656_516_155), (58, 102), (61, 1_052_050_797), (17, 4713)] {
        assert_eq!(CSeq::of(&numbered(number).headers).map(|cseq| cseq.number), Some(cseq), "{number}");
    }
    let mut from_zero = numbered(46);
    from_zero.headers.set(HeaderName::CSeq, "0 OPTIONS");
    assert_eq!(screen(&from_zero), Ok(()));
}

#[test]
fn session_timers_of_every_kind() {
    for (number, seconds, refresher, min) in [
        (28, 1800, Some(Refresher::Uac), Some(90)),
        (29, 1800, None, Some(1800)),
        (61, 43_080, None, None),
        (62, 14_400, Some(Refresher::Uac), Some(900)),
        (124, 3600, Some(Refresher::Uas), Some(90)),
    ] {
        let headers = numbered(number).headers;
        assert_eq!(SessionExpires::of(&headers), Some(SessionExpires { seconds, refresher }), "{number}");
        assert_eq!(MinSe::of(&headers).map(|min| min.seconds), min, "{number}");
    }
    assert_eq!(MinSe::of(&numbered(125).headers), Some(MinSe { seconds: 0 }));
    assert_eq!(RAck::of(&numbered(67).headers).map(|rack| (rack.rseq, rack.cseq)), Some((1, 1)));
}

#[test]
fn reasons_of_a_bye() {
    let reason = |number| Reason::all(&numbered(number).headers).remove(0);
    assert_eq!((reason(47).protocol.as_str(), reason(47).cause, reason(47).text), ("Q.850", Some(16), None));
    assert_eq!((reason(82).cause, reason(82).text.as_deref()), (Some(16), Some("Normal call clearing")));
}

#[test]
fn several_routes_in_one_line() {
    let routes: Vec<_> =
        numbered(119).headers.values(&HeaderName::Route).map(|route| NameAddr::parse(route).uri).collect();
    assert_eq!(routes.iter().map(|uri| uri.port()).collect::<Vec<_>>(), [Some(5062), Some(25060)]);
    assert_eq!(numbered(32).headers.values(&HeaderName::Route).count(), 2);
    assert_eq!(numbered(68).headers.values(&HeaderName::Route).count(), 5);
    assert_eq!(address(&numbered(67).headers, HeaderName::RecordRoute).uri.param("892-").as_deref(), Some(""));
}

// answers

#[test]
fn options_with_no_hop_left_passes_and_options_without_from_is_refused() {
    assert_eq!(numbered(46).headers.get(&HeaderName::MaxForwards), Some("0"));
    assert_eq!(screen(&numbered(46)), Ok(()));
    let refusal = screen(&numbered(50)).unwrap_err();
    assert_eq!(refusal.status, Status::BAD_REQUEST);
    assert_eq!(refusal.headers.get(&HeaderName::Warning), Some("399 ringpost \"From is missing\""));
    assert_eq!(Via::top(&refusal.headers).map(|via| via.host), Some("10.10.10.10".into()));
}

#[test]
fn refusals_say_what_would_be_served() {
    let refusal = screen(&numbered(86)).unwrap_err();
    assert_eq!((refusal.status, refusal.headers.get(&HeaderName::Allow)), (Status::METHOD_NOT_ALLOWED, Some(ALLOW)));
    let mut odd = numbered(38);
    odd.headers.set(HeaderName::ContentType, "application/x-unheard-of");
    let refusal = screen(&odd).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.headers.get(&HeaderName::Accept)),
        (Status::UNSUPPORTED_MEDIA_TYPE, Some(ACCEPT))
    );
}

#[test]
fn proxy_require_is_not_for_us() {
    let invite = numbered(107);
    assert_eq!(invite.headers.get(&HeaderName::ProxyRequire), Some("privacy"));
    assert_eq!(screen(&invite), Ok(()));
}

#[test]
fn the_redirect_of_exchange_names_the_next_hop_in_full() {
    let redirect = response("108-exchange-um-302-to-worker-port.headers");
    assert_eq!(redirect.status, Status::MOVED_TEMPORARILY);
    let contact = address(&redirect.headers, HeaderName::Contact).uri;
    assert_eq!(
        (contact.user().as_deref(), contact.host().as_deref(), contact.port()),
        (Some("101"), Some("pabx.local"), Some(5065))
    );
    assert_eq!(
        (contact.param("user").as_deref(), contact.param("transport").as_deref(), contact.param("maddr").as_deref()),
        (Some("phone"), Some("Tcp"), Some("pabx.local"))
    );
    assert_eq!(vias(&redirect.headers).len(), 2);
    assert_eq!(address(&redirect.headers, HeaderName::To).tag(), Some("4c63a61135"));
}

#[test]
fn the_answer_of_exchange_is_read_with_its_capitals() {
    let answer = response("43-exchange-um-online-200ok-srtp.sip");
    assert_eq!(answer.headers.get(&HeaderName::Server), Some("RTCC/5.0.0.0 MSExchangeUM/15.01.0231.021"));
    assert_eq!(answer.headers.values(&HeaderName::Allow).count(), 12);
    assert_eq!(answer.headers.values(&HeaderName::Supported).collect::<Vec<_>>(), ["Replaces", "timer", "100rel"]);
    let contact = address(&answer.headers, HeaderName::Contact);
    assert_eq!(contact.params.len(), 5);
    assert!(answer.part("application/sdp").unwrap().ends_with(b"inline:FHoHEZk7wM6b/frTeX+fzQ/K0PtuAvfIzRqjol9K\r\n"));
}

#[test]
fn rsip_takes_all_but_these_once_the_front_has_cleaned_them() {
    let given_up: Vec<_> = files().into_iter().filter(|name| read(name).to_rsip().is_err()).collect();
    let colons_in_a_parameter =
        ["109-teams-refer-target-invite-referred-by.headers", "112-teams-requri-opaque-voicemail.headers"];
    let ipv6 = "119-ims-ipv6-update-telephone-event-16000.sip";
    let dot_in_the_user_part = "125-nortel-cs1000-invite-multipart-phone-context.sip";
    assert_eq!(given_up, [colons_in_a_parameter[0], colons_in_a_parameter[1], ipv6, dot_in_the_user_part]);
    let malformed_line = bytes("31-sbc-invite-malformed-header-line.sip");
    assert!(rsip::SipMessage::try_from(malformed_line).is_err());
}

fn request(name: &str) -> Request {
    match read(name) {
        Message::Request(request) => request,
        Message::Response(_) => panic!("{name} is a response"),
    }
}

fn response(name: &str) -> Response {
    match read(name) {
        Message::Response(response) => response,
        Message::Request(_) => panic!("{name} is a request"),
    }
}

/// The file whose name begins with this number.
fn numbered(number: u32) -> Request {
    let start = format!("{number:02}-");
    request(&files().into_iter().find(|name| name.starts_with(&start)).unwrap())
}

fn vias(headers: &Headers) -> Vec<Via> {
    headers.values(&HeaderName::Via).map(|via| Via::parse(via).unwrap_or_else(|| panic!("{via}"))).collect()
}

fn other(name: &str) -> HeaderName {
    HeaderName::parse(name)
}
