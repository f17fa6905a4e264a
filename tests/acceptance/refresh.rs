//! The directory is read again while the node runs: what is wrong is shown, and what was in force stays.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::node::{Node, pause};
use crate::peers::Sipp;
use crate::ports::Ports;

/// What `ringpost status` says, and whether it is content.
fn status(node: &Node) -> (bool, String) {
    let output = node.command(&["status"]).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn refresh(node: &Node) {
    let sent = Command::new("kill").args(["-HUP", &node.pid().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn wait_for(node: &Node, content: bool) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let (is_content, said) = status(node);
        if is_content == content {
            return said;
        }
        assert!(Instant::now() < deadline, "status is still {is_content}: {said}\n{}", node.log());
        pause();
    }
}

#[test]
fn a_broken_directory_is_shown_by_status_until_it_is_mended() {
    let node = Node::start();
    let file = node.folder().join("config/directory/mailboxes.toml");
    let sound = fs::read_to_string(&file).unwrap();
    fs::write(&file, sound.replace("\"1001\"", "\"101\"")).unwrap();
    refresh(&node);
    let said = wait_for(&node, false);
    assert!(said.contains("extensions: 101 has 3 digits"), "{said}");
    fs::write(&file, sound).unwrap();
    refresh(&node);
    wait_for(&node, true);
}

#[test]
fn a_call_router_moves_to_another_port_while_the_node_runs() {
    let node = Node::start();
    let ports = Ports::claim();
    let port = ports.get(0);
    let set = |port: String| {
        let output = node.command(&["call-router", "set", "--sip-tcp-listening-port", &port]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    set(port.to_string());
    for call in [Sipp::new(&node, "redirect-by-router"), Sipp::new(&node, "redirect-by-router").over_tcp()] {
        call.to(SocketAddr::from(([127, 0, 0, 1], port))).run();
    }
    // the old one is there for what is under way
    Sipp::new(&node, "redirect-by-router").to(node.router()).run();
    set(node.router().port().to_string());
    Sipp::new(&node, "redirect-by-router").to(node.router()).run();
    assert!(status(&node).0, "{}", node.log());
}
