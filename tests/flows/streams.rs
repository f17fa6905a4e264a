//! SIP over TCP: whole calls, and what a stream may do to messages.

use std::net::SocketAddr;
use std::time::Duration;

use ringpost::engine::Environment;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::caller::whole_messages;
use crate::invite::Transport;
use crate::sip::Sip;
use crate::sound::speech;
use crate::world::{GATEWAY, World};

#[test]
fn a_message_is_left_over_tcp() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().over(Transport::Tcp).dial();
    let answer = caller.expect(200);
    assert_eq!(answer.contact().as_deref(), Some("sip:192.0.2.1:5065;transport=tcp"));
    caller.hear_tone().say(&speech()).press('#').press('1').press('#').hear("message-sent");
    caller.expect_bye();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn messages_that_come_octet_by_octet_are_whole_in_the_end() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().over(Transport::TrickledTcp).dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.95);
    world.assert_idle();
}

#[test]
fn a_message_may_be_split_anywhere() {
    let world = World::new();
    let mut wire = Wire::open(&world, 31_000);
    let length = options(0).to_bytes().len();
    for split in 1..length {
        let bytes = options(split).to_bytes();
        let (first, second) = bytes.split_at(split.min(bytes.len()));
        wire.write(first);
        wire.write(second);
        let answers = wire.read();
        assert_eq!(answers.len(), 1, "split after {split} octets");
        assert_eq!(answers[0].status(), Some(200));
        assert_eq!(answers[0].get("Call-ID"), format!("ping-{split}"));
    }
    world.assert_idle();
}

#[test]
fn many_messages_in_one_segment_are_all_answered() {
    let world = World::new();
    let mut wire = Wire::open(&world, 31_000);
    let together: Vec<u8> = (0..25).flat_map(|number| options(number).to_bytes()).collect();
    wire.write(&together);
    let answers = wire.read();
    let asked: Vec<String> = (0..25).map(|number| format!("ping-{number}")).collect();
    assert_eq!(answers.iter().map(|answer| answer.get("Call-ID")).collect::<Vec<_>>(), asked);
    world.assert_idle();
}

#[test]
fn a_keep_alive_is_answered_between_messages() {
    let world = World::new();
    let mut wire = Wire::open(&world, 31_000);
    wire.write(b"\r\n\r\n");
    assert_eq!(wire.take(), b"\r\n");
    wire.write(&[b"\r\n\r\n".to_vec(), options(1).to_bytes()].concat());
    let received = wire.take();
    assert!(received.starts_with(b"\r\nSIP/2.0 200 "), "{}", String::from_utf8_lossy(&received));
    world.assert_idle();
}

#[test]
fn a_stream_that_cannot_be_framed_is_closed_and_others_go_on() {
    let world = World::new();
    let mut good = Wire::open(&world, 31_000);
    let mut bad = Wire::open(&world, 31_004);
    let text = String::from_utf8(options(1).to_bytes()).unwrap();
    bad.write(text.replace("Content-Length: 0", "Content-Length: many").as_bytes());
    bad.take();
    assert!(bad.is_closed());
    good.write(&options(2).to_bytes());
    assert_eq!(good.read().len(), 1);
    world.assert_idle();
}

#[test]
fn a_call_survives_the_loss_of_its_connection() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().over(Transport::Tcp).dial();
    caller.expect(200);
    caller.hear_tone().say(&speech());
    caller.reconnect();
    caller.press('#').hear("press-1-accept").hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn where_the_connection_is_gone_the_node_opens_one_to_say_goodbye() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().over(Transport::Tcp).dial();
    caller.expect(200);
    let mut listener = world.environment().listen(caller.local()).unwrap();
    caller.hear_tone().say(&speech()).press('#').press('1').press('#');
    caller.disconnect();
    caller.hear("goodbye").accept_from(&mut *listener);
    caller.expect_bye();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn a_peer_that_cannot_be_reached_any_more_holds_nothing() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().over(Transport::Tcp).dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).press('#').press('1').press('#');
    caller.disconnect();
    caller.hear("goodbye");
    world.seconds(1);
    assert_eq!(world.load().calls, 0, "nobody listens there: the call is over at once");
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn an_idle_connection_is_closed() {
    let world = World::new();
    let mut wire = Wire::open(&world, 31_000);
    wire.write(&options(1).to_bytes());
    assert_eq!(wire.read().len(), 1);
    assert_eq!(world.load().connections, 1);
    world.seconds(16 * 60);
    assert!(wire.is_closed());
    assert_eq!(world.load().connections, 0);
    world.assert_idle();
}

/// A connection that is written and read octet for octet.
struct Wire {
    world: World,
    stream: DuplexStream,
    closed: bool,
}

impl Wire {
    fn open(world: &World, port: u16) -> Wire {
        let from = SocketAddr::new(GATEWAY, port);
        let stream = world.environment().connect_from(from, world.node()).expect("the node listens");
        Wire { world: world.clone(), stream, closed: false }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.world.block_on(async { self.stream.write_all(bytes).await }).expect("the node reads");
        self.world.run(Duration::from_millis(2));
    }

    /// What has come.
    fn take(&mut self) -> Vec<u8> {
        self.world.run(Duration::from_millis(20));
        let Wire { world, stream, closed } = self;
        let mut received = Vec::new();
        world.block_on(async {
            let mut buffer = [0; 65_536];
            while let Ok(read) = tokio::time::timeout(Duration::from_millis(1), stream.read(&mut buffer)).await {
                match read {
                    Ok(length @ 1..) => received.extend(&buffer[..length]),
                    Ok(0) | Err(_) => {
                        *closed = true;
                        break;
                    }
                }
            }
        });
        received
    }

    fn read(&mut self) -> Vec<Sip> {
        let mut received = self.take();
        let messages = whole_messages(&mut received);
        assert_eq!(received, b"", "more than whole messages");
        messages
    }

    fn is_closed(&mut self) -> bool {
        self.take();
        self.closed
    }
}

fn options(number: usize) -> Sip {
    Sip::new("OPTIONS sip:192.0.2.1 SIP/2.0")
        .with("Via", format!("SIP/2.0/TCP {GATEWAY}:31000;branch=z9hG4bK-ping-{number}"))
        .with("Max-Forwards", "70")
        .with("From", format!("<sip:pbx@{GATEWAY}>;tag=ping"))
        .with("To", "<sip:192.0.2.1>")
        .with("Call-ID", format!("ping-{number}"))
        .with("CSeq", "7 OPTIONS")
}
