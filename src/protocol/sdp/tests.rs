use super::*;
use proptest::prelude::*;

fn local() -> LocalMedia {
    LocalMedia {
        address: "192.0.2.1".parse().unwrap(),
        port: 20000,
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        dtmf: true,
        session_id: 4711,
    }
}

fn sdp(lines: &str) -> Description {
    let lines: Vec<&str> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Description::parse(lines.join("\r\n").as_bytes()).unwrap()
}

/// A usual offer with other `m=` and `a=` lines.
fn offer(media: &str) -> Description {
    sdp(&format!("v=0\no=- 1 1 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\n{media}"))
}

fn lines(description: &Description) -> Vec<String> {
    description.to_string().lines().filter(|line| line.starts_with(['m', 'a'])).map(str::to_owned).collect()
}

/// The `m=` and `a=` lines of the answer, joined by blanks; or why there is none.
fn answered(media: &str) -> String {
    match Negotiation::new(local()).answer(&offer(media)) {
        Ok((answer, _)) => lines(&answer).join(" "),
        Err(why) => format!("{} {why}", why.warning_code()),
    }
}

fn plan(media: &str) -> MediaPlan {
    Negotiation::new(local()).answer(&offer(media)).unwrap().1
}

#[test]
fn an_answer_is_a_whole_description() {
    let (answer, plan) = Negotiation::new(local())
        .answer(&offer("m=audio 4000 RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16"))
        .unwrap();
    assert_eq!(
        answer.to_string(),
        "v=0\r\no=- 4711 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 20000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    assert_eq!(
        plan,
        MediaPlan {
            remote: Some("198.51.100.7:4000".parse().unwrap()),
            remote_rtcp: Some("198.51.100.7:4001".parse().unwrap()),
            codec: Codec::Pcma,
            payload_type: 8,
            telephone_event: Some(101),
            comfort_noise: None,
            ptime_ms: 20,
            send: true,
            receive: true,
        }
    );
}

#[test]
fn the_first_codec_of_the_offer_that_we_speak_is_answered() {
    for (media, expected) in [
        ("m=audio 4000 RTP/AVP 0 8", "0 PCMU"),
        ("m=audio 4000 RTP/AVP 8 0", "8 PCMA"),
        ("m=audio 4000 RTP/AVP 9 18 8", "8 PCMA"),
        ("m=audio 4000 rtp/avp 0\na=rtpmap:0 pcmu/8000/1", "0 PCMU"),
        ("m=audio 4000 RTP/AVP 96 0\na=rtpmap:96 PCMU/8000", "96 PCMU"),
        ("m=audio 4000 RTP/AVP 96 8\na=rtpmap:96 PCMU/16000", "8 PCMA"),
        ("m=audio 4000 RTP/AVP 96 8\na=rtpmap:96 PCMU/8000/2", "8 PCMA"),
        ("m=audio 4000 RTP/AVP 0 8\na=rtpmap:0 L16/44100", "8 PCMA"),
        ("m=audio 4000 RTP/AVP 300 -1 x 8\na=rtpmap\na=rtpmap:8\na=rtpmap:8 PCMA / 8000", "8 PCMA"),
    ] {
        let answer = answered(media);
        let (number, name) = expected.split_once(' ').unwrap();
        assert!(
            answer.starts_with(&format!(
                "m=audio 20000 {} {number} a=rtpmap:{number} {name}/8000 ",
                if media.contains("rtp/avp") { "rtp/avp" } else { "RTP/AVP" }
            )),
            "{media}: {answer}"
        );
    }
}

#[test]
fn an_offer_without_usable_audio_is_refused_with_the_reason() {
    for (media, expected) in [
        ("", 304),
        ("m=video 4000 RTP/AVP 96", 304),
        ("m=audio 0 RTP/AVP 0", 304),
        ("m=audio 99999 RTP/AVP 0", 304),
        ("m=image 4000 udptl t38", 304),
        ("m=audio 4000 RTP/AVP 18 9", 305),
        ("m=audio 4000 RTP/AVP", 305),
        ("m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2", 305),
        ("m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x", 302),
        ("m=audio 4000 UDP/TLS/RTP/SAVPF 0", 302),
        ("m=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::7", 300),
        ("m=audio 4000 RTP/AVP 0\nc=IN IP4 media.example.com", 301),
        ("m=audio 4000 RTP/AVP 0\nc=IN IP4 233.252.0.1/127", 330),
    ] {
        let answer = answered(media);
        assert!(answer.starts_with(&expected.to_string()), "{media}: {answer}");
    }
    let no_address = sdp("v=0\nm=audio 4000 RTP/AVP 0");
    assert_eq!(Negotiation::new(local()).answer(&no_address), Err(Incompatible::AddressFormat));
}

