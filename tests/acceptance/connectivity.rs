//! Test calls of a node: to itself, and through a gateway.

use serde_json::{Value, json};

use crate::gateways::{Running, sipp, write_directory};
use crate::http::Web;
use crate::node::Node;
use crate::ports::Ports;

const KEYS: &str = "ABCD*#0123456789";

/// `ringpost test` with these options: whether it says that all is well, what came of it, what it complains of.
fn test(node: &Node, options: &[&str]) -> (bool, Value, String) {
    let output = node.command(&["test", "--json"]).args(options).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.success(), outcome[0].clone(), complaint)
}

/// A gateway that answers calls and sends back all media, except from 5559999, which is busy.
fn branch(node: &Node, ports: &Ports) -> Running {
    let (sip, media) = (ports.get(0), ports.get(2).to_string());
    let gateway = sipp("answers.xml", sip, &["-mp", &media, "-rtp_echo"]);
    write_directory(&[node], &format!("[[ip_gateway]]\nname = \"Branch\"\naddress = \"127.0.0.1\"\nport = {sip}\n"));
    gateway
}

#[test]
fn a_node_calls_itself_by_the_service_and_by_the_router() {
    let node = Node::start();
    for (options, redirected) in [(&["--timeout", "30"][..], 1), (&["--call-router"], 2)] {
        let (well, outcome, complaint) = test(&node, options);
        assert!(well, "{outcome} {complaint}");
        assert_eq!((&outcome["success"], &outcome["tones_heard"]), (&json!(true), &json!(KEYS)), "{outcome}");
        let hops = outcome["hops"].as_array().unwrap();
        assert_eq!(hops.iter().filter(|hop| **hop == "302 Moved Temporarily").count(), redirected, "{outcome}");
        assert!(outcome["packets_received"].as_u64().unwrap() > 200, "{outcome}");
    }
    assert!(node.mails_when_idle().is_empty(), "nothing of a test is delivered");

    let inactive = ["component", "set", "UMCallRouter", "--state", "Inactive", "--requester", "Maintenance"];
    assert!(node.command(&inactive).output().unwrap().status.success());
    let (well, outcome, complaint) = test(&node, &["--call-router"]);
    assert!(!well && outcome["success"] == false, "{outcome}");
    assert!(complaint.starts_with("ringpost: the test call failed: 503 Service Unavailable: "), "{complaint}");
    assert!(test(&node, &[]).0, "the UM service takes calls as before");
}

#[test]
fn a_number_behind_a_gateway_is_called() {
    let node = Node::start();
    let ports = Ports::claim();
    let _gateway = branch(&node, &ports);
    let (well, outcome, complaint) = test(&node, &["--ip-gateway", "Branch", "--phone", "5551234"]);
    assert!(well, "{outcome} {complaint}");
    assert!(outcome["packets_received"].as_u64().unwrap() > 200, "{outcome}");

    let (well, outcome, complaint) = test(&node, &["--ip-gateway", "branch", "--phone", "5559999"]);
    assert!(!well && outcome["latency_ms"].is_null(), "{outcome}");
    assert_eq!(complaint, "ringpost: the test call failed: 486 Busy Here\n");

    let (well, _, complaint) = test(&node, &["--ip-gateway", "Nowhere", "--phone", "1"]);
    assert_eq!((well, complaint.as_str()), (false, "ringpost: there is no UM IP gateway \"Nowhere\"\n"));
}

#[test]
fn a_sip_address_is_called_through_the_front_end_pool_of_the_server() {
    let node = Node::start();
    let ports = Ports::claim();
    let (sip, media) = (ports.get(0), ports.get(2).to_string());
    let _pool = sipp("answers.xml", sip, &["-mp", &media, "-rtp_echo", "-t", "t1"]);
    let call = ["--phone", "sip:bob@example.test", "--dtmf", "12"];
    let (well, _, complaint) = test(&node, &call);
    assert!(!well && complaint.contains("this server has no sip_access_service"), "{complaint}");

    let set = ["service", "set", "--sip-access-service", &format!("127.0.0.1:{sip}")];
    assert!(node.command(&set).output().unwrap().status.success());
    let (well, outcome, complaint) = test(&node, &call);
    assert!(well, "{outcome} {complaint}");
    assert!(outcome["packets_received"].as_u64().unwrap() > 50, "{outcome}");
}

#[test]
fn a_gateway_that_does_not_answer_fails_the_test_in_time() {
    let node = Node::start();
    let ports = Ports::claim();
    // somebody has the port, and says nothing
    let silent = std::net::UdpSocket::bind(("127.0.0.1", ports.get(0))).unwrap();
    let port = silent.local_addr().unwrap().port();
    write_directory(&[&node], &format!("[[ip_gateway]]\nname = \"Branch\"\naddress = \"127.0.0.1\"\nport = {port}\n"));
    let (well, outcome, complaint) = test(&node, &["--ip-gateway", "Branch", "--phone", "1", "--timeout", "5"]);
    assert!(!well, "{outcome}");
    assert_eq!(complaint, "ringpost: the test call failed: nobody answered within the time for the test\n");
}

#[test]
fn a_test_call_can_be_asked_for_by_http() {
    let node = Node::start();
    let ports = Ports::claim();
    let _gateway = branch(&node, &ports);
    let web = Web::of(&node);
    let tokens = std::fs::read_to_string(node.folder().join("var/admin-token")).unwrap();
    let token = tokens.split_whitespace().last().unwrap();
    let (status, answer) = web.json("POST", "/api/v1/test", token, r#"{"call_router":true}"#);
    assert_eq!((status, &answer[0]["success"]), (200, &json!(true)), "{answer}");
    let (status, answer) = web.json("POST", "/api/v1/test", token, r#"{"ip_gateway":"Branch","phone":"5559999"}"#);
    assert_eq!((status, &answer[0]["reason"]), (200, &json!("486 Busy Here")), "{answer}");
    let (status, answer) = web.json("POST", "/api/v1/test", token, r#"{"dtmf":"12x"}"#);
    assert_eq!(status, 422, "{answer}");
}
