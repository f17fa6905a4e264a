//! The administration by HTTP of a node as built: curl's view of it, with a client of our own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::node::{Node, pause};
use crate::peers::Sipp;

#[test]
fn figures_health_and_objects_are_served_to_whom_they_may_be() {
    let node = Node::start();
    let web = Web::of(&node);
    assert_eq!(web.get("/health/live"), (200, json!({ "status": "live" })));
    assert_eq!(web.get("/health/ready"), (200, json!({ "status": "ready" })));
    let (_, metrics) = web.ask("GET", "/metrics", None, "");
    assert!(figure(&metrics, "process_resident_memory_bytes").unwrap() > 1e6, "{metrics}");
    assert_eq!(figure(&metrics, "ringpost_workers{state=\"current\"}"), Some(1.0), "{metrics}");

    // the token file is the node's own: made once, for its owner
    let file = node.folder().join("var/admin-token");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    let token = text.split_whitespace().last().unwrap().to_owned();
    assert_eq!(web.ask("GET", "/api/v1/status", None, "").0, 401);
    assert_eq!(web.ask("GET", "/api/v1/status", Some(&token[1..]), "").0, 401);
    let (status, answer) = web.json("GET", "/api/v1/status", &token, "");
    assert_eq!((status, &answer["problems"]), (200, &json!([])), "{answer}");

    // one who may read, may not change; the line is in force as soon as it is written
    let reading = "reading-0123456789abcdef";
    fs::write(&file, format!("{text}read grafana {reading}\n")).unwrap();
    assert_eq!(web.json("GET", "/api/v1/ip-gateway/Loopback", reading, "").0, 200);
    let closed = r#"{"status":"Disabled"}"#;
    assert_eq!(web.json("PATCH", "/api/v1/ip-gateway/Loopback", reading, closed).0, 403);

    let (status, answer) = web.json("PATCH", "/api/v1/ip-gateway/Loopback", &token, closed);
    assert_eq!(status, 200, "{answer}");
    let (_, answer) = web.json("GET", "/api/v1/ip-gateway/Loopback", &token, "");
    assert_eq!(answer["values"]["status"], "Disabled", "{answer}");
    let (status, answer) = web.json("PATCH", "/api/v1/ip-gateway/Loopback", &token, r#"{"port":70000}"#);
    assert_eq!(status, 422, "{answer}");
    assert!(answer.to_string().contains("70000"), "{answer}");
    assert_eq!(web.json("DELETE", "/api/v1/dial-plan/Nowhere", &token, "").0, 404);

    let (status, document) = web.get("/api/v1/openapi.json");
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
}

#[test]
fn a_message_that_was_left_is_in_the_figures() {
    let node = Node::start();
    Sipp::new(&node, "leave-message").run();
    assert_eq!(node.mails_when_idle().len(), 1);
    let (_, metrics) = Web::of(&node).ask("GET", "/metrics", None, "");
    assert_eq!(figure(&metrics, "ringpost_delivery_attempts_total{result=\"delivered\"}"), Some(1.0), "{metrics}");
    assert_eq!(figure(&metrics, "ringpost_delivery_latency_seconds_count"), Some(1.0), "{metrics}");
    assert_eq!(figure(&metrics, "ringpost_spool_messages{state=\"waiting\"}"), Some(0.0), "{metrics}");
    assert_eq!(figure(&metrics, "ringpost_current_calls"), Some(0.0), "{metrics}");
}

#[test]
fn calls_that_are_redirected_are_counted_by_part_and_transport() {
    let node = Node::start();
    Sipp::new(&node, "redirect-by-router").to(node.router()).run();
    Sipp::new(&node, "redirect-by-service").to(node.service()).over_tcp().run();
    let (_, metrics) = Web::of(&node).ask("GET", "/metrics", None, "");
    for (by, transport) in [("call_router", "udp"), ("um_service", "tcp")] {
        let name =
            format!("ringpost_router_answers_total{{by=\"{by}\",transport=\"{transport}\",answer=\"redirected\"}}");
        assert_eq!(figure(&metrics, &name), Some(1.0), "{metrics}");
    }
}

#[test]
fn ready_flips_when_the_directory_is_not_valid_and_back() {
    let node = Node::start();
    let web = Web::of(&node);
    let file = node.folder().join("config/directory/mailboxes.toml");
    let sound = fs::read_to_string(&file).unwrap();
    fs::write(&file, sound.replace("\"1001\"", "\"101\"")).unwrap();
    refresh(&node);
    let answer = web.wait_for("/health/ready", 503);
    assert!(answer["problems"][0].as_str().unwrap().contains("101 has 3 digits"), "{answer}");
    assert_eq!(web.get("/health/live").0, 200, "a fault of the files is none of the node");
    let (_, metrics) = web.ask("GET", "/metrics", None, "");
    assert!(figure(&metrics, "ringpost_configuration_faults").unwrap() > 0.0, "{metrics}");
    assert_eq!(figure(&metrics, "ringpost_refreshes_total{reason=\"invalid\"}"), Some(1.0), "{metrics}");
    fs::write(&file, sound).unwrap();
    refresh(&node);
    web.wait_for("/health/ready", 200);
}

#[test]
fn requests_in_great_number_do_not_hold_up_a_call() {
    let node = Node::start();
    let web = Web::of(&node);
    let flood: Vec<_> = (0..8)
        .map(|_| {
            let web = web.clone();
            std::thread::spawn(move || (0..100).filter(|_| web.get("/health/ready").0 == 200).count())
        })
        .collect();
    Sipp::new(&node, "leave-message").run();
    let served: usize = flood.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(served, 800);
    assert_eq!(node.mails_when_idle().len(), 1);
}

fn refresh(node: &Node) {
    let sent = Command::new("kill").args(["-HUP", &node.pid().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// The number behind a name with its labels.
fn figure(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// A node's HTTP.
#[derive(Clone)]
pub struct Web(String);

impl Web {
    pub fn of(node: &Node) -> Web {
        let output = node.command(&["status", "--json"]).output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let listeners = status["node"]["listeners"].as_array().unwrap().clone();
        let http = listeners.iter().find_map(|listener| listener.as_str()?.strip_prefix("http "));
        Web(http.unwrap_or_else(|| panic!("no HTTP: {status}")).to_owned())
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.ask("GET", path, None, "");
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    pub fn json(&self, method: &str, path: &str, token: &str, body: &str) -> (u16, Value) {
        let (status, body) = self.ask(method, path, Some(token), body);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.0).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let length = body.len();
        let host = &self.0;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{token}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        (status, body.to_owned())
    }

    fn wait_for(&self, path: &str, expected: u16) -> Value {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let (status, answer) = self.get(path);
            if status == expected {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path} is still {status}: {answer}");
            pause();
        }
    }
}
