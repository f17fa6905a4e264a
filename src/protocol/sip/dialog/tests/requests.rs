//! The other requests of a dialog.

use super::*;

#[test]
fn keys_come_by_info() {
    flow(&[
        ("answered", "established"),
        ("INFO [Content-Type: application/dtmf-relay] + <Signal= 5|Duration= 160>", "key 5 160 / 200 INFO"),
        ("INFO [Content-Type: application/dtmf] + <#>", "key # 250 / 200 INFO"),
        ("INFO [Content-Type: application/dtmf-relay] + <Signal=Z>", "400 INFO [Warning: 399]"),
        ("INFO [Content-Type: application/media_control+xml] + <x/>", "415 INFO"),
        ("INFO", "200 INFO"),
        ("INFO [Info-Package: infoDtmf | Content-Type: application/dtmf] + <1>", "469 INFO [Recv-Info: ]"),
    ]);
}

#[test]
fn other_requests_get_the_answer_their_rfc_names() {
    let call = flow(&[
        ("answered", "established"),
        ("REFER [Refer-To: <sip:bob@example.com>]", "405 REFER"),
        ("NOTIFY [Event: dialog]", "405 NOTIFY"),
        ("SUBSCRIBE", "405 SUBSCRIBE"),
        ("MESSAGE", "405 MESSAGE"),
        ("PUBLISH", "405 PUBLISH"),
        ("FOO", "405 FOO"),
        ("PRACK [RAck: 1 7 INVITE]", "481 PRACK"),
        ("OPTIONS", "200 OPTIONS"),
    ]);
    let headers = call.last_response.unwrap().headers;
    for (name, value) in [
        (HeaderName::Allow, ALLOW),
        (HeaderName::Supported, SUPPORTED),
        (HeaderName::Accept, ACCEPT),
        (HeaderName::Contact, "<sip:192.0.2.1:5065;transport=udp>"),
    ] {
        assert_eq!(headers.get(&name), Some(value));
    }
    let call = flow(&[("answered", "established"), ("MESSAGE", "405 MESSAGE")]);
    assert_eq!(call.last_response.unwrap().headers.get(&HeaderName::Allow), Some(ALLOW));
    let call = flow(&[("answered", "established"), ("INFO [Content-Type: a/b] + <x>", "415 INFO")]);
    let accept = call.last_response.unwrap().headers.get(&HeaderName::Accept).map(str::to_owned);
    assert_eq!(accept.as_deref(), Some("application/dtmf-relay, application/dtmf"));
}

#[test]
fn a_lower_cseq_is_500_and_a_gap_is_none() {
    flow(&[
        ("answered", "established"),
        ("OPTIONS [CSeq: 6 OPTIONS]", "500 OPTIONS [Warning: 399]"),
        ("OPTIONS [CSeq: 900 OPTIONS]", "200 OPTIONS"),
        ("INFO [CSeq: 899 INFO]", "500 INFO [Warning: 399]"),
        ("BYE [CSeq: 901 BYE]", "200 BYE / ended PeerHungUp"),
    ]);
}

#[test]
fn a_dialog_is_bound_once_by_its_identifiers() {
    let (mut call, _) = Call::start(invite("[Require: 100rel] + sdp"));
    assert_eq!(call.session.call_id(), "one@198.51.100.7");
    let mut out = Vec::new();
    call.session.on_event(call.now, Event::Accept, &mut out);
    let bound =
        Command::Bind { call_id: "one@198.51.100.7".into(), local_tag: "ours".into(), remote_tag: "caller".into() };
    assert_eq!(out.iter().filter(|command| **command == bound).count(), 1);
    assert_eq!(out.first(), Some(&bound), "before the response that makes the dialog");
}
