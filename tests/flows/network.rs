//! What networks do to media: address translation, strangers, loss and jitter.

use std::net::SocketAddr;
use std::time::Duration;

use ringpost::engine::environment::{Environment, MediaSocket};

use crate::sound::{Law, jingle, long_speech, speech, words};
use crate::world::World;

#[test]
fn media_behind_nat_is_answered_to_where_it_comes_from() {
    let world = World::new();
    // the SDP names a private address that nobody can reach
    let mut caller = world.gateway().call_for_alice().signalling_media_at("10.0.0.17:40000").dial();
    caller.expect(200);
    caller.hear("record-after-tone").hear_tone();
    caller.say(&speech()).press('#').hear("press-1-accept").hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn media_behind_nat_from_another_host_than_the_signalling_is_answered() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().signalling_media_at("10.0.0.17:40000").ready();
    let elsewhere = "203.0.113.40:31000".parse().unwrap();
    let socket = world.environment().bind_media(elsewhere).unwrap();
    caller.media().rebind(socket);
    caller.dial();
    caller.expect(200);
    caller.hear("record-after-tone").hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn nobody_else_can_speak_into_the_message_or_take_the_sound_away() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone();
    let mut intruders: Vec<Box<dyn MediaSocket>> = ["198.51.100.66:4000", "127.0.0.1:65000"]
        .map(|address| world.environment().bind_media(address.parse().unwrap()).unwrap())
        .into();
    let target = caller.node_media();
    caller.begin_to_say(&speech());
    for (number, frame) in jingle().chunks_exact(160).enumerate() {
        for intruder in &mut intruders {
            intruder.send(&packet(number as u16, frame), target);
        }
        world.run(Duration::from_millis(20));
    }
    caller.finish_speaking().press('#').hear("press-1-accept").hang_up();
    for mut intruder in intruders {
        let mut heard = 0;
        intruder.receive(&mut |_, _| heard += 1);
        assert_eq!(heard, 0, "packets sent to {}", intruder.local());
    }
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&speech(), 0.99);
    audio.assert_lacks(&jingle());
    world.assert_idle();
}

#[test]
fn keys_of_a_stranger_are_not_heard() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().begin_to_say(&speech());
    let mut intruder = world.environment().bind_media("198.51.100.66:4000".parse().unwrap()).unwrap();
    for number in 0..20 {
        let mut press = packet(number, &[]);
        press[1] = 101;
        press.extend([11, 0x0A, 0, 160 + number as u8 % 2]);
        intruder.send(&press, caller.node_media());
        world.run(Duration::from_millis(20));
    }
    caller.finish_speaking().hang_up();
    assert!(!caller.has_heard("press-1-accept"));
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn a_recording_keeps_its_time_and_words_through_loss_and_jitter() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().through(30, Duration::from_millis(40)).dial();
    caller.expect(200);
    let said = long_speech(30);
    caller.hear_tone().say(&said).hang_up();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&said[..29 * 8000], 0.95);
    audio.assert_lasts(30.0, 0.3);
    world.assert_idle();
}

#[test]
fn jitter_alone_costs_nothing() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().through(0, Duration::from_millis(60)).dial();
    caller.expect(200);
    let said = long_speech(12);
    caller.hear_tone().say(&said).hang_up();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&said[..11 * 8000], 0.98);
    world.assert_idle();
}

#[test]
fn keys_get_through_loss_and_jitter_once_each() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().through(80, Duration::from_millis(40)).dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).press('#').hear("press-1-accept");
    for _ in 0..5 {
        caller.press('1').hear("press-pound-send").press('*').hear("press-1-accept");
    }
    caller.press('1').press('#').hear("message-sent");
    caller.expect_bye();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn a_peer_that_begins_its_stream_anew_is_still_the_peer() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&speech());
    caller.media().begin_anew();
    caller.say(&jingle()).say(&speech()).hang_up();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&speech(), 0.98);
    audio.assert_holds(&jingle(), 0.98);
    world.assert_idle();
}

#[test]
fn packets_of_any_length_are_understood_and_the_length_asked_for_is_sent() {
    for (milliseconds, sent) in [(10, 20), (30, 20), (40, 40), (60, 60)] {
        let world = World::new();
        let mut caller = world.gateway().call_for_alice().ready();
        let offer = caller.offer("").replace("a=ptime:20", &format!("a=ptime:{milliseconds}"));
        caller.media().frame = milliseconds * 8;
        caller.dial_with(&offer);
        let answer = caller.expect(200);
        assert!(answer.sdp().unwrap().has(&format!("a=ptime:{sent}")), "{}", answer.body);
        caller.hear("record-after-tone").hear_tone().say(&speech()).press('#').hear("press-1-accept").hang_up();
        let steps: Vec<_> = caller.heard().packets.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        assert!(steps.iter().all(|step| *step == Duration::from_millis(sent)), "{milliseconds} ms: {steps:?}");
        world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
        world.assert_idle();
    }
}