#[test]
fn refused_lines_keep_their_place_and_formats() {
    for (media, expected) in [
        (
            "m=video 5000 RTP/AVP 96 97\na=rtpmap:96 H264/90000\nm=audio 4000 RTP/AVP 0",
            "m=video 0 RTP/AVP 96 97 m=audio 20000 RTP/AVP 0 a=rtpmap:0 PCMU/8000 a=ptime:20 a=sendrecv",
        ),
        (
            "m=audio 4000 RTP/AVP 0\nm=image 4002 udptl t38\nm=message 9 TCP/MSRP *",
            "m=audio 20000 RTP/AVP 0 a=rtpmap:0 PCMU/8000 a=ptime:20 a=sendrecv m=image 0 udptl t38 m=message 0 TCP/MSRP *",
        ),
        (
            "m=audio 4000 RTP/SAVP 0\nm=audio 4000 RTP/AVP 0",
            "m=audio 0 RTP/SAVP 0 m=audio 20000 RTP/AVP 0 a=rtpmap:0 PCMU/8000 a=ptime:20 a=sendrecv",
        ),
        (
            "m=audio 4000 RTP/AVP 18\nm=audio 4002 RTP/AVP 8\nm=audio 4004 RTP/AVP 0",
            "m=audio 0 RTP/AVP 18 m=audio 20000 RTP/AVP 8 a=rtpmap:8 PCMA/8000 a=ptime:20 a=sendrecv m=audio 0 RTP/AVP 0",
        ),
        (
            "m=\nm=video\nm=audio 4000 RTP/AVP 0",
            "m=audio 0 RTP/AVP 0 m=video 0 RTP/AVP 0 m=audio 20000 RTP/AVP 0 a=rtpmap:0 PCMU/8000 a=ptime:20 a=sendrecv",
        ),
    ] {
        assert_eq!(answered(media), expected);
    }
}

#[test]
fn telephone_event_and_comfort_noise_are_agreed_under_the_offers_numbers() {
    let both = "a=rtpmap:96 telephone-event/16000\na=rtpmap:97 Telephone-Event/8000/1\na=fmtp:97 0-16";
    for (formats, te, cn) in [
        ("0", None, None),
        ("0 96 97", Some(97), None),
        ("0 96", None, None),
        ("0 13 97", Some(97), Some(13)),
        ("13 97 0", Some(97), Some(13)),
        ("0 101", None, None),
    ] {
        let media = format!("m=audio 4000 RTP/AVP {formats}\n{both}");
        let plan = plan(&media);
        assert_eq!((plan.telephone_event, plan.comfort_noise), (te, cn), "{formats}");
        let answer = answered(&media);
        assert_eq!(answer.contains("a=fmtp:97 0-15"), te.is_some(), "{answer}");
        assert_eq!(answer.contains("a=rtpmap:13 CN/8000"), cn.is_some(), "{answer}");
    }
    let mut deaf = LocalMedia { dtmf: false, ..local() };
    deaf.session_id = u64::MAX;
    let (answer, plan) =
        Negotiation::new(deaf).answer(&offer("m=audio 4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000")).unwrap();
    assert_eq!(plan.telephone_event, None);
    assert!(answer.origin.starts_with("- 4611686018427387903 1 "), "fits a signed 64 bit number: {}", answer.origin);
}

