//! Whatever comes in whatever order: no fault, one end, one final response to each request.

use super::*;
use proptest::prelude::*;

/// An event in the words of the tables; `<-` only where we have sent something.
fn event() -> impl Strategy<Value = String> {
    let sdp = prop_oneof![
        Just(""),
        Just("+ sdp"),
        Just("+ m=audio 4000 RTP/AVP 8 | a=sendonly"),
        Just("+ m=audio 4000 RTP/AVP 18"),
        Just("+ m=audio 0 RTP/AVP 0"),
        Just("+ m=image 4000 udptl t38"),
        Just("+ c=IN IP4 0.0.0.0"),
    ];
    let headers = prop_oneof![
        3 => Just(""),
        1 => Just("[Supported: timer | Session-Expires: 300;refresher=uas]"),
        1 => Just("[Session-Expires: 10]"),
        1 => Just("[Supported: timer | Session-Expires: 10]"),
        1 => Just("[Require: nonsense]"),
        1 => Just("[CSeq: 1 X]"),
        1 => Just("[Allow: UPDATE | Contact: <sip:x@198.51.100.8>]"),
        1 => Just("[RAck: 1 7 INVITE]"),
        1 => Just("[Content-Type: application/dtmf]"),
    ];
    let head = prop_oneof![
        4 => prop::sample::select(vec!["INVITE", "UPDATE", "PRACK", "INFO", "OPTIONS", "REFER", "NOTIFY", "FOO"]),
        1 => Just("BYE"),
        6 => prop::sample::select(vec!["accept", "ack", "prack", "cancel", "hang up", "no ack", "refuse 486 0 busy"]),
        4 => prop::sample::select(vec!["wait 1", "wait 40", "wait 150", "wait 900"]),
        4 => prop::sample::select(vec!["<- 200", "<- 481", "<- 491", "<- 422", "<- 500", "<- 405", "<- 180", "<- nothing"]),
    ];
    (head, headers, sdp).prop_map(|(head, headers, sdp)| format!("{head} {headers} {sdp}"))
}

fn first() -> impl Strategy<Value = String> {
    let headers = prop::sample::select(vec![
        "",
        "[Require: 100rel]",
        "[Supported: timer]",
        "[Supported: timer | Session-Expires: 300;refresher=uas]",
        "[Supported: timer | Session-Expires: 300;refresher=uas | Allow: UPDATE]",
        "[Session-Expires: 5]",
    ]);
    let sdp = prop::sample::select(vec!["", "+ sdp", "+ m=audio 4000 RTP/AVP 18"]);
    (headers, sdp).prop_map(|(headers, sdp)| format!("{headers} {sdp}"))
}

impl Call {
    /// One random event, where it can happen at all.
    fn stumble(&mut self, event: &str) {
        if event.starts_with("<-") && self.sent.is_none() || event.starts_with("no ack") && self.accepted.is_none() {
            return;
        }
        let rseq = self.last_response.as_ref().and_then(|response| response.headers.get(&HeaderName::RSeq));
        match (event.strip_prefix("prack"), rseq) {
            (Some(rest), Some(rseq)) if !rest.contains('[') => {
                self.step(&format!("PRACK [RAck: {rseq} 7 INVITE] {rest}"));
            }
            (Some(_), _) => {}
            (None, _) => {
                self.step(event);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_call_ends_once_and_every_request_is_answered_once(
        first in first(),
        events in proptest::collection::vec(event(), 0..30),
    ) {
        let (mut call, _) = Call::start(invite(&first));
        for event in &events {
            call.stumble(event);
        }
        call.step("BYE [CSeq: 4000000000 BYE]");
        prop_assert_eq!(call.ended, 1, "the BYE ended the call, unless it was over before");
        prop_assert!(call.finals.iter().all(|finals| *finals == 1), "{:?}", call.finals);
        prop_assert_eq!(call.step("wait 100000"), "");
    }

    #[test]
    fn without_a_bye_a_call_with_a_timer_ends_by_itself(
        events in proptest::collection::vec(event(), 0..10),
    ) {
        let (mut call, _) = Call::start(invite("[Supported: timer] + sdp"));
        call.step("accept");
        call.step("ack");
        for event in events.iter().filter(|event| !event.starts_with("INVITE")) {
            call.stumble(event);
        }
        for _ in 0..100 {
            call.step("wait 4000");
            if call.sent.is_some() {
                call.step("<- nothing");
            }
        }
        prop_assert_eq!(call.ended, 1);
    }
}
