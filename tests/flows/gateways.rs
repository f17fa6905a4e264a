//! UM IP gateways and other servers are asked whether they live, as the directory has them at the time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use ringpost::actors::peers::GatewayState;
use ringpost::directory::{SipService, SourceFile, Whereabouts};
use ringpost::engine::Environment;
use ringpost::engine::environment::{BoxStream, DatagramSocket, Found, StreamListener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::invite::Diverted;
use crate::sip::Sip;
use crate::world::{ROUTER_PORT, World};

const BRANCH: &str = "198.51.100.7:5080";

/// `[[ip_gateway]]` Branch, with these lines.
fn branch(lines: &str) -> String {
    format!("[[ip_gateway]]\nname = \"Branch\"\n{lines}\n")
}

/// A gateway's SIP port over UDP, which answers as it is told.
struct Pbx {
    socket: Arc<dyn DatagramSocket>,
    status: Option<u16>,
}

impl Pbx {
    fn at(world: &World, address: &str) -> Pbx {
        let address: SocketAddr = address.parse().unwrap();
        Pbx { socket: world.environment().bind_datagram(address).unwrap(), status: Some(200) }
    }

    /// What has come, answered.
    fn take(&self) -> Vec<Sip> {
        let mut buffer = [0; 2000];
        let mut taken = Vec::new();
        while let Ok((length, from)) = self.socket.try_receive(&mut buffer) {
            let request = Sip::parse(&buffer[..length]);
            if let Some(status) = self.status {
                self.socket.send(&answer(&request, status).to_bytes(), from).unwrap();
            }
            taken.push(request);
        }
        taken
    }
}

fn answer(request: &Sip, status: u16) -> Sip {
    let copied = ["Via", "From", "Call-ID", "CSeq"];
    let response = Sip::new(format!("SIP/2.0 {status} Answered")).with("To", format!("{};tag=pbx", request.get("To")));
    copied.into_iter().fold(response, |response, name| response.with(name, request.get(name)))
}

/// Turns the clock for so long, with the gateway answering; how many requests came.
fn answering(world: &World, pbx: &Pbx, time: Duration) -> usize {
    let end = world.now() + time;
    let mut came = 0;
    while world.now() < end {
        world.run(Duration::from_millis(500).min(end - world.now()));
        came += pbx.take().len();
    }
    came
}

fn state(world: &World) -> GatewayState {
    let all = world.block_on(world.engine().gateways());
    all.into_iter().find(|gateway| gateway.name == "Branch").expect("it is in the directory")
}

fn figure(world: &World, name: &str) -> String {
    let text = world.block_on(world.engine().metrics_text(None));
    text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>().join("\n")
}

fn refresh(world: &World) {
    world.block_on(world.engine().refresh()).unwrap();
}

#[test]
fn a_gateway_is_asked_at_once_and_every_minute_and_what_it_answers_is_known() {
    let world = World::with(|beginning| beginning.organisation(&branch("address = \"198.51.100.7\"\nport = 5080")));
    // asked before anybody listened there: asked again, as any request over UDP
    let pbx = Pbx::at(&world, BRANCH);
    assert_eq!(state(&world).state, "Asked");
    world.seconds(1);
    let asked = pbx.take();
    let request = asked.first().expect("it is asked");
    assert_eq!(request.start, format!("OPTIONS sip:{BRANCH};transport=udp SIP/2.0"));
    assert!(request.get("Contact").contains("192.0.2.1:5060"), "{}", request.get("Contact"));
    world.run(Duration::from_millis(50));
    let up = state(&world);
    assert_eq!((up.state, up.detail.as_str()), ("Up", "answers on UDP 198.51.100.7:5080"));
    assert_eq!(figure(&world, "ringpost_gateway_up"), "ringpost_gateway_up{gateway=\"Branch\"} 1");
    let asked = answering(&world, &pbx, Duration::from_secs(600));
    assert!((10..=11).contains(&asked), "{asked} times in ten minutes");
}

#[test]
fn a_gateway_is_told_the_port_that_takes_calls_also_after_it_has_changed() {
    let moved = "[[call_router]]\nname = \"um.example.test\"\nsip_tcp_listening_port = 6060\n";
    let organisation = branch("address = \"198.51.100.7\"\nport = 5080");
    let world = World::with(|beginning| beginning.organisation(&organisation));
    let pbx = Pbx::at(&world, BRANCH);
    answering(&world, &pbx, Duration::from_secs(2));
    world.files().edit(|sources| sources.push(SourceFile::new("moved.toml", moved)));
    refresh(&world);
    assert!(world.wait(Duration::from_secs(61), || {
        let asked = pbx.take();
        asked.iter().any(|request| request.get("Contact").contains("192.0.2.1:6060"))
    }));
}

#[test]
fn a_gateway_that_falls_silent_is_down_asked_less_often_and_up_when_it_answers() {
    let world = World::with(|beginning| beginning.organisation(&branch("address = \"198.51.100.7\"\nport = 5080")));
    let mut pbx = Pbx::at(&world, BRANCH);
    answering(&world, &pbx, Duration::from_secs(2));
    assert_eq!(state(&world).state, "Up");
    pbx.status = None;
    assert!(world.wait(Duration::from_secs(75), || state(&world).state == "Down"));
    let down = state(&world);
    let why = "UDP 198.51.100.7:5080: no answer within 8 s; TCP 198.51.100.7:5080: cannot be connected to";
    assert_eq!(down.detail, why);
    assert!(down.since.is_some());
    assert_eq!(figure(&world, "ringpost_gateway_up"), "ringpost_gateway_up{gateway=\"Branch\"} 0");
    // its retransmissions end; then 1, 2, 4 and 8 minutes between two questions
    world.seconds(1800);
    let ids: std::collections::BTreeSet<String> =
        pbx.take().iter().map(|asked| asked.get("Call-ID").to_owned()).collect();
    assert!((4..=6).contains(&ids.len()), "{ids:?}");
    assert_eq!(world.load().transactions, 0);
    pbx.status = Some(404);
    answering(&world, &pbx, Duration::from_secs(481));
    assert_eq!(state(&world).state, "Up", "whoever answers lives");
    pbx.status = Some(503);
    answering(&world, &pbx, Duration::from_secs(61));
    let down = state(&world);
    assert!(down.detail.starts_with("UDP 198.51.100.7:5080: it answers 503 Service Unavailable"), "{}", down.detail);
    assert_eq!(world.status().problems, [""; 0], "the node itself is well");
}

#[test]
fn a_change_of_the_directory_starts_moves_and_stops_the_questions() {
    let world = World::new();
    let (old, new) = (Pbx::at(&world, BRANCH), Pbx::at(&world, "198.51.100.8:5060"));
    let change = |to: &str, new: &str| {
        world.files().edit(|sources| {
            let gateways = sources.iter_mut().find(|source| source.text.contains("name = \"Branch\""));
            match gateways {
                Some(source) => source.text = source.text.replace(to, new),
                None => sources.push(SourceFile::new("branch.toml", new)),
            }
        });
        refresh(&world);
    };
    change("", &branch("address = \"198.51.100.7\"\nport = 5080"));
    world.run(Duration::from_millis(50));
    assert_eq!((old.take().len(), new.take().len()), (1, 0), "asked at once");
    world.run(Duration::from_millis(50));
    assert_eq!(state(&world).state, "Up");

    change("address = \"198.51.100.7\"\nport = 5080", "address = \"198.51.100.8\"\nport = 5060");
    world.run(Duration::from_millis(50));
    assert_eq!((old.take().len(), new.take().len()), (0, 1), "on the new address at once, and there only");
    assert_eq!(answering(&world, &new, Duration::from_secs(119)), 2);
    assert_eq!(old.take().len(), 0);

    change("port = 5060", "port = 5060\nstatus = \"NoNewCalls\"");
    assert!(answering(&world, &new, Duration::from_secs(60)) >= 1, "it still has calls");
    change("NoNewCalls", "Disabled");
    assert_eq!(answering(&world, &new, Duration::from_secs(300)), 0);
    assert_eq!((state(&world).state, state(&world).detail.as_str()), ("NotAsked", "it is disabled"));
    change("Disabled", "Enabled");
    world.run(Duration::from_millis(50));
    assert_eq!(new.take().len(), 1, "asked at once");

    world.files().edit(|sources| drop(sources.pop()));
    refresh(&world);
    assert_eq!(answering(&world, &new, Duration::from_secs(300)), 0);
    assert_eq!(figure(&world, "ringpost_gateway_up"), "");
}

/// It takes connections, and what comes by one is answered there.
#[test]
fn a_gateway_that_speaks_tcp_only_is_asked_over_tcp() {
    let world = World::new();
    let mut listener = world.environment().listen(BRANCH.parse().unwrap()).unwrap();
    world.files().edit(|sources| {
        let text = branch("address = \"198.51.100.7\"\nport = 5080");
        sources.push(SourceFile::new("branch.toml", text));
    });
    refresh(&world);
    world.seconds(9);
    let mut connection = accepted(&mut *listener).expect("a connection");
    let mut buffer = [0; 2000];
    let length = world.block_on(connection.read(&mut buffer)).unwrap();
    let request = Sip::parse(&buffer[..length]);
    assert!(request.get("Via").starts_with("SIP/2.0/TCP 192.0.2.1:5060;"), "{}", request.get("Via"));
    world.block_on(connection.write_all(&answer(&request, 200).to_bytes())).unwrap();
    world.run(Duration::from_millis(50));
    assert_eq!(state(&world).detail, "answers on TCP 198.51.100.7:5080");
    world.seconds(60);
    let length = world.block_on(connection.read(&mut buffer)).unwrap();
    assert!(length > 0, "the next time at once over the same connection");
}

fn accepted(listener: &mut dyn StreamListener) -> Option<BoxStream> {
    match listener.poll_accept(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(Ok((stream, _))) => Some(stream),
        _ => None,
    }
}

/// No port is known of it: as shipped, every port of this machine.
#[test]
fn a_gateway_of_every_port_is_not_asked() {
    let world = World::new();
    world.seconds(120);
    let all = world.block_on(world.engine().gateways());
    let [loopback] = &all[..] else { panic!("{all:?}") };
    assert_eq!((loopback.state, loopback.detail.as_str()), ("NotAsked", "no port to ask it on is configured (0)"));
    assert_eq!(figure(&world, "ringpost_gateway_up"), "");
}

/// Calls come from it, whatever it says to OPTIONS: many gateways answer none.
#[test]
fn calls_of_a_gateway_that_does_not_answer_are_taken() {
    let text = branch("address = \"198.51.100.7\"\nport = 5080")
        + "[[hunt_group]]\nname = \"Branch Pilot\"\nip_gateway = \"Branch\"\ndial_plan = \"Lab\"\npilot_identifier = [\"5000\"]\n";
    let world = World::with(|beginning| beginning.organisation(&text));
    assert!(world.wait(Duration::from_secs(20), || state(&world).state == "Down"));
    world.peer("198.51.100.7".parse().unwrap()).call_for_alice().calling_port(ROUTER_PORT).dial().expect(302);
}

/// The UM service of another server is asked as gateways are, and gets no calls while it does not answer.
#[test]
fn a_mailbox_of_a_server_that_does_not_answer_is_refused_until_it_does() {
    let world = World::with(|beginning| {
        beginning.organisation(
            "[[service]]\nname = \"um2.example.test\"\naddress = \"198.51.100.9\"\nport = 6062\n\n\
             [[mailbox]]\nalias = \"remote\"\nemail_address = \"remote@example.test\"\n\
             mailbox_policy = \"Lab Default Policy\"\nextensions = [\"1777\"]\nserver = \"um2.example.test\"\n",
        );
    });
    let call = || {
        let invite = world.gateway().invite("5000").diverted_from("1777", Diverted::NoAnswer);
        invite.calling_port(ROUTER_PORT).dial()
    };
    call().expect(302);
    world.seconds(20);
    let refused = call().expect(503);
    assert!(refused.get("Warning").contains("um2.example.test does not answer"), "{}", refused.get("Warning"));
    let server = Pbx::at(&world, "198.51.100.9:6062");
    answering(&world, &server, Duration::from_secs(61));
    call().expect(302);
    drop(server);

    // what one place does not answer is not held against another, nor against a server that nobody asks any more
    for (from, to) in
        [("address = \"198.51.100.9\"", "address = \"198.51.100.10\""), ("address = \"198.51.100.10\"\n", "")]
    {
        world.seconds(200);
        call().expect(503);
        world.files().edit(|sources| {
            let file = sources.iter_mut().find(|source| source.text.contains(from)).unwrap();
            file.text = file.text.replace(from, to);
        });
        world.block_on(world.engine().refresh()).unwrap();
        call().expect(302);
    }
    world.seconds(200);
    call().expect(302);
}

fn found(addresses: &[&str], services: &[(&str, bool)], valid: u64) -> Option<Found> {
    let services =
        services.iter().map(|(address, stream)| SipService { address: address.parse().unwrap(), stream: *stream });
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let whereabouts = Whereabouts { addresses, services: services.collect() };
    Some(Found { whereabouts, valid: Duration::from_secs(valid) })
}

/// A host name is looked up again when its TTL has passed, not only at the refresh; calls come from where it leads.
#[test]
fn a_gateway_known_by_name_moves_with_its_name() {
    let host = "address = \"branch.example.test\"";
    let group =
        "[[hunt_group]]\nname = \"P\"\nip_gateway = \"Branch\"\ndial_plan = \"Lab\"\npilot_identifier = [\"5000\"]\n";
    let world = World::with(|beginning| beginning.organisation(&(branch(host) + group)));
    let call = |from: &str| world.peer(from.parse().unwrap()).call_for_alice().calling_port(ROUTER_PORT).dial();
    call("198.51.100.7").expect(403);
    assert_eq!(state(&world).detail, "its address is not known");
    world.environment().name("branch.example.test", found(&["198.51.100.7"], &[], 300));
    world.seconds(31);
    call("198.51.100.7").expect(302);
    let (old, new) = (Pbx::at(&world, "198.51.100.7:5060"), Pbx::at(&world, "198.51.100.8:5060"));
    answering(&world, &old, Duration::from_secs(20));
    assert_eq!(state(&world).state, "Up");
    world.environment().name("branch.example.test", found(&["198.51.100.8"], &[], 300));
    answering(&world, &old, Duration::from_secs(200));
    call("198.51.100.7").expect(302);
    answering(&world, &new, Duration::from_secs(100));
    call("198.51.100.8").expect(302);
    call("198.51.100.7").expect(403);
    assert_eq!(state(&world).detail, "answers on UDP 198.51.100.8:5060");
    // a DNS that fails takes nothing away
    world.environment().name("branch.example.test", None);
    answering(&world, &new, Duration::from_secs(900));
    call("198.51.100.8").expect(302);
}

/// Name servers give addresses in turn: that is no news.
#[test]
fn the_same_addresses_in_another_order_change_nothing() {
    let text = branch("address = \"branch.example.test\"");
    let world = World::with(|beginning| beginning.organisation(&text));
    world.environment().name("branch.example.test", found(&["198.51.100.7", "198.51.100.8"], &[], 60));
    world.seconds(31);
    let generation = world.engine().configuration().generation;
    let read = world.engine().configuration().last_read;
    for turn in [["198.51.100.8", "198.51.100.7"], ["198.51.100.7", "198.51.100.8"]] {
        world.environment().name("branch.example.test", found(&turn, &[], 60));
        world.seconds(61);
    }
    let now = world.engine().configuration();
    assert_eq!((now.generation, now.last_read), (generation, read), "the files were not read either");
}

/// RFC 3263: the DNS says where it speaks SIP, unless the directory does.
#[test]
fn a_gateway_is_asked_where_the_dns_has_its_sip_service() {
    for (port, asked_at) in [("", "198.51.100.20:5090"), ("port = 5080", "198.51.100.7:5080")] {
        let text = branch(&format!("address = \"branch.example.test\"\n{port}"));
        let world = World::with(|beginning| beginning.organisation(&text));
        let places = ["198.51.100.20:5090", "198.51.100.7:5080", "198.51.100.7:5060"];
        let services = [(places[0], false), ("198.51.100.7:5060", true)];
        world.environment().name("branch.example.test", found(&["198.51.100.7"], &services, 300));
        let sockets = places.map(|place| Pbx::at(&world, place));
        world.seconds(31);
        let asked: Vec<_> = places.iter().zip(&sockets).filter(|(_, pbx)| !pbx.take().is_empty()).collect();
        assert_eq!(asked.iter().map(|(place, _)| **place).collect::<Vec<_>>(), [asked_at]);
        let directory = world.engine().directory();
        assert!(directory.gateway_of("198.51.100.20".parse().unwrap(), 5060).is_some(), "calls come from there, too");
    }
}