#[test]
fn holding_and_resuming_follow_the_most_particular_word() {
    for (session, media, address, direction, sends, receives) in [
        ("", "", true, "sendrecv", true, true),
        ("", "a=sendonly", true, "recvonly", false, true),
        ("", "a=recvonly", true, "sendonly", true, false),
        ("", "a=Inactive", true, "inactive", false, false),
        ("a=sendonly", "", true, "recvonly", false, true),
        ("a=sendonly", "a=sendrecv", true, "sendrecv", true, true),
        ("a=sendrecv", "a=inactive", true, "inactive", false, false),
        ("", "c=IN IP4 0.0.0.0", false, "recvonly", false, true),
        ("", "c=IN IP4 0.0.0.0\na=sendrecv", false, "recvonly", false, true),
        ("", "c=IN IP4 0.0.0.0\na=sendonly", false, "recvonly", false, true),
        ("", "c=IN IP4 0.0.0.0\na=inactive", false, "inactive", false, false),
        ("", "c=IN IP6 ::", false, "recvonly", false, true),
    ] {
        let offer = sdp(&format!("v=0\nc=IN IP4 198.51.100.7\n{session}\nm=audio 4000 RTP/AVP 0\n{media}"));
        let (answer, plan) = Negotiation::new(local()).answer(&offer).unwrap();
        let said = (plan.remote.is_some(), plan.send, plan.receive);
        assert_eq!(said, (address, sends, receives), "{session} {media}");
        assert_eq!(lines(&answer).last().unwrap(), &format!("a={direction}"), "{session} {media}");
    }
}

#[test]
fn rtcp_and_packet_time_follow_the_offer() {
    for (attributes, rtcp, ptime) in [
        ("", Some("198.51.100.7:4001"), 20),
        ("a=rtcp:5555", Some("198.51.100.7:5555"), 20),
        ("a=rtcp:5555 IN IP4 198.51.100.9", Some("198.51.100.9:5555"), 20),
        ("a=rtcp:x\na=rtcp-mux", Some("198.51.100.7:4001"), 20),
        ("a=rtcp:0\na=ptime:60", Some("198.51.100.7:4001"), 60),
        ("a=ptime:60\na=maxptime:40", Some("198.51.100.7:4001"), 40),
        ("a=ptime:30", Some("198.51.100.7:4001"), 20),
        ("a=ptime:10\na=maxptime:10", Some("198.51.100.7:4001"), 20),
        ("a=ptime:500", Some("198.51.100.7:4001"), 100),
        ("a=ptime:20 \na=maxptime:150", Some("198.51.100.7:4001"), 20),
    ] {
        let media = format!("m=audio 4000 RTP/AVP 0\n{attributes}");
        let plan = plan(&media);
        assert_eq!((plan.remote_rtcp, plan.ptime_ms), (rtcp.map(|rtcp| rtcp.parse().unwrap()), ptime), "{attributes}");
        assert!(!answered(&media).contains("rtcp"), "neither a=rtcp nor rtcp-mux is answered");
    }
    assert_eq!(plan("m=audio 65535 RTP/AVP 0").remote_rtcp, None);
}

#[test]
fn ipv6_is_spoken_where_we_have_it() {
    let media = LocalMedia { address: "2001:db8::1".parse().unwrap(), ..local() };
    let offer = sdp("v=0\nc=IN IP6 [2001:db8::7]\nm=audio 4000 RTP/AVP 0");
    let (answer, plan) = Negotiation::new(media.clone()).answer(&offer).unwrap();
    assert_eq!(plan.remote.unwrap().to_string(), "[2001:db8::7]:4000");
    assert!(answer.to_string().contains("o=- 4711 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\n"));
    let v4 = sdp("v=0\nc=IN IP4 198.51.100.7\nm=audio 4000 RTP/AVP 0");
    assert_eq!(Negotiation::new(media).answer(&v4), Err(Incompatible::Network));
}

#[test]
fn the_version_grows_when_our_description_changes_and_only_then() {
    let mut negotiation = Negotiation::new(local());
    let mut version = |media: &str| negotiation.answer(&offer(media)).map(|(answer, _)| answer.origin);
    let origin = |version: u32| Ok(format!("- 4711 {version} IN IP4 192.0.2.1"));
    assert_eq!(version("m=audio 4000 RTP/AVP 0"), origin(1));
    assert_eq!(version("m=audio 4000 RTP/AVP 0"), origin(1));
    assert_eq!(version("m=audio 4444 RTP/AVP 0 8"), origin(1), "only the peer's address changed");
    assert_eq!(version("m=audio 4000 RTP/AVP 0\na=sendonly"), origin(2));
    assert_eq!(version("m=audio 4000 RTP/AVP 18"), Err(Incompatible::Format));
    assert_eq!(version("m=audio 4000 RTP/AVP 0\na=sendonly"), origin(2), "a refused offer changed nothing");
    assert_eq!(version("m=audio 4000 RTP/AVP 0"), origin(3));
}

