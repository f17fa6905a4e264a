//! Processes that die and are replaced under calls: what was recorded is delivered once, other calls go on, and the
//! next call is answered within a second.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::caller::{Call, Line, field};
use crate::node::{Mail, Node, kill, pause};
use crate::peers::require;

const CALLERS: usize = 8;
/// Of a partial, what is not on the disk when its process dies: the second between two syncs, and the last packets.
const ON_ITS_WAY: f64 = 1.5;

/// Several callers who speak, each for as long as told.
struct Callers<'scope> {
    line: Line,
    calls: Vec<ScopedJoinHandle<'scope, String>>,
}

impl<'scope> Callers<'scope> {
    /// Returns when all of them are being recorded.
    fn speak<'env>(scope: &'scope thread::Scope<'scope, 'env>, to: SocketAddr, time: Duration) -> Callers<'scope> {
        let line = Line::default();
        let (tell, recording) = std::sync::mpsc::channel();
        let calls = (0..CALLERS).map(|_| {
            let (line, tell) = (line.clone(), tell.clone());
            scope.spawn(move || {
                let mut call = Call::dial(to, "1001", line).expect("the call is answered");
                call.reach_recording().expect("the call goes on");
                tell.send(()).unwrap();
                // cut off by its test, or by the caller
                if call.talk(time).is_ok() {
                    call.hang_up().expect("the call goes on");
                }
                call.id().to_owned()
            })
        });
        let calls: Vec<_> = calls.collect();
        recording.iter().take(CALLERS).for_each(drop);
        Callers { line, calls }
    }

    /// Their Call-IDs, when all of them have ended.
    fn ended(self) -> BTreeSet<String> {
        self.calls.into_iter().map(|call| call.join().expect("a caller's call goes well")).collect()
    }

    /// The same for those whose process was killed.
    fn cut(self) -> BTreeSet<String> {
        self.line.cut();
        self.ended()
    }
}

/// There is one message of each call, this long.
fn judge(mails: &[Mail], calls: &BTreeSet<String>, seconds: std::ops::RangeInclusive<f64>) {
    let mails: Vec<_> = mails.iter().filter(|mail| calls.contains(&mail.call_id())).collect();
    let of: BTreeSet<_> = mails.iter().map(|mail| mail.call_id()).collect();
    assert_eq!(&of, calls, "every call has its message");
    assert_eq!(mails.len(), calls.len(), "each once");
    for mail in mails {
        assert!(mail.is_voice_message() && seconds.contains(&mail.seconds()), "{} s", mail.seconds());
    }
}

