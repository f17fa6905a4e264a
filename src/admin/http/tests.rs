//! Requests and what they are answered, with a node played by the test.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::test::{TestRequest, call_service, init_service, read_body};
use serde_json::{Value as Json, json};

use super::*;
use crate::admin::command::{Answer, Changed, Force, Object, Reason, Refusal, Request, Step};
use crate::admin::settings::{Change, Kind};
use crate::admin::status::{Load, NodeStatus};

const MANAGE: &str = "manage-0123456789abcdef";
const READ: &str = "read-0123456789abcdef";

#[test]
fn every_operation_of_the_document_is_served_as_it_says() {
    let node = Node::healthy();
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let place = format!("{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            let path = path.replace("{identity}", "Lab");
            let body = operation.get("requestBody").map(|body| example(&document, body));

            assert_eq!(node.ask(method, &path, None, body.as_ref()).0, 401, "{place}");
            let is_managing = operation["x-role"] == "manage";
            let (status, _) = node.ask(method, &path, Some(READ), body.as_ref());
            assert_eq!(status == 403, is_managing, "{place}: {status}");
            // the SIP of a call says more than who may only read has to know
            assert_eq!(is_managing, method != "get" || place.contains("/trace/"), "{place}");
            assert_eq!(responses.contains_key("403"), is_managing, "{place}");

            let (status, answer) = node.ask(method, &path, Some(MANAGE), body.as_ref());
            assert!((200..300).contains(&status), "{place}: {status} {answer}");
            assert!(responses.contains_key(&status.to_string()), "{place}: {status} is not in the document");
            let schema = &responses[&status.to_string()]["content"]["application/json"]["schema"];
            fits(&document, schema, &answer, &place);
            asked += 1;
        }
    }
    assert!(asked > 40, "{asked}");
}