#[test]
fn a_stream_may_be_taken_away_later_but_not_for_a_fax() {
    let mut negotiation = Negotiation::new(local());
    negotiation.answer(&offer("m=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000")).unwrap();
    let before = negotiation.plan().cloned();

    for fax in ["m=image 4000 udptl t38", "m=audio 0 RTP/AVP 8\nm=image 4000 udptl t38"] {
        assert_eq!(negotiation.answer(&offer(fax)), Err(Incompatible::NoAudio));
        assert_eq!(negotiation.plan(), before.as_ref());
    }
    for (silence, answer_lines) in [("m=audio 0 RTP/AVP 8 101", "m=audio 0 RTP/AVP 8 101"), ("", "")] {
        let (answer, plan) = negotiation.answer(&offer(silence)).unwrap();
        assert_eq!(lines(&answer).join(" "), answer_lines);
        assert_eq!((plan.remote, plan.send, plan.receive, plan.codec), (None, false, false, Codec::Pcma));
    }
    let (_, plan) = negotiation.answer(&offer("m=audio 4000 RTP/AVP 0")).unwrap();
    assert_eq!((plan.send, plan.codec), (true, Codec::Pcmu));
}

#[test]
fn our_offer_has_all_we_speak_and_keeps_what_was_agreed() {
    let mut negotiation = Negotiation::new(local());
    assert_eq!(
        lines(&negotiation.offer()).join(" "),
        "m=audio 20000 RTP/AVP 0 8 101 a=rtpmap:0 PCMU/8000 a=rtpmap:8 PCMA/8000 \
         a=rtpmap:101 telephone-event/8000 a=fmtp:101 0-15 a=ptime:20 a=sendrecv"
    );
    assert!(negotiation.offer_pending());
    let answer = offer("m=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000");
    assert_eq!(
        negotiation.accept(&answer).map(|plan| (plan.codec, plan.telephone_event)),
        Ok((Codec::Pcma, Some(101)))
    );
    assert!(!negotiation.offer_pending());

    // the caller made the second line the audio one and mapped numbers of its own
    let theirs = "m=video 5000 RTP/AVP 99\nm=audio 4000 RTP/AVP 96 101 97\n\
                  a=rtpmap:96 PCMA/8000\na=rtpmap:101 PCMU/8000\na=rtpmap:97 telephone-event/8000\na=sendonly";
    negotiation.answer(&offer(theirs)).unwrap();
    let held = negotiation.repeat_offer();
    assert!(lines(&held).ends_with(&["a=recvonly".to_owned()]), "a refresh changes nothing: {held}");
    let full = negotiation.offer();
    assert_eq!(
        lines(&full).join(" "),
        "m=video 0 RTP/AVP 99 m=audio 20000 RTP/AVP 0 96 97 a=rtpmap:0 PCMU/8000 a=rtpmap:96 PCMA/8000 \
         a=rtpmap:97 telephone-event/8000 a=fmtp:97 0-15 a=ptime:20 a=sendrecv"
    );
}

#[test]
fn an_answer_of_no_use_is_refused_and_one_that_takes_too_much_is_cut() {
    for (media, expected) in [
        ("", Incompatible::NoAudio),
        ("m=audio 0 RTP/AVP 0", Incompatible::NoAudio),
        ("m=audio 4000 RTP/AVP 18", Incompatible::Format),
        ("m=audio 4000 RTP/SAVP 0", Incompatible::Transport),
    ] {
        let mut negotiation = Negotiation::new(local());
        negotiation.offer();
        assert_eq!(negotiation.accept(&offer(media)), Err(expected), "{media}");
    }
    let mut negotiation = Negotiation::new(local());
    negotiation.answer(&offer("m=audio 4000 RTP/AVP 0\na=sendonly")).unwrap();
    negotiation.repeat_offer();
    let plan = negotiation.accept(&offer("m=audio 4000 RTP/AVP 0\na=sendrecv")).unwrap();
    assert_eq!((plan.send, plan.receive), (false, true));
}

