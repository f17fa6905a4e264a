use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::answer::answer_any;
use super::*;
use crate::directory::{Directory, SourceFile};
use crate::protocol::sip::{Flow, HeaderName, Message, NameAddr, Transport};

mod chain;

const MORE: &str = "[[ip_gateway]]\nname = \"V6\"\naddress = \"2001:db8::9\"\nport = 0\n\n\
    [[hunt_group]]\nname = \"V6 Pilot\"\nip_gateway = \"V6\"\ndial_plan = \"Lab\"\n\n\
    [[ip_gateway]]\nname = \"Wire\"\naddress = \"192.0.2.9\"\nport = 0\n\n\
    [[hunt_group]]\nname = \"Wire Pilot\"\nip_gateway = \"Wire\"\ndial_plan = \"Lab\"\n";

/// The sample organisation, and more.
fn sources(more: &str) -> Vec<SourceFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/directory");
    let read = |name: &str| SourceFile::new(name, fs::read_to_string(folder.join(name)).unwrap());
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut sources: Vec<SourceFile> = files.filter(|name| name.ends_with(".toml")).map(|name| read(&name)).collect();
    sources.push(SourceFile::new("more.toml", more));
    sources
}

fn view() -> View {
    View {
        directory: Arc::new(Directory::load(&sources(MORE)).expect("valid")),
        node: "um.example.test".to_owned(),
        server: "Ringpost/test".to_owned(),
        advertised: None,
        router_refuses: None,
        home: Some(Home {
            service_port: 5062,
            worker_port: Some(5065),
            draining_ports: Vec::new(),
            refuses: None,
            full: None,
        }),
        servers: Vec::new(),
        tests: Vec::new(),
        seed: 7,
    }
}

fn flow(transport: Transport, remote: &str) -> Flow {
    let remote: SocketAddr = remote.parse().unwrap();
    let local = if remote.is_ipv4() { "192.0.2.1:5060" } else { "[2001:db8::1]:5060" };
    Flow { transport, local: local.parse().unwrap(), remote, connection: None }
}

/// What both say; whether the fast one said anything.
fn both(view: &View, bytes: &[u8], flow: Flow) -> bool {
    let mut sure = false;
    for role in [Role::Router, Role::Service] {
        let (mut fast, mut any) = (Vec::new(), Vec::new());
        let by_any = answer_any(view, role, bytes, flow, &mut any);
        if let Some(by_fast) = fast::answer(view, role, bytes, flow, &mut fast) {
            let text = String::from_utf8_lossy;
            assert_eq!(text(&fast), text(&any), "to {}", text(bytes));
            assert_eq!(by_fast, by_any, "to {}", text(bytes));
            sure = true;
        }
    }
    sure
}

#[test]
fn messages_of_real_products_are_answered_alike() {
    let view = view();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let mut looked_at = 0;
    for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|kind| kind == "md" || kind == "rs") {
            continue;
        }
        let bytes = fs::read(&file).unwrap();
        // pilots differ: the request URI is put right, the rest stays as the product wrote it
        let text = String::from_utf8_lossy(&bytes);
        let (start, rest) = text.split_once("\r\n").unwrap_or((&text, ""));
        let retargeted = format!("INVITE sip:1001@192.0.2.1 SIP/2.0\r\n{rest}");
        for remote in ["192.0.2.9:5060", "192.0.2.9:41000", "198.51.100.1:5060", "[2001:db8::9]:5060"] {
            for transport in [Transport::Udp, Transport::Tcp] {
                both(&view, &bytes, flow(transport, remote));
                if start.starts_with("INVITE") {
                    both(&view, retargeted.as_bytes(), flow(transport, remote));
                }
            }
        }
        looked_at += 1;
    }
    assert!(looked_at > 80, "the messages have moved");
}

const PLAIN: &str = "INVITE sip:5000@192.0.2.1 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-1\r\n\
    From: \"Ada\" <sip:+14255550100@192.0.2.9>;tag=1\r\nTo: <sip:5000@192.0.2.1>\r\nCall-ID: a@192.0.2.9\r\n\
    CSeq: 1 INVITE\r\nContact: <sip:gateway@192.0.2.9:5060>\r\nMax-Forwards: 70\r\n\
    Diversion: <sip:1001@192.0.2.9>;reason=no-answer\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n";