#[test]
fn the_document_refers_to_what_it_holds_and_names_every_operation_once() {
    let document = document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let all = operations();
    let ids: BTreeSet<&str> =
        text.split("\"operationId\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(ids.len(), all.len());
    // every setting that works can be given
    for kind in Kind::ALL {
        let schema = &document["components"]["schemas"][format!("New{}", kind.exchange())]["properties"];
        for setting in kind.working().filter(|setting| !setting.key.is_empty()) {
            assert!(schema[setting.key].is_object(), "{kind}: {}", setting.key);
        }
    }
    assert_eq!(document["components"]["schemas"]["NewUMIPGateway"]["properties"]["port"]["maximum"], 65535);
}

#[test]
fn settings_are_set_unset_added_and_removed_by_patch() {
    let node = Node::healthy();
    let edits = json!({ "port": 5070, "status": null, "simulator": true });
    let (status, _) = node.ask("patch", "/api/v1/ip-gateway/Loop%20back", Some(MANAGE), Some(&edits));
    assert_eq!(status, 200);
    let Some(Request::Change(changes)) = node.last_command() else { panic!("no change") };
    let [Step::Set { kind: Kind::IpGateway, identity, edits }] = changes.steps.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!(identity, "Loop back");
    let of = |key: &str| edits.iter().find(|edit| edit.key == key).map(|edit| edit.change.clone());
    assert_eq!(of("status"), Some(Change::Unset));
    assert_eq!(edits.len(), 3);
    assert!(!changes.what_if);

    let edits = json!({ "extensions": { "add": ["1009"], "remove": ["1001"] } });
    node.ask("patch", "/api/v1/mailbox/alice?what_if=true", Some(MANAGE), Some(&edits));
    let Some(Request::Change(changes)) = node.last_command() else { panic!("no change") };
    let [Step::Set { edits, .. }] = changes.steps.as_slice() else { panic!("{changes:?}") };
    assert_eq!(edits[0].change, Change::Add(vec!["1009".into()]));
    assert_eq!(edits[1].change, Change::Remove(vec!["1001".into()]));
    assert!(changes.what_if);
}

#[test]
fn a_hunt_group_is_named_with_its_gateway_also_in_a_path() {
    let node = Node::healthy();
    node.ask("delete", "/api/v1/hunt-group/Loopback%5CLab%20Pilot", Some(MANAGE), None);
    let Some(Request::Change(changes)) = node.last_command() else { panic!("no change") };
    assert_eq!(changes.steps, [Step::Remove { kind: Kind::HuntGroup, identity: "Loopback\\Lab Pilot".to_owned() }]);
}

#[test]
fn what_cannot_be_asked_is_refused_with_a_sentence_and_reaches_nobody() {
    let node = Node::healthy();
    let cases = [
        ("get", "/api/v1/nothing", None, 404),
        ("delete", "/api/v1/status", None, 405),
        ("get", "/api/v1/status?x=1", None, 422),
        ("post", "/api/v1/ip-gateway", Some(json!({ "address": "192.0.2.1" })), 422),
        ("post", "/api/v1/active-calls/drop", Some(json!({})), 422),
        ("post", "/api/v1/active-calls/trace", Some(json!({})), 422),
        ("post", "/api/v1/active-calls/trace", Some(json!({ "call_identity": "a", "next": 1 })), 422),
        ("get", "/api/v1/active-calls/trace/a?format=csv", None, 422),
        ("put", "/api/v1/components/UMCallRouter", Some(json!({ "requester": "Maintenance" })), 422),
        ("put", "/api/v1/components/UMCallRouter", Some(json!({ "state": 1 })), 422),
        ("get", "/api/v1/call-data-records?day=yesterday", None, 422),
        ("patch", "/api/v1/mailbox/alice", Some(json!({ "extensions": { "plus": ["1"] } })), 422),
    ];
    for (method, path, body, expected) in cases {
        let (status, answer) = node.ask(method, path, Some(MANAGE), body.as_ref());
        assert_eq!(status, expected, "{method} {path}: {answer}");
        let said = answer["message"].as_str().is_some_and(|message| !message.is_empty());
        assert!(said, "{method} {path}: {answer}");
        assert!(node.last_command().is_none(), "{method} {path}");
    }
    let (status, answer) = node.ask_raw("patch", "/api/v1/mailbox/alice", Some(MANAGE), "[1]".into());
    assert_eq!((status, answer.contains("JSON object")), (400, true), "{answer}");
    let (status, _) = node.ask_raw("patch", "/api/v1/mailbox/alice", Some(MANAGE), vec![b' '; 70_000]);
    assert_eq!(status, 413);
    assert!(node.last_command().is_none());
}

#[test]
fn a_refusal_has_the_status_of_its_reason() {
    for (reason, expected) in [
        (Reason::NotFound, 404),
        (Reason::Exists, 409),
        (Reason::InUse, 409),
        (Reason::Invalid, 422),
        (Reason::NotBuilt, 501),
        (Reason::NeedsNode, 503),
        (Reason::Conflict, 409),
        (Reason::Failed, 500),
    ] {
        let node = Node::with(true, move |_| Answer::Refused(Refusal::of_setting(reason, "port", "is out of range")));
        let (status, answer) = node.ask("get", "/api/v1/mailbox/alice", Some(READ), None);
        assert_eq!(status, expected, "{reason:?}");
        assert_eq!(answer["problems"][0]["key"], "port");
        assert_eq!(answer["message"], "port: is out of range");
    }
}

#[test]
fn health_and_metrics_need_no_token_and_ready_flips_with_a_problem() {
    let node = Node::healthy();
    assert_eq!(node.ask("get", "/health/live", None, None), (200, json!({ "status": "live" })));
    assert_eq!(node.ask("get", "/health/ready", None, None), (200, json!({ "status": "ready" })));
    assert_eq!(node.ask_raw("head", "/health/ready", None, Vec::new()).0, 200);
    let (code, text) = node.ask_raw("get", "/metrics", None, Vec::new());
    assert_eq!(code, 200);
    assert!(text.contains("ringpost_build_info{") && text.ends_with("# EOF\n"), "{text}");

    let node = Node::with(false, |_| Answer::Status(Box::new(status(&["no calls are taken"]))));
    assert_eq!(node.ask("get", "/health/live", None, None).0, 503);
    let (code, answer) = node.ask("get", "/health/ready", None, None);
    assert_eq!((code, &answer["problems"]), (503, &json!(["no calls are taken"])));

    // out of service is nothing that is wrong, and takes no calls all the same
    let paused = NodeStatus { out_of_service: vec!["UMCallRouter is Inactive".to_owned()], ..status(&[]) };
    let node = Node::with(true, move |_| Answer::Status(Box::new(paused.clone())));
    assert_eq!(node.ask("get", "/health/live", None, None).0, 200);
    let (code, answer) = node.ask("get", "/health/ready", None, None);
    assert_eq!((code, &answer["out_of_service"]), (503, &json!(["UMCallRouter is Inactive"])));
    assert_eq!(answer["problems"], json!([]));

    let gone = Node::gone();
    assert_eq!(gone.ask("get", "/health/live", None, None).0, 503);
    assert_eq!(gone.ask("get", "/health/ready", None, None).0, 503);
    assert_eq!(gone.ask("get", "/metrics", None, None).0, 200);
    assert_eq!(gone.ask("get", "/api/v1/status", Some(READ), None).0, 503);
}

#[test]
fn rows_come_as_csv_where_the_document_says_so() {
    let row = json!({ "CallIdentity": "1@pbx", "Jitter": 2.5 });
    let Json::Object(row) = row else { panic!("an object") };
    let node = Node::with(true, move |_| Answer::Rows(vec![row.clone()]));
    let (status, text) = node.ask_raw("get", "/api/v1/call-data-records?format=csv", Some(READ), Vec::new());
    assert_eq!((status, text.as_str()), (200, "CallIdentity,Jitter\r\n1@pbx,2.5\r\n"));
    assert_eq!(node.ask("get", "/api/v1/call-data-records?format=xml", Some(READ), None).0, 422);
}

#[test]
fn a_token_file_others_may_read_lets_nobody_in() {
    let node = Node::healthy();
    assert_eq!(node.ask("get", "/api/v1/status", Some(READ), None).0, 200);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(node.folder.join("admin-token"), open).unwrap();
    assert_eq!(node.ask("get", "/api/v1/status", Some(READ), None).0, 503);
    assert_eq!(node.ask("get", "/health/ready", None, None).0, 200);
}

#[test]
fn no_answer_allows_another_origin() {
    let node = Node::healthy();
    let headers = node.headers("options", "/api/v1/status");
    assert!(headers.iter().all(|name| !name.starts_with("access-control-")), "{headers:?}");
}

/// A node of which only the desk is real.
struct Node {
    office: web::Data<Office>,
    folder: PathBuf,
    asked: Arc<Mutex<Option<Request>>>,
}

impl Node {
    fn healthy() -> Node {
        Node::with(true, answer)
    }

    fn with(pulse: bool, answer: impl Fn(&Request) -> Answer + Send + 'static) -> Node {
        let (node, clerk) = Node::parts();
        let asked = node.asked.clone();
        clerk.play(pulse, move |request| {
            let answer = answer(&request);
            *asked.lock().unwrap() = Some(request);
            answer
        });
        node
    }

    fn gone() -> Node {
        Node::parts().0
    }

    fn parts() -> (Node, Clerk) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("ringpost-http-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let tokens = folder.join("admin-token");
        let mut file =
            fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&tokens).unwrap();
        write!(file, "manage ops {MANAGE}\nread grafana {READ}\n").unwrap();
        let (desk, clerk) = desk();
        let office = web::Data::new(Office { desk, tokens, metrics: Arc::new(Metrics::new()) });
        (Node { office, folder, asked: Arc::default() }, clerk)
    }

    fn last_command(&self) -> Option<Request> {
        self.asked.lock().unwrap().take()
    }

    fn ask(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Json>) -> (u16, Json) {
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let (status, text) = self.ask_raw(method, path, token, body);
        (status, serde_json::from_str(&text).unwrap_or(Json::Null))
    }

    fn ask_raw(&self, method: &str, path: &str, token: Option<&str>, body: Vec<u8>) -> (u16, String) {
        actix_rt::System::new().block_on(async {
            let app = init_service(App::new().configure(|app| routes(app, &self.office))).await;
            let response = call_service(&app, request(method, path, token, body).to_request()).await;
            let status = response.status().as_u16();
            (status, String::from_utf8(read_body(response).await.to_vec()).unwrap())
        })
    }

    fn headers(&self, method: &str, path: &str) -> Vec<String> {
        actix_rt::System::new().block_on(async {
            let app = init_service(App::new().configure(|app| routes(app, &self.office))).await;
            let request = request(method, path, None, Vec::new()).insert_header(("Origin", "https://example.test"));
            let response = call_service(&app, request.to_request()).await;
            response.headers().keys().map(|name| name.as_str().to_owned()).collect()
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn request(method: &str, path: &str, token: Option<&str>, body: Vec<u8>) -> TestRequest {
    let method = method.to_uppercase().parse().unwrap();
    let request = TestRequest::with_uri(path).method(method).set_payload(body);
    match token {
        Some(token) => request.insert_header(("Authorization", format!("Bearer {token}"))),
        None => request,
    }
}

/// What a node would say, in shape.
fn answer(request: &Request) -> Answer {
    match request {
        Request::Status => Answer::Status(Box::new(status(&[]))),
        Request::Get { kind, identity } => Answer::Objects(vec![Object {
            kind: *kind,
            identity: identity.clone().unwrap_or_default(),
            file: String::new(),
            values: Default::default(),
            defaults: Vec::new(),
        }]),
        Request::Change(_) => {
            Answer::Changed(Changed { done: Vec::new(), files: Vec::new(), what_if: false, force: Force::Unchanged })
        }
        Request::Refresh | Request::RecycleWorker | Request::SetComponent { .. } | Request::Trace(_) => {
            Answer::Done("done".to_owned())
        }
        Request::DropCalls(_) => Answer::Done("done".to_owned()),
        Request::Traced { .. } => Answer::Trace(Vec::new()),
        _ => Answer::Rows(Vec::new()),
    }
}

fn status(problems: &[&str]) -> NodeStatus {
    NodeStatus {
        version: "0".to_owned(),
        uptime_s: 1,
        listeners: Vec::new(),
        load: Load::default(),
        workers: Vec::new(),
        waiting: 0,
        out_of_service: Vec::new(),
        problems: problems.iter().map(ToString::to_string).collect(),
    }
}

/// A body with what is needed.
fn example(document: &Json, body: &Json) -> Json {
    let schema = resolved(document, &body["content"]["application/json"]["schema"]);
    let mut example = serde_json::Map::new();
    let properties = schema["properties"].as_object().unwrap();
    for key in schema["required"].as_array().unwrap() {
        let key = key.as_str().unwrap();
        let value = match properties[key]["type"].as_str().unwrap() {
            "boolean" => json!(true),
            "integer" => properties[key]["minimum"].clone(),
            "array" => json!(["x"]),
            _ => json!("x"),
        };
        example.insert(key.to_owned(), value);
    }
    // which calls must be said one way or another
    if properties.contains_key("all") {
        example.insert("all".to_owned(), json!(true));
    }
    if properties.contains_key("next") {
        example.insert("next".to_owned(), json!(1));
    }
    Json::Object(example)
}

/// Type and needed keys of an answer are as its schema says.
fn fits(document: &Json, schema: &Json, answer: &Json, place: &str) {
    let schema = resolved(document, schema);
    match schema["type"].as_str() {
        Some("array") => {
            for item in answer.as_array().unwrap_or_else(|| panic!("{place}: no array: {answer}")) {
                fits(document, &schema["items"], item, place);
            }
        }
        _ => {
            assert!(answer.is_object(), "{place}: {answer}");
            for key in schema["required"].as_array().into_iter().flatten() {
                assert!(answer.get(key.as_str().unwrap()).is_some(), "{place}: {key} is missing in {answer}");
            }
        }
    }
}

fn resolved<'d>(document: &'d Json, schema: &'d Json) -> &'d Json {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => schema,
    }
}