/// How long it takes until a worker says that it takes calls.
fn until_answered(worker: SocketAddr) -> Duration {
    let began = Instant::now();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let local = socket.local_addr().unwrap();
    for number in 0.. {
        let options = format!(
            "OPTIONS sip:{worker} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKo{number};rport\r\n\
             From: <sip:{local}>;tag=o\r\nTo: <sip:{worker}>\r\nCall-ID: o{number}@{local}\r\nCSeq: 1 OPTIONS\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let _ = socket.send_to(options.as_bytes(), worker);
        let mut buffer = [0; 2048];
        if socket.recv(&mut buffer).is_ok_and(|length| buffer[..length].starts_with(b"SIP/2.0 200")) {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(20), "nobody answers on {worker}");
    }
    unreachable!()
}

#[test]
fn a_worker_killed_under_calls_is_replaced_within_a_second_and_its_recordings_are_delivered_once() {
    let node = Node::start();
    let (worker, before) = (node.worker(), node.worker_pids());
    thread::scope(|scope| {
        let callers = Callers::speak(scope, worker, Duration::from_secs(60));
        thread::sleep(Duration::from_secs(5));
        node.kill_workers();
        let away = until_answered(worker);
        assert!(away < Duration::from_secs(1), "no calls for {away:?}");
        let calls = callers.cut();
        assert!(node.worker_pids().iter().all(|pid| !before.contains(pid)));
        judge(&node.mails_when_idle(), &calls, 5.0 - ON_ITS_WAY..=6.5);
    });
}

#[test]
fn a_node_killed_under_calls_cuts_none_and_finds_its_worker_again() {
    let mut node = Node::start();
    let (worker, before) = (node.worker(), node.worker_pids());
    thread::scope(|scope| {
        let callers = Callers::speak(scope, worker, Duration::from_secs(8));
        thread::sleep(Duration::from_secs(2));
        node.kill_node();
        // with nobody to redirect it, a call is still answered by the worker
        let late = Callers::speak(scope, worker, Duration::from_secs(3)).ended();
        thread::sleep(Duration::from_secs(1));
        assert!(node.mails().is_empty(), "nobody can have delivered it");
        let restarted = Instant::now();
        node.restart();
        node.wait_until_ready();
        assert!(restarted.elapsed() < Duration::from_secs(4), "{:?}", restarted.elapsed());
        assert_eq!(node.worker_pids(), before, "the same process");
        let calls = callers.ended();
        let mails = node.mails_when_idle();
        judge(&mails, &calls, 7.5..=8.5);
        judge(&mails, &late, 2.5..=3.5);
        assert_eq!(mails.len(), 2 * CALLERS);
    });
}

#[test]
fn a_worker_whose_data_folder_is_gone_ends() {
    let mut node = Node::start();
    node.kill_node();
    assert!(!node.worker_pids().is_empty());
    std::fs::remove_dir_all(node.folder().join("var")).unwrap();
    let removed = Instant::now();
    while !node.worker_pids().is_empty() {
        assert!(removed.elapsed() < Duration::from_secs(20), "the worker goes on without a place to keep messages");
        pause();
    }
}

#[test]
fn calls_of_the_other_worker_do_not_notice_when_one_is_killed() {
    let node = Node::start_with_program_of_its_own();
    let first = node.worker();
    thread::scope(|scope| {
        let untouched = Callers::speak(scope, first, Duration::from_secs(20));
        node.upgrade();
        node.wait_for_another_worker(first);
        let second = node.worker();
        let killed = Callers::speak(scope, second, Duration::from_secs(60));
        thread::sleep(Duration::from_secs(4));
        let workers = node.workers();
        let victim = workers.iter().find(|worker| worker["state"] == "Current").unwrap();
        kill(victim["pid"].as_u64().unwrap() as u32);
        let away = until_answered(second);
        assert!(away < Duration::from_secs(1), "no calls for {away:?}");
        let (killed, untouched) = (killed.cut(), untouched.ended());
        let mails = node.mails_when_idle();
        judge(&mails, &killed, 4.0 - ON_ITS_WAY..=5.5);
        judge(&mails, &untouched, 19.5..=20.5);
    });
}

#[test]
fn a_new_program_replaces_the_worker_under_load_and_no_call_fails() {
    let node = Node::start_with_program_of_its_own();
    let first = node.worker();
    thread::scope(|scope| {
        let load = scope.spawn(|| calls(first, 500));
        thread::sleep(Duration::from_secs(1));
        node.upgrade();
        node.wait_for_another_worker(first);
        let next = scope.spawn(|| calls(node.worker(), 500));
        load.join().unwrap();
        next.join().unwrap();
    });
    let mails = node.mails_when_idle();
    assert_eq!(mails.len(), 1000, "each call is known");
    let deadline = Instant::now() + Duration::from_secs(60);
    while node.worker_pids().len() > 1 {
        assert!(Instant::now() < deadline, "the old worker does not end: {:?}", node.workers());
        pause();
    }
}

/// Calls a second, each a redirect and a call of its own.
const RATE: u32 = 50;
const REDIRECTED: usize = 1500;

#[test]
fn the_service_redirects_calls_while_workers_are_replaced_again_and_again_and_none_fails() {
    let node = Node::start();
    let service = node.service();
    thread::scope(|scope| {
        let pace = Duration::from_secs(1) / RATE;
        let begun = Instant::now();
        let calls: Vec<_> = (0..REDIRECTED as u32)
            .map(|number| {
                thread::sleep((begun + pace * number).saturating_duration_since(Instant::now()));
                // the next change waits until the last old worker has ended
                if number % (RATE * 4) == RATE {
                    assert!(node.command(&["worker", "recycle"]).stdout(Stdio::null()).status().unwrap().success());
                }
                scope.spawn(move || redirected_call(service, number))
            })
            .collect();
        let ports: BTreeSet<_> = calls.into_iter().map(|call| call.join().unwrap()).collect();
        assert_eq!(ports.len(), 2, "both workers had calls: {ports:?}");
    });
    assert_eq!(node.mails_when_idle().len(), REDIRECTED, "each call is known");
}

/// A call that is told where the worker is, goes there, and ends; the worker's port.
fn redirected_call(service: SocketAddr, number: u32) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let local = socket.local_addr().unwrap();
    let request = |method: &str, cseq: u32, to: &str, body: &str| {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:1001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{number}{method}{cseq};rport\r\n\
             From: <sip:+14255550100@{local}>;tag=r{number}\r\nTo: {to}\r\nCall-ID: r{number}@{local}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:caller@{local}>\r\nMax-Forwards: 70\r\n{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    // sent until its final answer has come
    let ask = |message: &str, cseq: &str, to: SocketAddr, expected: &str| -> String {
        let mut buffer = [0; 4096];
        for _ in 0..20 {
            socket.send_to(message.as_bytes(), to).unwrap();
            while let Ok(length) = socket.recv(&mut buffer) {
                let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if !answer.starts_with("SIP/2.0 1") && field(&answer, "CSeq") == cseq {
                    assert!(answer.starts_with(expected), "call {number}: {answer}");
                    return answer;
                }
            }
        }
        panic!("call {number}: no answer to {message}");
    };
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
    let to = "<sip:1001@127.0.0.1>";
    let answer = ask(&request("INVITE", 1, to, sdp), "1 INVITE", service, "SIP/2.0 302");
    socket.send_to(request("ACK", 1, field(&answer, "To"), "").as_bytes(), service).unwrap();
    let contact = field(&answer, "Contact");
    let place = contact.split(['@', ';', '>']).find(|part| part.starts_with("127.0.0.1:")).unwrap_or_default();
    let worker: SocketAddr = place.parse().unwrap_or_else(|_| panic!("call {number}: {contact}"));
    let answer = ask(&request("INVITE", 2, to, sdp), "2 INVITE", worker, "SIP/2.0 200");
    let to = field(&answer, "To");
    socket.send_to(request("ACK", 2, to, "").as_bytes(), worker).unwrap();
    thread::sleep(Duration::from_millis(200));
    ask(&request("BYE", 3, to, ""), "3 BYE", worker, "SIP/2.0 200");
    worker.port()
}

/// So many calls of sipp at fifty a second; none may fail.
fn calls(to: SocketAddr, number: usize) {
    require("sipp", "sip-tester");
    let output = Command::new("sipp")
        .arg(to.to_string())
        .args(["-sn", "uac", "-s", "1001", "-i", "127.0.0.1", "-d", "300"])
        .args(["-r", "50", "-m", &number.to_string(), "-nostdin", "-timeout", "60s", "-timeout_error"])
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_node_that_is_terminated_waits_for_its_calls_and_takes_its_worker_with_it() {
    let mut node = Node::start();
    let worker = node.worker();
    let calls = thread::scope(|scope| {
        let callers = Callers::speak(scope, worker, Duration::from_secs(4));
        let ended = node.terminate();
        assert!(ended.success(), "{ended}");
        callers.ended()
    });
    assert_eq!(node.worker_pids(), [0; 0], "no process is left");
    node.restart();
    node.wait_until_ready();
    judge(&node.mails_when_idle(), &calls, 3.5..=4.5);
}

#[test]
fn a_node_that_is_terminated_twice_ends_at_once_and_keeps_what_was_recorded() {
    let mut node = Node::start();
    let worker = node.worker();
    let calls = thread::scope(|scope| {
        let callers = Callers::speak(scope, worker, Duration::from_secs(60));
        thread::sleep(Duration::from_secs(4));
        node.ask_to_terminate();
        thread::sleep(Duration::from_secs(1));
        assert!(node.has_not_ended(), "it waits for its calls");
        let asked = Instant::now();
        assert!(node.terminate().success());
        assert!(asked.elapsed() < Duration::from_secs(8), "it waits no longer: {:?}", asked.elapsed());
        callers.cut()
    });
    assert_eq!(node.worker_pids(), [0; 0], "no process is left");
    node.restart();
    node.wait_until_ready();
    judge(&node.mails_when_idle(), &calls, 4.0..=6.5);
}
