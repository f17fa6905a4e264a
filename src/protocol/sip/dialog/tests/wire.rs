//! Session descriptions as real products send them (tests/wire): each answered as a person would expect.

use std::path::Path;

use super::*;
use crate::protocol::sdp::{Negotiation, NotSdp};

fn message(file: &str) -> Message {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(file);
    Message::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn sdp_of(message: &Message) -> Option<Result<Description, NotSdp>> {
    let part = match message {
        Message::Request(request) => request.part("application/sdp"),
        Message::Response(response) => response.part("application/sdp"),
    };
    part.map(Description::parse)
}

/// `address codec/type te=… ptime ways | lines of the answer`, or the Warning code of the refusal.
fn outcome(sdp: &Description) -> String {
    let v6 = sdp.media.iter().any(
        |media| matches!(sdp.connection_of(media), Some(crate::protocol::sdp::Connection::Address(a)) if a.is_ipv6()),
    );
    let media = LocalMedia { address: if v6 { "2001:db8::1" } else { "192.0.2.1" }.parse().unwrap(), ..own().media };
    match Negotiation::new(media).answer(sdp) {
        Err(why) => why.warning_code().to_string(),
        Ok((answer, plan)) => {
            assert_eq!(answer.media.len(), sdp.media.len());
            let number = |number: Option<u8>| number.map_or("-".to_owned(), |number| number.to_string());
            let remote = plan.remote.map_or("nowhere".to_owned(), |remote| remote.to_string());
            let told = session_told(answer.to_string().as_bytes());
            format!("{remote} te={} {}ms{}", number(plan.telephone_event), plan.ptime_ms, told.replace(" + v1", " |"))
        }
    }
}

#[test]
fn every_description_gets_the_answer_a_person_would_expect() {
    for (file, expected) in [
        ("01-level3-bandwidth-anonymous-invite.sip", "192.0.2.15:62214 te=101 20ms | sendrecv 0,101"),
        ("02-sipxecs-forked-forward-noroute-voicemail.sip", "192.168.5.75:30002 te=101 20ms | sendrecv 0,101"),
        ("04-sipxbridge-moh-invite-recvonly.sip", "192.168.5.75:30002 te=- 20ms | sendonly 0"),
        ("07-polycom-320-ack-with-sdp-answer.sip", "192.168.5.75:11536 te=101 20ms | inactive 0,101"),
        ("10-sipxecs-park-hold-0000.sip", "nowhere te=101 20ms | recvonly 0,101"),
        ("115-grandstream-gxp2200-invite.sip", "302"),
        ("116-polycom-spip650-invite-g722.sip", "172.20.3.46:2262 te=101 20ms | sendrecv 0,101"),
        ("118-tcp-b2bua-invite-two-telephone-event-rates.sip", "10.15.194.45:50232 te=101 20ms | sendrecv 0,101"),
        ("119-ims-ipv6-update-telephone-event-16000.sip", "305"),
        ("124-snom360-invite-utf8-display-name.sip", "10.0.2.250:54762 te=101 20ms | sendrecv 0,101"),
        ("125-nortel-cs1000-invite-multipart-phone-context.sip", "192.0.2.12:5200 te=101 20ms | sendrecv 0,101"),
        ("14-sonus-reinvite-no-user-request-uri.sip", "192.0.2.13:25134 te=- 20ms | sendrecv 0"),
        ("22-italtel-imss-initial-cdsc-t38.sip", "10.23.1.52:16756 te=102 20ms | sendrecv 8,102"),
        ("23-acme-sbc-tags-sd-prefix.sip", "192.0.2.10:15580 te=102 20ms | sendrecv 8,102"),
        ("26-italtel-imss-reinvite-t38-bare.sip", "304"),
        ("28-oracle-sbc-scz92-no-user-requri.sip", "172.20.52.20:51992 te=101 20ms | sendrecv 8,101"),
        ("29-cisco-cube-invite-xcap-t38.sip", "192.0.2.10:23802 te=101 20ms | sendrecv 8,101"),
        ("31-sbc-invite-malformed-header-line.sip", "172.20.52.20:51992 te=101 20ms | sendrecv 8,101"),
        ("34-clarent-c5cm-invite-sendrecv-case.sip", "192.0.2.11:40376 te=- 20ms | sendrecv 8"),
        (
            "35-audiocodes-vsbc-broadworks-two-audio-avp-savp.sip",
            "192.0.2.11:15536 te=116 20ms | sendrecv 8,116 audio refused",
        ),
        ("37-avaya-sm-invite-history-info.sip", "192.168.202.5:2426 te=120 60ms | sendrecv 0,120"),
        ("38-audiocodes-mediant1000-anonymous-invite.sip", "10.1.10.101:6010 te=- 20ms | sendrecv 0"),
        ("40-sonus-session-refresh-reinvite.sip", "305"),
        ("41-sonus-tcp-invite-four-codecs.sip", "127.0.0.1:58002 te=101 20ms | sendrecv 0,101"),
        ("43-exchange-um-online-200ok-srtp.sip", "302"),
        ("49-amazon-chime-voice-connector-invite.sip", "192.0.2.11:36488 te=101 20ms | sendrecv 0,101"),
        ("55-htek-ucv20-video-hold-port0.sip", "nowhere te=101 20ms | recvonly 0,101 video refused"),
        ("58-freepbx15-chansip-invite-date.sip", "192.0.2.10:13634 te=101 20ms | sendrecv 0,101"),
        ("61-alcatel-oxo-r31-invite-history-info-direct.sip", "10.63.51.49:32000 te=101 20ms | sendrecv 8,101"),
        ("62-alcatel-oxe-r122-invite.sip", "10.1.200.110:32514 te=101 20ms | sendrecv 8,101"),
        ("64-audiocodes-teams-direct-routing-invite-xi-xc.sip", "192.0.2.11:41676 te=101 20ms | sendrecv 8,101"),
        ("65-dialogic-hmp-vocalcom-invite-no-user-from.sip", "172.29.8.232:49248 te=101 20ms | sendrecv 8,101"),
        ("67-genesys-prack-with-sdp-gsid.sip", "10.91.254.206:18156 te=97 20ms | sendrecv 8,97"),
        ("68-acme-sbc-prack-with-sdp-routes.sip", "10.91.254.206:52292 te=97 20ms | sendrecv 8,97"),
        ("71-broadworks-acme-ack-with-sdp-iwf.sip", "192.0.2.11:26926 te=101 20ms | sendrecv 8,101"),
        ("76-nuance-ivr-invite-voicexml-requri.sip", "10.92.11.164:33858 te=101 20ms | sendrecv 0,101"),
        ("79-b2bua-invite-after-302-no-diversion.sip", "10.92.11.164:33858 te=101 20ms | sendrecv 0,101"),
        ("80-b2bua-3pcc-reinvite-p-line.sip", "10.92.11.220:51614 te=- 20ms | sendrecv 0"),
    ] {
        let sdp = sdp_of(&message(file)).unwrap_or_else(|| panic!("{file} has a description")).unwrap();
        assert_eq!(outcome(&sdp), expected, "{file}");
    }
}

#[test]
fn every_file_with_a_description_is_in_the_table() {
    let table = include_str!("wire.rs");
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    for entry in std::fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".sip") && sdp_of(&message(&name)).is_some() {
            assert!(table.contains(&name), "{name}");
        }
    }
}

