//! Whatever peers, users and transports do, in whatever order: no fault, no leak, one final response to a request.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One thing that happens; the numbers pick among a few calls, branches, tags and times, so that they often meet.
#[derive(Debug, Clone)]
enum Act {
    Receive { method: &'static str, call: u8, cseq: u32, branch: u8, to_tag: u8, stream: Option<u8> },
    Respond { which: usize, status: u16 },
    Ask { method: &'static str, dialog: u64, stream: Option<u8> },
    Answer { which: usize, status: u16 },
    Bind { dialog: u64, call: u8, tag: u8 },
    Unbind { dialog: u64 },
    Fail { stream: Option<u8> },
    Wait { ms: u64 },
}

const METHODS: [&str; 10] = ["INVITE", "INVITE", "INVITE", "ACK", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "FOO"];
const STATUSES: [u16; 12] = [100, 180, 183, 200, 200, 202, 302, 404, 486, 487, 500, 603];

fn act() -> impl Strategy<Value = Act> {
    let stream = || prop::option::of(0..2u8);
    prop_oneof![
        6 => (prop::sample::select(&METHODS[..]), 0..3u8, 1..3u32, 0..4u8, 0..3u8, stream()).prop_map(
            |(method, call, cseq, branch, to_tag, stream)| Act::Receive { method, call, cseq, branch, to_tag, stream }
        ),
        5 => (any::<prop::sample::Index>(), prop::sample::select(&STATUSES[..]))
            .prop_map(|(which, status)| Act::Respond { which: which.index(64), status }),
        2 => (prop::sample::select(&["INVITE", "BYE", "UPDATE"][..]), 0..3u64, stream())
            .prop_map(|(method, dialog, stream)| Act::Ask { method, dialog, stream }),
        3 => (any::<prop::sample::Index>(), prop::sample::select(&STATUSES[..]))
            .prop_map(|(which, status)| Act::Answer { which: which.index(64), status }),
        2 => (0..3u64, 0..3u8, 1..3u8).prop_map(|(dialog, call, tag)| Act::Bind { dialog, call, tag }),
        1 => (0..3u64).prop_map(|dialog| Act::Unbind { dialog }),
        1 => stream().prop_map(|stream| Act::Fail { stream }),
        3 => (0..9000u64).prop_map(|ms| Act::Wait { ms }),
    ]
}

fn flow_of(stream: Option<u8>) -> Flow {
    match stream {
        Some(n) => tcp(&format!("192.0.2.9:3333{n}"), u64::from(n)),
        None => udp("192.0.2.9:5060"),
    }
}

/// What the world has seen of one endpoint.
struct Seen {
    net: Net,
    /// Requests handed up, by transaction.
    given: BTreeMap<ServerTransaction, Request>,
    /// Transactions whose final response has been sent.
    finished: BTreeMap<ServerTransaction, bool>,
    /// INVITEs with a 2xx, and what became of them.
    asked: Vec<Request>,
    /// Outcomes of our requests, by name: finals and NoResponse.
    outcomes: BTreeMap<ClientTransaction, BTreeSet<String>>,
    no_ack: BTreeSet<ServerTransaction>,
}

impl Seen {
    fn play(&mut self, act: Act) {
        let event = match act {
            Act::Receive { method, call, cseq, branch, to_tag, stream } => {
                let transport = if stream.is_some() { "TCP" } else { "UDP" };
                let branch = ["", ";branch=z9hG4bKa", ";branch=z9hG4bKb", ";branch=old"][usize::from(branch)];
                let via = format!("SIP/2.0/{transport} 192.0.2.9:5060{branch}");
                let tag = ["".to_owned(), "tag-1".to_owned(), "tag-2".to_owned()][usize::from(to_tag)].clone();
                let text = request_via(method, cseq, &via, &tag).replace("call-1", &format!("call-{call}"));
                let message = Message::parse(text.as_bytes()).unwrap();
                Event::Received { message, flow: flow_of(stream) }
            }
            Act::Respond { which, status } => {
                let Some((&transaction, request)) = self.given.iter().nth(which % self.given.len().max(1)) else {
                    return;
                };
                let response = request.response(Status::new(status).unwrap()).with_to_tag("tag-1");
                Event::Respond { transaction, response }
            }
            Act::Ask { method, dialog, stream } => {
                let mut request = Request::new(Method::parse(method), Uri::parse("sip:1001@192.0.2.9:5060"));
                request.headers.push(HeaderName::CSeq, format!("1 {method}"));
                let client = ClientTransaction(self.asked.len() as u64);
                let next_hop = request.uri.clone();
                Event::Request { client, dialog: DialogKey(dialog), request, next_hop, flow: flow_of(stream) }
            }
            Act::Answer { which, status } => {
                let Some(request) = self.asked.get(which % self.asked.len().max(1)) else { return };
                let response = request.response(Status::new(status).unwrap());
                Event::Received { message: Message::Response(response), flow: flow_of(None) }
            }
            Act::Bind { dialog, call, tag } => Event::Bind {
                dialog: DialogKey(dialog),
                call_id: format!("call-{call}"),
                local_tag: format!("tag-{tag}"),
                remote_tag: "from-1".into(),
            },
            Act::Unbind { dialog } => Event::Unbind { dialog: DialogKey(dialog) },
            Act::Fail { stream } => Event::TransportFailed { flow: flow_of(stream) },
            Act::Wait { ms } => {
                for (_, command) in self.net.advance(Duration::from_millis(ms)) {
                    self.note(command, None);
                }
                return;
            }
        };
        let by = match &event {
            Event::Respond { transaction, response } if response.status.is_final() => Some(*transaction),
            _ => None,
        };
        let asks = matches!(event, Event::Request { .. });
        for (at, command) in self.net.event(event).into_iter().enumerate() {
            if asks && at == 0 {
                self.asked.push(sent_request(&command).0);
            }
            self.note(command, by);
        }
    }

    /// `by` is the transaction whose final response the transaction user has just given.
    fn note(&mut self, command: Command, by: Option<ServerTransaction>) {
        match command {
            Command::Invite { transaction, request, .. }
            | Command::OutOfDialog { transaction, request, .. }
            | Command::InDialog { transaction, request, .. } => {
                assert!(self.given.insert(transaction, request).is_none(), "handed up twice");
            }
            Command::Send { bytes, .. } => {
                Message::parse(&bytes).expect("what we send parses");
                if let Some(transaction) = by {
                    assert_eq!(self.finished.insert(transaction, true), None, "a second final response");
                }
            }
            Command::NoAck { transaction } => {
                assert!(self.finished.contains_key(&transaction), "nothing to acknowledge");
                assert!(self.no_ack.insert(transaction), "told twice");
            }
            Command::Response { client, response, .. } if response.status.is_final() => {
                self.outcomes.entry(client).or_default().insert(response.status.to_string());
            }
            Command::NoResponse { client, cause, .. } => {
                assert!(self.outcomes.entry(client).or_default().insert(format!("{cause:?}")), "told twice");
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_transaction_ends_and_every_request_has_one_outcome(acts in prop::collection::vec(act(), 1..120)) {
        let mut seen = Seen {
            net: Net::new(),
            given: BTreeMap::new(),
            finished: BTreeMap::new(),
            asked: Vec::new(),
            outcomes: BTreeMap::new(),
            no_ack: BTreeSet::new(),
        };
        for act in acts {
            seen.play(act);
            prop_assert_eq!(seen.net.endpoint.deadlines.len(), seen.net.endpoint.transactions(), "each on the list once");
        }

        // the transaction user answers what is left, everybody else is silent
        for (transaction, request) in seen.given.clone() {
            let response = request.response(Status::TEMPORARILY_UNAVAILABLE);
            for command in seen.net.respond(transaction, response) {
                seen.note(command, Some(transaction));
            }
        }
        (0..3).for_each(|dialog| seen.play(Act::Unbind { dialog }));
        seen.play(Act::Wait { ms: 4 * 32_000 });
        // re-INVITEs that a peer left provisional: timer C
        seen.play(Act::Wait { ms: 60_000 });

        prop_assert!(seen.net.endpoint.is_idle());
        prop_assert_eq!(seen.net.endpoint.next_deadline(), None);
        prop_assert!(seen.net.endpoint.by_request.is_empty() && seen.net.endpoint.by_branch.is_empty());
        prop_assert!(seen.net.endpoint.ongoing.is_empty() && seen.net.endpoint.unacknowledged.is_empty());
        prop_assert!(seen.net.endpoint.bound.is_empty() && seen.net.endpoint.flows.is_empty());
        for client in 0..seen.asked.len() as u64 {
            let outcomes = seen.outcomes.get(&ClientTransaction(client)).map_or(0, BTreeSet::len);
            let is_invite = seen.asked[client as usize].method == Method::Invite;
            // copies of a 2xx to INVITE are passed on, and here they may differ (200, 202)
            prop_assert!(outcomes == 1 || (is_invite && outcomes == 2), "request {client} has {outcomes} outcomes");
        }
    }

    #[test]
    fn whatever_parses_is_answered_or_absorbed_without_a_fault(text in "(INVITE|ACK|CANCEL|BYE|OPTIONS|SIP/2.0 200) .{0,20} SIP/2.0\r\n((Via|From|To|Call-ID|CSeq|Route): .{0,40}\r\n){0,8}\r\n.{0,10}") {
        let mut net = Net::new();
        if let Ok(message) = Message::parse(text.as_bytes()) {
            net.event(Event::Received { message, flow: udp("192.0.2.9:5060") });
        }
        net.advance(Duration::from_secs(400));
        prop_assert!(net.endpoint.transactions() == 0);
    }
}
