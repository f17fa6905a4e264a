//! Many calls, then none: the node holds what it held before.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::caller::{Call, Line};
use crate::node::{Node, pause};

const ONE_AFTER_ANOTHER: usize = 300;
const AT_ONCE: usize = 50;

#[test]
fn calls_that_have_ended_hold_nothing() {
    let node = Node::start();
    // what is made with the first message stays
    leave_message(&node);
    node.mails_when_idle();
    let before = Held::by(&node);

    for number in 1..=ONE_AFTER_ANOTHER {
        let mut call = Call::dial(node.sip(), "1002", Line::default()).expect("the node lives");
        call.hang_up().expect("the node lives");
        if number % AT_ONCE == 0 {
            // a call counts until its notification is on the disk, which is slower than such a caller
            node.wait_until_idle(&["calls"]);
        }
    }
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(|| leave_message(&node)))));

    // transactions wait half a minute for copies of what they answered (RFC 3261 17.2)
    node.wait_until_idle(&[
        "calls",
        "media_streams",
        "rtp_ports",
        "dialogs",
        "recordings",
        "transactions",
        "connections",
    ]);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let after = Held::by(&node);
        if after.files <= before.files && after.threads <= before.threads {
            break;
        }
        assert!(Instant::now() < deadline, "before: {before:?}, after: {after:?}");
        pause();
    }
    let mails = node.mails();
    let of = |alias| mails.iter().filter(|mail| mail.alias == alias).count();
    assert_eq!(of("bob"), ONE_AFTER_ANOTHER, "missed calls");
    assert_eq!(of("alice"), AT_ONCE + 1, "messages");
    assert!(mails.iter().filter(|mail| mail.alias == "alice").all(|mail| mail.is_voice_message()));
}

fn leave_message(node: &Node) {
    let mut call = Call::dial(node.sip(), "1001", Line::default()).expect("the node lives");
    call.reach_recording().expect("the node lives");
    call.talk(Duration::from_secs(3)).expect("the node lives");
    call.hang_up().expect("the node lives");
}

/// What the kernel counts.
#[derive(Debug)]
struct Held {
    files: usize,
    threads: usize,
}

impl Held {
    fn by(node: &Node) -> Held {
        // the node, and its worker
        let pids = || node.worker_pids().into_iter().chain([node.pid()]);
        let count = |what: &str| pids().map(|pid| fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count()).sum();
        Held { files: count("fd"), threads: count("task") }
    }
}