#[test]
fn pauses_that_are_not_sent_keep_their_length() {
    let (sentence, end) = (whole_packets(speech()), whole_packets(words(3000)));
    let pause = vec![0; 2500 * 8];
    let mut said = [sentence.clone(), pause].concat().repeat(3);
    said.extend(&end);
    for noise in [None, Some(60)] {
        let world = World::new();
        let mut caller = world.gateway().call_for_alice().dial();
        caller.expect(200);
        caller.hear_tone();
        for _ in 0..3 {
            caller.begin_to_say(&sentence);
            caller.media().pause(Duration::from_millis(2500), noise);
        }
        caller.say(&end).hang_up();
        let audio = world.mailbox("alice").only_message().audio();
        audio.assert_lasts(said.len() as f64 / 8000.0, 0.1);
        audio.assert_holds(&said, 0.98);
        world.assert_idle();
    }
}

#[test]
fn a_call_over_ipv6_is_a_call() {
    let world = World::with(|begin| {
        begin.home = "2001:db8::1".parse().unwrap();
        begin.edit("address = \"127.0.0.1\"", "address = \"2001:db8:7::7\"");
    });
    let mut caller = world.peer("2001:db8:7::7".parse().unwrap()).call_for_alice().dial();
    let answer = caller.expect(200);
    assert_eq!(answer.contact().as_deref(), Some("sip:[2001:db8::1]:5065"));
    caller.hear_tone().say(&speech()).press('#').press('1').press('#').hear("message-sent");
    caller.expect_bye();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn a_node_behind_nat_names_the_address_its_peers_know() {
    let world = World::with(|begin| {
        begin.listen = Some(crate::world::HOME);
        begin.advertise("203.0.113.80");
    });
    let mut caller = world.gateway().call_for_alice().dial();
    let answer = caller.expect(200);
    assert_eq!(answer.contact().as_deref(), Some("sip:203.0.113.80:5065"));
    let media = answer.sdp().unwrap().audio();
    assert_eq!(media.ip().to_string(), "203.0.113.80");
    // the NAT in front of the node forwards to its own address
    let inside = SocketAddr::new(crate::world::HOME, media.port());
    caller.media().remote = Some(inside);
    caller.hear_tone().say(&speech()).press('#').hear("press-1-accept").hang_up();
    assert!(caller.heard().packets.iter().all(|packet| packet.from == inside));
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn peers_of_the_other_ip_version_are_not_told_the_advertised_address() {
    let world = World::with(|begin| {
        begin.home = "2001:db8::1".parse().unwrap();
        begin.advertise("203.0.113.80");
        begin.edit("address = \"127.0.0.1\"", "address = \"2001:db8:7::7\"");
    });
    let mut caller = world.peer("2001:db8:7::7".parse().unwrap()).call_for_alice().dial();
    assert_eq!(caller.expect(200).contact().as_deref(), Some("sip:[2001:db8::1]:5065"));
    caller.hang_up();
    world.assert_idle();
}

#[test]
fn the_way_to_a_gateway_is_looked_up_once_a_directory_and_to_strangers_never() {
    let world = World::new();
    world.peer("198.51.100.66".parse().unwrap()).call_for_alice().dial().expect_final_of_invite(403);
    assert_eq!(world.damage().routes_asked(), 0);
    let call = || {
        let mut caller = world.gateway().call_for_alice().dial();
        caller.expect(200);
        caller.hang_up();
    };
    call();
    call();
    assert_eq!(world.damage().routes_asked(), 1);
    world.use_organisation_without("bob");
    call();
    assert_eq!(world.damage().routes_asked(), 2, "routes may have changed with the gateways");
}

#[test]
fn the_node_reports_on_the_media_and_says_goodbye() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.run(Duration::from_millis(100));
    let heard = caller.heard();
    // RFC 3550 6: sender reports while there is sound, BYE at the end
    assert!(heard.rtcp.len() >= 3, "{} reports in 20 s", heard.rtcp.len());
    assert!(heard.rtcp.iter().all(|compound| compound[1] == 200), "sender reports come first");
    let ends = |compound: &[u8]| {
        let mut rest = compound;
        let mut kinds = Vec::new();
        while rest.len() >= 4 {
            kinds.push(rest[1]);
            rest = &rest[(usize::from(u16::from_be_bytes([rest[2], rest[3]])) + 1) * 4..];
        }
        kinds.contains(&203)
    };
    let byes: Vec<bool> = heard.rtcp.iter().map(|compound| ends(compound)).collect();
    assert_eq!(byes.iter().filter(|bye| **bye).count(), 1);
    assert_eq!(byes.last(), Some(&true));
    drop(heard);
    world.assert_idle();
}

fn whole_packets(mut samples: Vec<i16>) -> Vec<i16> {
    samples.resize(samples.len().next_multiple_of(160), 0);
    samples
}

/// RTP of a source of its own.
fn packet(number: u16, samples: &[i16]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(number.to_be_bytes());
    packet.extend((u32::from(number) * 160).to_be_bytes());
    packet.extend(0xbad0_cafe_u32.to_be_bytes());
    packet.extend(samples.iter().map(|sample| Law::Mu.encode(*sample)));
    packet
}

#[test]
fn the_node_names_an_address_that_leads_to_it() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    let answer = caller.expect(200);
    let media: SocketAddr = answer.sdp().unwrap().audio();
    assert_eq!(media.ip(), crate::world::HOME);
    assert_eq!(media.port() % 2, 0);
    assert_eq!(answer.contact().as_deref(), Some("sip:192.0.2.1:5065"));
    caller.hang_up();
    world.assert_idle();
}
