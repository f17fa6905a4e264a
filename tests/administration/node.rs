//! Commands while a node runs: it carries them out, and what they change is in force at once.

use std::net::UdpSocket;
use std::process::{Child, Stdio};

use crate::Site;

/// A node on ports that were free a moment ago; stopped when the value is dropped.
struct Node(Child);

impl Node {
    fn start(site: &Site) -> Node {
        let settings = "name = \"um1.example.test\"\n[sip]\nbind_addresses = [\"127.0.0.1\"]\ncall_router_port = 0\n\
                        um_service_port = 0\num_worker_port = 0\num_worker_replacement_port = 0\n\
                        [admin]\naddress = \"127.0.0.1:0\"\n";
        std::fs::write(site.path("config/ringpost.toml"), settings).unwrap();
        let log = std::fs::File::create(site.path("node.log")).unwrap();
        let node = site.command().arg("serve").stderr(log).stdout(Stdio::null()).spawn().unwrap();
        site.ringpost(&["status", "--wait", "20"]).done();
        Node(node)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_change_is_in_force_without_a_restart() {
    let site = Site::with_the_sample();
    let _node = Node::start(&site);
    let listeners = site.ringpost(&["status"]).done();
    let port: u16 = listeners
        .lines()
        .find_map(|line| line.trim().strip_prefix("listens on udp 127.0.0.1:")?.parse().ok())
        .expect("the node listens on UDP");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    let final_answer = |number: u32| {
        let local = socket.local_addr().unwrap();
        let invite = format!(
            "INVITE sip:5000@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:2000@{local}>;tag={number}\r\nTo: <sip:5000@127.0.0.1>\r\nCall-ID: {number}@{local}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:2000@{local}>\r\nDiversion: <sip:1001@{local}>;reason=no-answer\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(invite.as_bytes(), ("127.0.0.1", port)).unwrap();
        loop {
            let mut answer = [0; 4096];
            let length = socket.recv(&mut answer).expect("the node answers");
            let text = String::from_utf8_lossy(&answer[..length]).into_owned();
            let is_ours = text.contains(&format!("Call-ID: {number}@"));
            let status = text.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
            if let Some(status) = status.filter(|status| is_ours && *status >= 200) {
                return status;
            }
        }
    };
    let said = site.ringpost(&["Set-UMIPGateway", "Loopback", "-Status", "Disabled"]).done();
    assert!(said.contains("in force"), "{said}");
    // the workers hear of it by the link
    let refused = (1..50).find(|number| final_answer(*number) == 403);
    assert!(refused.is_some(), "calls of a disabled gateway are refused");
    site.ringpost(&["ip-gateway", "enable", "Loopback"]).done();
    let taken = (50..100).find(|number| final_answer(*number) != 403);
    assert!(taken.is_some(), "and those of an enabled one are not");
}

#[test]
fn a_refresh_takes_what_was_written_by_hand_or_says_what_is_wrong_with_it() {
    let site = Site::with_the_sample();
    let _node = Node::start(&site);
    let said = site.ringpost(&["refresh"]).done();
    assert!(said.contains("in force"), "{said}");
    let file = site.path("config/directory/gateways.toml");
    let before = site.file("gateways.toml");
    std::fs::write(&file, format!("{before}\n[[ip_gateway]]\nname = \"Half\"\n")).unwrap();
    let said = site.ringpost(&["refresh"]).refused();
    assert!(said.contains("gateways.toml:") && said.contains("address: is missing"), "{said}");
    assert_eq!(site.ringpost(&["status"]).status, 1);
    // a command does not make it worse, and says why it does nothing
    let said = site.ringpost(&["ip-gateway", "disable", "Loopback"]).refused();
    assert!(said.contains("the directory has faults already"), "{said}");
    std::fs::write(&file, before).unwrap();
    site.ringpost(&["refresh"]).done();
    site.ringpost(&["status"]).done();
}

#[test]
fn workers_are_shown_and_recycled() {
    let site = Site::with_the_sample();
    let _node = Node::start(&site);
    let workers = || site.ringpost(&["worker", "get", "--json"]).json().as_array().unwrap().clone();
    let before = workers();
    assert_eq!((before.len(), &before[0]["state"]), (1, &"Current".into()));
    site.ringpost(&["worker", "recycle"]).done();
    let other = |worker: &serde_json::Value| worker["state"] == "Current" && worker["pid"] != before[0]["pid"];
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !workers().iter().any(other) {
        assert!(std::time::Instant::now() < deadline, "{:?}", workers());
    }
    site.ringpost(&["status"]).done();
}