#[test]
fn the_usual_invite_takes_the_fast_way() {
    let view = view();
    for (from, to) in [
        ("", ""),
        ("branch=z9hG4bK-1", "rport;branch=z9hG4bK-1"),
        ("192.0.2.9:5060;branch", "pbx.example.test;branch"),
        ("Diversion: <sip:1001@192.0.2.9>;reason=no-answer\r\n", ""),
        ("sip:5000@192.0.2.1 SIP", "sip:1002@192.0.2.1;user=phone SIP"),
        ("Max-Forwards: 70\r\n", "User-Agent: x\r\nAllow: INVITE\r\nSupported: timer\r\nVia: SIP/2.0/UDP b.test\r\n"),
        ("From:", "f:"),
    ] {
        let message = PLAIN.replacen(from, to, 1);
        assert!(both(&view, message.as_bytes(), flow(Transport::Udp, "192.0.2.9:5060")), "{message}");
        assert!(both(&view, message.replace("UDP", "TCP").as_bytes(), flow(Transport::Tcp, "192.0.2.9:3333")));
    }
    let mut out = Vec::new();
    let said = answer(&view, Role::Router, PLAIN.as_bytes(), flow(Transport::Udp, "192.0.2.9:5060"), &mut out);
    assert_eq!(said, Answer::Respond("192.0.2.9:5060".parse().unwrap()));
    let Ok(Message::Response(response)) = Message::parse(&out) else { panic!("no response") };
    assert_eq!((response.status.code(), response.reason.as_str()), (302, "Moved Temporarily"));
}

/// Header lines that a gateway may send, with odd ones among them.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let line = prop_oneof![
        3 => Just("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-1".to_owned()),
        1 => "(Via|v): SIP/2.0/(UDP|TCP) (192\\.0\\.2\\.9|pbx\\.test|\\[::1\\])(:50[0-9]{2})?(;rport|;received=1\\.2\\.3\\.4|;maddr=192\\.0\\.2\\.7|;RPORT=5|;x=\"a;b\"| ; y)?;branch=[a-z]{0,3}(, SIP/2\\.0/UDP z)?",
        3 => Just("From: <sip:1002@192.0.2.9>;tag=1".to_owned()),
        1 => "(From|f|To|t|Contact|m) ?: ?(\"[a-z,\"<]{0,3}\" ?)?<?(sip|tel|SIP|x):[0-9]{0,4}(@[a-z.]{1,5})?>?(;tag=[0-9]?)?",
        3 => Just("To: <sip:5000@192.0.2.1>".to_owned()),
        3 => Just("Call-ID: a@192.0.2.9".to_owned()),
        3 => Just("CSeq: 1 INVITE".to_owned()),
        1 => "CSeq:( |\t)[0-9+]{1,11} (INVITE|BYE|invite)",
        3 => Just("Contact: <sip:g@192.0.2.9>".to_owned()),
        1 => "(Max-Forwards: [0-9+-]{1,3}|Content-Length: ?[0-9+]{1,2}|l:[0-9]|c: (application/sdp|text/plain|multipart/mixed;boundary=b))",
        2 => "Diversion: (\"x\" )?<sip:(1001|1002|1999|5000|\\+14255551001)@192\\.0\\.2\\.9>(;reason=(no-answer|user-busy|x))?(,<sip:1003@y>)?",
        1 => "History-Info: <sip:(1001|5000)@x\\?Reason=SIP%3Bcause%3D486>;index=1",
        1 => "(Require|e|Content-Disposition|Supported|X-Odd|X Odd|NoColon): ?(100rel|replaces|gzip|render;handling=optional)",
        1 => "[ \t][a-z;=]{0,5}",
        1 => "\\PC{0,12}",
    ];
    prop::collection::vec(line, 4..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn whatever_a_gateway_sends_is_answered_alike(
        user in "(5000|1001|1002|\\+14255551001|alice|)",
        host in "(192\\.0\\.2\\.1|um\\.example\\.test|\\[2001:db8::1\\])",
        params in "(;user=phone|;target=1002;cause=486|;called=sip%3A1001%40x|;transport=tcp| )?",
        lines in lines(),
        body in "(v=0\r\n|)",
        end in "(\r\n|\n)",
        v6 in any::<bool>(),
    ) {
        let at = if user.is_empty() { "" } else { "@" };
        let message = format!("INVITE sip:{user}{at}{host}{params} SIP/2.0\r\n{}{end}\r\n{body}", lines.join("\r\n"));
        let remote = if v6 { "[2001:db8::9]:5060" } else { "192.0.2.9:5061" };
        both(&view(), message.as_bytes(), flow(Transport::Udp, remote));
    }

    /// A plain INVITE with octets changed: mostly still one, so that the fast way is often sure.
    #[test]
    fn damaged_invites_are_answered_alike(
        damage in prop::collection::vec((0usize..600, any::<u8>()), 0..4),
        cut in prop::option::weighted(0.1, 0usize..600),
    ) {
        let mut bytes = PLAIN.as_bytes().to_vec();
        for (at, byte) in damage {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(cut.unwrap_or(bytes.len()));
        both(&view(), &bytes, flow(Transport::Udp, "192.0.2.9:5060"));
    }

    #[test]
    fn any_octets_are_answered_without_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..300), prefix in "(INVITE |ACK |)") {
        let bytes = [prefix.as_bytes(), &bytes].concat();
        both(&view(), &bytes, flow(Transport::Udp, "192.0.2.9:5060"));
        answer(&view(), Role::Router, &bytes, flow(Transport::Tcp, "192.0.2.9:5060"), &mut Vec::new());
    }
}