#[test]
fn what_is_no_session_description_is_refused_and_what_is_odd_is_read() {
    assert_eq!(Description::parse(b""), Err(NotSdp::NoLines));
    assert_eq!(Description::parse(b"\x00\xff\xfe"), Err(NotSdp::NoLines));
    assert_eq!(Description::parse("m=audio 1 RTP/AVP 0\n".repeat(33).as_bytes()), Err(NotSdp::TooManyMedia));
    let odd = "v=0\n c = IN IP4 198.51.100.7/127/3\r\ns= \rm=audio 4000/2 RTP/AVP 0\na=SendOnly\nhello\nk=\n\u{fe}=\n=";
    let odd = Description::parse(odd.as_bytes()).unwrap();
    let media = odd.media.first().unwrap();
    assert_eq!((media.port, odd.direction_of(media)), (4000, Direction::SendOnly));
    assert_eq!(odd.connection_of(media), Some(&Connection::Address("198.51.100.7".parse().unwrap())));
}

fn sdp_line() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("m=audio 4000 RTP/AVP 0 8 101 13".to_owned()),
        1 => "m=(audio|video|image|) ?[0-9]{0,6}(/2)? ?(RTP/AVP|RTP/SAVP|udptl|) ?([0-9]{1,3} ?){0,4}",
        1 => "a=(rtpmap:(0|8|101|13) (PCMU|pcma|telephone-event|CN)/(8000|16000)(/[0-9])?|sendonly|inactive|sendrecv)",
        1 => "a=(ptime|maxptime|rtcp):[0-9]{0,6}( IN IP4 192.0.2.9)?",
        1 => "c=IN IP[46] (0.0.0.0|198.51.100.7|2001:db8::1|host.example|)",
        1 => "t=[0-9 ]{0,5}",
        1 => "[a-z]=\\PC{0,20}",
        1 => "\\PC{0,20}",
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Description::parse(&bytes);
    }

    #[test]
    fn what_is_printed_is_read_again(lines in proptest::collection::vec(sdp_line(), 0..12)) {
        let once = Description::parse(format!("v=0\n{}", lines.join("\n")).as_bytes()).unwrap();
        // a line cut short is never printed: `refused` completes it
        prop_assume!(once.media.iter().all(|media| !media.protocol.is_empty()));
        let twice = Description::parse(once.to_string().as_bytes()).unwrap();
        prop_assert_eq!(once.to_string(), twice.to_string());
        prop_assert_eq!(once.media.len(), twice.media.len());
    }

    #[test]
    fn an_answer_has_the_offers_lines_one_stream_and_no_direction_not_offered(
        first in proptest::collection::vec(sdp_line(), 0..12),
        second in proptest::collection::vec(sdp_line(), 0..12),
    ) {
        let mut negotiation = Negotiation::new(local());
        for lines in [first, second] {
            let offer = Description::parse(format!("v=0\nc=IN IP4 198.51.100.7\n{}", lines.join("\n")).as_bytes()).unwrap();
            if let Ok((answer, plan)) = negotiation.answer(&offer) {
                prop_assert_eq!(answer.media.len(), offer.media.len());
                prop_assert!(answer.media.iter().filter(|media| media.port != 0).count() <= 1);
                for (ours, theirs) in answer.media.iter().zip(&offer.media) {
                    if ours.port == 0 { continue; }
                    let (a, o) = (answer.direction_of(ours), offer.direction_of(theirs));
                    prop_assert!((!a.sends() || o.receives()) && (!a.receives() || o.sends()), "{:?} to {:?}", a, o);
                    prop_assert!(ours.formats.iter().all(|format| theirs.formats.contains(format)));
                }
                prop_assert!(!plan.send || plan.remote.is_some());
                prop_assert!(plan.ptime_ms % 20 == 0 && plan.ptime_ms >= 20);
                prop_assert_eq!(Description::parse(answer.to_string().as_bytes()), Ok(answer));
            }
        }
    }
}
