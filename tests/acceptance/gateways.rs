//! UM IP gateways as they are: one that answers OPTIONS, one that follows redirects, one that does not; and a server
//! whose mailboxes are on another.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::node::{Node, pause, temporary_folder};
use crate::peers::{Sipp, require};
use crate::ports::Ports;
use crate::sound;

/// A program of the world around, ended with the test.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM lets it end its own processes
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// sipp as a gateway that answers OPTIONS.
fn answers_options(port: u16) -> Running {
    sipp("options.xml", port, &[])
}

/// sipp as a gateway, by a scenario that lies beside this file.
pub fn sipp(scenario: &str, port: u16, options: &[&str]) -> Running {
    require("sipp", "sip-tester");
    let sipp = Command::new("sipp")
        .arg("-sf")
        .arg(Path::new("tests/acceptance/gateways").join(scenario))
        .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-nostdin", "-timeout", "120s"])
        .args(options)
        .env("TERM", "dumb")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Running(sipp.unwrap())
}

/// Kamailio in front of a call router, on a port of its own.
fn kamailio(router: SocketAddr, port: u16) -> Running {
    require("kamailio", "kamailio");
    let folder = temporary_folder("kamailio");
    let config = fs::read_to_string("tests/acceptance/gateways/kamailio.cfg").unwrap();
    let file = folder.join("kamailio.cfg");
    fs::write(&file, config.replace("ROUTER", &router.to_string())).unwrap();
    let kamailio = Command::new("kamailio")
        .arg("-f")
        .arg(&file)
        .args(["-DD", "-E", "-l", &format!("udp:127.0.0.1:{port}"), "-m", "16", "-M", "4", "-Y"])
        .arg(&folder)
        .arg("-P")
        .arg(folder.join("pid"))
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("log")).unwrap())
        .spawn();
    let running = Running(kamailio.unwrap());
    // bound: nobody else may have the port any more
    wait_for("kamailio listens", || std::net::UdpSocket::bind(("127.0.0.1", port)).is_err());
    running
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(40);
    while !done() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        pause();
    }
}

pub fn write_directory(nodes: &[&Node], text: &str) {
    for node in nodes {
        fs::write(node.folder().join("config/directory/more.toml"), text).unwrap();
        run(node, &["refresh"]);
    }
}

fn run(node: &Node, arguments: &[&str]) -> String {
    let output = node.command(arguments).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {err}");
    out.into_owned()
}

/// State and detail of the gateway Branch.
fn health(node: &Node) -> (String, String) {
    let all: serde_json::Value = serde_json::from_str(&run(node, &["ip-gateway", "health", "--json"])).unwrap();
    let branch = all.as_array().unwrap().iter().find(|gateway| gateway["name"] == "Branch").unwrap();
    (branch["state"].as_str().unwrap().to_owned(), branch["detail"].as_str().unwrap().to_owned())
}

#[test]
fn a_gateway_that_answers_options_is_up_and_one_that_has_gone_is_down() {
    let node = Node::start_with(&[("RINGPOST__GATEWAYS__OPTIONS_INTERVAL", "5s".to_owned())]);
    let ports = Ports::claim();
    let port = ports.get(0);
    let gateway = answers_options(port);
    // found by its name in the hosts file of the machine
    let text = format!("[[ip_gateway]]\nname = \"Branch\"\naddress = \"localhost\"\nport = {port}\n");
    write_directory(&[&node], &text);
    wait_for("it is up", || health(&node).0 == "Up");
    assert_eq!(health(&node).1, format!("answers on UDP 127.0.0.1:{port}"));
    drop(gateway);
    wait_for("it is down", || health(&node).0 == "Down");
    let (_, why) = health(&node);
    assert!(why.contains("no answer within 8 s") && why.contains("cannot be connected to"), "{why}");
    assert!(node.log().contains("gateway_unresponsive"), "{}", node.log());
    let _again = answers_options(port);
    wait_for("it is up again", || health(&node).0 == "Up");
}

#[test]
fn a_proxy_that_follows_redirects_brings_its_calls_to_the_worker() {
    let node = Node::start();
    let ports = Ports::claim();
    let _proxy = kamailio(node.router(), ports.get(0));
    Sipp::new(&node, "leave-message").to(SocketAddr::from(([127, 0, 0, 1], ports.get(0)))).run();
    assert_message(&node);
}

/// The router is one server, the mailbox is on the other, at an address of its own.
fn two_servers() -> (Node, Node) {
    let name = |name: &str| ("RINGPOST__NAME", name.to_owned());
    let router = Node::start_with(&[name("um1.example.test"), ("RINGPOST__ROLES", "call-router".to_owned())]);
    let at = ("RINGPOST__SIP__BIND_ADDRESSES", "127.0.0.2".to_owned());
    let home = Node::start_with(&[name("um2.example.test"), ("RINGPOST__ROLES", "um".to_owned()), at]);
    let service = home.service().port();
    let text = format!(
        "[[service]]\nname = \"um2.example.test\"\naddress = \"127.0.0.2\"\nport = {service}\n\n\
         [[call_router]]\nname = \"um1.example.test\"\naddress = \"127.0.0.1\"\n"
    );
    for node in [&router, &home] {
        let file = node.folder().join("config/directory/mailboxes.toml");
        let mailboxes = fs::read_to_string(&file).unwrap();
        let alice = "alias = \"alice\"\n";
        assert!(mailboxes.contains(alice), "{mailboxes}");
        fs::write(&file, mailboxes.replace(alice, &format!("{alice}server = \"um2.example.test\"\n"))).unwrap();
    }
    write_directory(&[&router, &home], &text);
    (router, home)
}

#[test]
fn a_call_is_redirected_to_the_server_of_its_mailbox() {
    let (router, home) = two_servers();
    let ports = Ports::claim();
    let _proxy = kamailio(router.router(), ports.get(0));
    Sipp::new(&router, "leave-message").to(SocketAddr::from(([127, 0, 0, 1], ports.get(0)))).run();
    assert_message(&home);
    assert!(router.mails().is_empty());
}

#[test]
fn a_call_of_a_gateway_that_follows_no_redirects_is_sent_on_to_the_server_of_its_mailbox() {
    let (router, home) = two_servers();
    for node in [&router, &home] {
        run(node, &["ip-gateway", "set", "Loopback", "--redirect", "false"]);
    }
    for call in [Sipp::new(&router, "leave-message"), Sipp::new(&router, "leave-message").over_tcp()] {
        call.to(router.router()).run();
    }
    let mails = home.mails_when_idle();
    assert_eq!(mails.iter().filter(|mail| mail.alias == "alice" && mail.is_voice_message()).count(), 2);
    assert!(router.mails().is_empty());
}

fn assert_message(node: &Node) {
    let mails = node.mails_when_idle();
    let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
    assert_eq!((mail.alias.as_str(), mail.is_voice_message()), ("alice", true));
    let alike = sound::correlation(&sound::speech(), &mail.audio(), 800);
    assert!(alike > 0.95, "not what was said: {alike}");
}