#[test]
fn a_call_of_this_server_to_itself_stays_here_and_needs_no_gateway() {
    let mut view = view();
    view.advertised = Some("203.0.113.1".parse().unwrap());
    let message = PLAIN.replace("sip:5000@192.0.2.1 SIP", "sip:ringpost-test-7@127.0.0.1 SIP");
    let said = |view: &View, role| {
        let mut out = Vec::new();
        answer(view, role, message.as_bytes(), flow(Transport::Udp, "127.0.0.1:5065"), &mut out);
        let Ok(Message::Response(response)) = Message::parse(&out) else { panic!("no response") };
        let contact = response.headers.get(&HeaderName::Contact).map(|contact| NameAddr::parse(contact).uri);
        (response.status.code(), contact.and_then(|uri| Some(SocketAddr::new(uri.address()?, uri.port()?))))
    };
    assert_eq!(said(&view, Role::Router).0, 404, "nobody the directory knows");
    view.tests = vec![OwnCall { user: "ringpost-test-7".to_owned(), at: "127.0.0.1".parse().unwrap() }];
    let here = |port| Some(SocketAddr::from(([127, 0, 0, 1], port)));
    assert_eq!(said(&view, Role::Router), (302, here(5062)));
    assert_eq!(said(&view, Role::Service), (302, here(5065)));
    view.home.as_mut().unwrap().full = Some("MaxCallsAllowed".to_owned());
    assert_eq!(said(&view, Role::Router).0, 503);
}

#[test]
fn calls_of_a_trusted_peer_are_taken_by_servers_that_are_associated_with_its_plan() {
    let peer = "[[dial_plan]]\nname = \"Pool\"\nuri_type = \"SipName\"\nnumber_of_digits_in_extension = 4\n\
        trusted_peers = [\"192.0.2.60\"]\n\
        [[mailbox_policy]]\nname = \"Pool P\"\ndial_plan = \"Pool\"\n\
        [[mailbox]]\nalias = \"ann\"\nemail_address = \"ann@example.test\"\nmailbox_policy = \"Pool P\"\n\
        extensions = [\"1001\"]\nsip_addresses = [\"ann@example.test\"]\n";
    let entry = |kind: &str| format!("[[{kind}]]\nname = \"um.example.test\"\ndial_plans = [\"Pool\"]\n");
    let message = PLAIN
        .replace("sip:5000@192.0.2.1", "sip:ann@example.test")
        .replace("Diversion: <sip:1001@192.0.2.9>;reason=no-answer\r\n", "");
    let said = |more: &str, role| {
        let view = View { directory: Arc::new(Directory::load(&sources(more)).expect("valid")), ..view() };
        let flow = flow(Transport::Udp, "192.0.2.60:5060");
        both(&view, message.as_bytes(), flow);
        let mut out = Vec::new();
        answer(&view, role, message.as_bytes(), flow, &mut out);
        let Ok(Message::Response(response)) = Message::parse(&out) else { panic!("no response") };
        (response.status.code(), response.headers.get(&HeaderName::Warning).unwrap_or_default().to_owned())
    };
    let refused = |role, object: &str| {
        let why = format!(
            "399 ringpost \"um.example.test takes no calls of 192.0.2.60: dial plan Pool is not one of the dial_plans of its {object}\""
        );
        assert_eq!(said(peer, role), (403, why));
    };
    refused(Role::Router, "call_router");
    refused(Role::Service, "service");
    let router = format!("{peer}{}", entry("call_router"));
    assert_eq!(said(&router, Role::Router).0, 302);
    assert_eq!(said(&router, Role::Service).0, 403);
    assert_eq!(said(&format!("{router}{}", entry("service")), Role::Service).0, 302);
}
