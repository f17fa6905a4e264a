//! Calls that are not taken, each with its reason, and requests outside any call.

use ringpost::link::CallSelector;

use crate::invite::{Diverted, Peer};
use crate::sound::speech;
use crate::world::World;

fn stranger(world: &World) -> Peer {
    world.peer("198.51.100.66".parse().unwrap())
}

#[test]
fn invite_from_an_unknown_peer_is_403() {
    let world = World::new();
    let mut caller = stranger(&world).call_for_alice().dial();
    let refused = caller.expect(403);
    assert!(refused.tag("To").is_some());
    assert!(refused.get("Warning").contains("198.51.100.66 is not the address of a UM IP gateway"));
    assert_eq!(world.load().calls, 0);
    world.mailbox("alice").assert_empty();
    world.assert_idle();
}

#[test]
fn invite_for_an_unknown_extension_is_404() {
    let world = World::new();
    for invite in
        [world.gateway().invite("1999"), world.gateway().invite("5000").diverted_from("1999", Diverted::NoAnswer)]
    {
        let mut caller = invite.dial();
        let refused = caller.expect(404);
        assert!(refused.get("Warning").contains("1999"), "{}", refused.get("Warning"));
        assert!(refused.tag("To").is_some());
    }
    world.assert_idle();
}

#[test]
fn invite_without_a_codec_in_common_is_488() {
    let world = World::new();
    let g729 = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18 9\r\n";
    let mut caller = world.gateway().call_for_alice().offering(g729).dial();
    let refused = caller.expect(488);
    assert!(refused.get("Warning").starts_with("305 "), "{}", refused.get("Warning"));
    world.mailbox("alice").assert_empty();
    world.assert_idle();
}

#[test]
fn video_is_refused_and_the_call_is_answered() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().ready();
    let offer = format!("{}m=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", caller.offer(""));
    caller.dial_with(&offer);
    let answer = caller.expect(200);
    assert!(answer.sdp().unwrap().has("m=video 0 RTP/AVP 96"), "{}", answer.body);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn an_extension_we_lack_is_420() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().header("Require", "100rel, teleport").dial();
    let refused = caller.expect(420);
    assert_eq!(refused.get("Unsupported"), "teleport");
    world.assert_idle();
}

#[test]
fn an_invite_that_is_wrong_in_one_place_is_told_what() {
    type Change = fn(String) -> String;
    let changes: [(u16, Change); 8] = [
        (483, |text| text.replace("Max-Forwards: 70", "Max-Forwards: 0")),
        (416, |text| text.replacen("INVITE sip:", "INVITE http:", 1)),
        (505, |text| text.replacen(" SIP/2.0\r\n", " SIP/3.0\r\n", 1)),
        (415, |text| text.replace("Content-Type: application/sdp", "Content-Type: text/plain")),
        (415, |text| text.replace("Max-Forwards", "Content-Encoding: gzip\r\nMax-Forwards")),
        (400, |text| text.replace("CSeq: 1 INVITE", "CSeq: 1 OPTIONS")),
        (400, |text| text.replace("Contact: ", "X-Contact: ")),
        (400, |text| text.replacen("Content-Length: ", "Content-Length: 9", 1)),
    ];
    let world = World::new();
    for (status, change) in changes {
        let mut caller = world.gateway().call_for_alice().ready();
        caller.dial_changed(change);
        let finals = caller.finals_within(std::time::Duration::from_millis(100));
        assert_eq!(finals.iter().filter_map(|response| response.status()).collect::<Vec<_>>(), [status]);
        assert!(finals[0].tag("To").is_some(), "{status}");
    }
    world.mailbox("alice").assert_empty();
    world.assert_idle();
}

#[test]
fn a_node_without_a_free_port_refuses_until_there_is_one() {
    let world = World::with(|begin| begin.rtp_ports = 20_000..=20_003);
    let mut first = world.gateway().call_for_alice().dial();
    first.expect(200);
    let mut second = world.gateway().call_for_alice().dial();
    second.expect(200);
    let mut third = world.gateway().call_for_alice().dial();
    let refused = third.expect(503);
    assert!(refused.find("Retry-After").is_some(), "{refused:#?}");
    first.hang_up();
    world.run(std::time::Duration::from_millis(100));
    let mut fourth = world.gateway().call_for_alice().dial();
    fourth.expect(200);
    fourth.hang_up();
    second.hang_up();
    world.assert_idle();
}

#[test]
fn a_method_nobody_knows_is_405() {
    let world = World::new();
    for method in ["SUBSCRIBE", "REGISTER", "MESSAGE", "DANCE"] {
        let refused = world.gateway().request(method).expect(405);
        assert!(refused.has_token("Allow", "INVITE"), "{method}: {refused:#?}");
    }
    world.assert_idle();
}

#[test]
fn options_tell_what_is_understood() {
    let world = World::new();
    let mut ping = world.gateway().request("OPTIONS");
    let answer = ping.expect(200);
    for (name, tokens) in [
        ("Allow", &["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "PRACK", "UPDATE", "INFO"][..]),
        ("Supported", &["100rel", "timer"]),
        ("Accept", &["application/sdp"]),
    ] {
        tokens.iter().for_each(|token| assert!(answer.has_token(name, token), "{name} lacks {token}"));
    }
    assert!(answer.tag("To").is_some());
    world.assert_idle();
}

#[test]
fn a_draining_node_takes_no_calls_and_lets_those_it_has_go_on() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    world.engine().drain();
    world.run(std::time::Duration::from_millis(10));
    let mut late = world.gateway().call_for_alice().dial();
    let refused = late.expect(503);
    assert!(refused.find("Retry-After").is_some());
    world.gateway().request("OPTIONS").expect(503);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn a_node_that_drops_its_calls_keeps_what_was_said() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&speech());
    world.engine().drop_calls(CallSelector::All);
    caller.expect_bye();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn the_next_call_is_understood_by_the_new_directory() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    world.use_organisation_without("alice");
    let mut next = world.gateway().call_for_alice().dial();
    next.expect(404);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}
