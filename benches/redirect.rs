//! The answer to one redirected call alone, without a socket: an INVITE from a gateway, then its ACK.
//! Knows: `routing`. Must not: measure the system's network; `make bench-router` does, beside Kamailio.

use std::fmt::Write;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ringpost::directory::{Directory, SourceFile};
use ringpost::protocol::sip::{Flow, Transport};
use ringpost::routing::{Answer, Home, Role, View, answer};

const ORGANISATION: &str = r#"
[[dial_plan]]
name = "Bench"
uri_type = "TelExtn"
number_of_digits_in_extension = 6
country_or_region_code = "1"

[[ip_gateway]]
name = "Gateway"
address = "192.0.2.9"
port = 0

[[hunt_group]]
name = "Pilot"
ip_gateway = "Gateway"
dial_plan = "Bench"
pilot_identifier = ["600000"]

[[mailbox_policy]]
name = "Policy"
dial_plan = "Bench"
"#;
const FIRST: usize = 100_000;

fn view(mailboxes: usize) -> View {
    let mut text = ORGANISATION.to_owned();
    for number in 0..mailboxes {
        let extension = FIRST + number;
        writeln!(
            text,
            "[[mailbox]]\nalias = \"user{number}\"\nemail_address = \"user{number}@example.test\"\n\
             mailbox_policy = \"Policy\"\nextensions = [\"{extension}\"]"
        )
        .expect("a String takes it");
    }
    View {
        directory: Arc::new(Directory::load(&[SourceFile::new("bench.toml", text)]).expect("valid")),
        node: "um.example.test".to_owned(),
        server: "Ringpost/bench".to_owned(),
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

/// What benches/router/redirect.xml sends, for one mailbox.
fn call(extension: usize) -> [Vec<u8>; 2] {
    let head = |method: &str| {
        format!(
            "{method} sip:600000@192.0.2.1:5060 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-4242-{extension}-0\r\n\
             From: \"Ada Lovelace\" <sip:+14255550100@192.0.2.9:5060>;tag=4242SIPp{extension}\r\n\
             To: <sip:600000@192.0.2.1:5060>\r\n\
             Call-ID: {extension}-4242@192.0.2.9\r\n\
             CSeq: 1 {method}\r\n\
             Max-Forwards: 70\r\n"
        )
    };
    let sdp = "v=0\r\no=gateway 53655765 2353687637 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
               m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
               a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n";
    let invite = format!(
        "{}Contact: <sip:gateway@192.0.2.9:5060;transport=UDP>\r\nUser-Agent: sipp\r\n\
         Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\nSupported: timer\r\n\
         Diversion: <sip:{extension}@192.0.2.9>;reason=no-answer;counter=1\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{sdp}",
        head("INVITE"),
        sdp.len(),
    );
    [invite.into_bytes(), format!("{}Content-Length: 0\r\n\r\n", head("ACK")).into_bytes()]
}

fn redirect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("redirected call");
    let remote: SocketAddr = "192.0.2.9:5060".parse().expect("an address");
    let local: SocketAddr = "192.0.2.1:5060".parse().expect("an address");
    let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
    for mailboxes in [10, 1_000, 100_000] {
        let view = view(mailboxes);
        // a prime step calls one mailbox after another far apart, as chance does
        let calls: Vec<_> = (0..1_000).map(|number| call(FIRST + number * 7_919 % mailboxes)).collect();
        let mut out = Vec::new();
        for [invite, ack] in &calls {
            assert!(matches!(answer(&view, Role::Router, invite, flow, &mut out), Answer::Respond(_)));
            assert_eq!(answer(&view, Role::Router, ack, flow, &mut out), Answer::Nothing);
        }
        let mut next = calls.iter().cycle();
        group.bench_function(format!("{mailboxes} mailboxes"), |bencher| {
            bencher.iter(|| {
                for message in next.next().expect("a cycle has no end") {
                    black_box(answer(&view, Role::Router, message, flow, &mut out));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, redirect);
criterion_main!(benches);