#[test]
fn real_offers_make_whole_calls() {
    for file in [
        "22-italtel-imss-initial-cdsc-t38.sip",
        "37-avaya-sm-invite-history-info.sip",
        "62-alcatel-oxe-r122-invite.sip",
        "125-nortel-cs1000-invite-multipart-phone-context.sip",
    ] {
        let Message::Request(request) = message(file) else { panic!("{file}") };
        let (mut call, told) = Call::start(request);
        assert_eq!(told, "", "{file}");
        assert!(call.step("accept").contains("200 INVITE"), "{file}");
        let cseq = call.cseq;
        assert_eq!(call.step(&format!("ack [CSeq: {cseq} ACK]")), "established", "{file}");
        assert_eq!(call.step("hang up"), "-> BYE / hung up", "{file}");
        assert_eq!(call.step("<- 200"), "ended WeHungUp", "{file}");
    }
}

#[test]
fn a_key_told_by_a_real_phone_is_heard() {
    let Message::Request(info) = message("83-ekiga-info-dtmf-relay-space.sip") else { panic!("no request") };
    let mut call = flow(&[("answered", "established")]);
    let transaction = ServerTransaction(call.finals.len() as u64);
    call.finals.push(0);
    let mut request = call.request_with(Method::Info, 20, Headers::default(), info.body);
    request.headers.copy_from(&info.headers, &HeaderName::ContentType);
    assert_eq!(call.happen(Event::Request { transaction, request }), "key 4 180 / 200 INFO");
}
