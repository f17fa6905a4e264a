//! A call as a table of what comes and what is sent.

use std::collections::BTreeMap;

use super::*;
use crate::replay::setup::FieldFile;

struct Play {
    call: Call,
    shared: Shared,
    now: Instant,
}

impl Play {
    fn new(steps: &str) -> Play {
        let text = format!("<scenario name=\"s\">{steps}</scenario>");
        let scenario = Scenario::read(&text, BTreeMap::new()).unwrap_or_else(|faults| panic!("{faults:?}"));
        let setup = Setup {
            local: "192.0.2.9:5060".parse().unwrap(),
            remote: "192.0.2.1:5065".parse().unwrap(),
            remote_host: "um.example.test".to_owned(),
            transport: Transport::Udp,
            media_ip: "192.0.2.9".parse().unwrap(),
            media_port: 6000,
            service: "5000".to_owned(),
            process: 7,
            fields: vec![FieldFile::read("u.csv", "SEQUENTIAL\nann;secret\nbob;[call_number]\n").unwrap()],
            retransmits: true,
            receive_timeout: None,
        };
        let now = Instant::now();
        let shared = (Rc::new(scenario), Rc::new(setup));
        let call = Call::new(shared, 2, None, None, 6004, Random::new(1), now);
        Play { call, shared: Shared::default(), now }
    }

    fn event(&mut self, event: Event) -> Vec<Command> {
        let mut out = Vec::new();
        self.call.on_event(self.now, event, &mut self.shared, &mut out);
        out
    }

    /// The first lines of what is sent, and how the call ended.
    fn says(&mut self, event: Event) -> Vec<String> {
        self.event(event).iter().map(said).collect()
    }

    fn begin(&mut self) -> Vec<String> {
        self.says(Event::Begin)
    }

    fn comes(&mut self, first_line: &str, cseq: &str) -> Vec<String> {
        self.says(Event::Received(&message(first_line, cseq, "")))
    }

    /// Turns the clock to the next deadline; how many ms that was.
    fn wait(&mut self) -> (u128, Vec<String>) {
        let at = self.call.deadline().expect("something is waited for");
        let waited = at.saturating_duration_since(self.now).as_millis();
        self.now = at;
        (waited, self.says(Event::Tick))
    }
}

fn said(command: &Command) -> String {
    match command {
        Command::Send(text, _) => message::first_line(text).to_owned(),
        Command::Ended(outcome) => match &outcome.failure {
            None => "ok".to_owned(),
            Some(failed) => format!("failed at {}: {}", failed.step, failed.why.kind()),
        },
        other => format!("{other:?}"),
    }
}

fn message(first_line: &str, cseq: &str, more: &str) -> String {
    format!(
        "{first_line}\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK-b\r\nFrom: <sip:a@h>;tag=f\r\nTo: <sip:b@h>;tag=t\r\n\
         Call-ID: 2-7@192.0.2.9\r\nCSeq: {cseq}\r\n{more}\r\n"
    )
}

fn send(text: &str) -> String {
    format!("<send retrans=\"500\"><![CDATA[{text}\nCall-ID: [call_id]\nCSeq: [cseq] X\n]]></send>")
}

#[test]
fn requests_are_sent_again_until_they_are_answered_or_given_up() {
    let mut play = Play::new(&(send("INVITE sip:x SIP/2.0") + "<recv response=\"200\"/>"));
    assert_eq!(play.begin(), ["INVITE sip:x SIP/2.0"]);
    let mut waits = Vec::new();
    let last = loop {
        let (waited, said) = play.wait();
        waits.push(waited);
        if said != ["INVITE sip:x SIP/2.0"] {
            break said;
        }
    };
    assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000]);
    assert_eq!(last, ["failed at 1: retransmissions"], "nobody to take leave of");

    let mut play = Play::new(&(send("OPTIONS sip:x SIP/2.0") + "<recv response=\"200\"/>"));
    play.begin();
    assert_eq!((0..5).map(|_| play.wait().0).collect::<Vec<_>>(), [500, 1000, 2000, 4000, 4000]);
    assert_eq!(play.comes("SIP/2.0 200 OK", "1 OPTIONS"), ["ok"]);
}

#[test]
fn optional_messages_may_come_and_are_then_passed() {
    let steps = send("INVITE sip:x SIP/2.0")
        + "<recv response=\"100\" optional=\"true\"/><recv response=\"180\" optional=\"true\"/><recv response=\"200\"/>";
    for (comes, ends) in [
        (&["200 OK"][..], "ok"),
        (&["100 Trying", "200 OK"], "ok"),
        (&["180 Ringing", "180 Ringing", "200 OK"], "ok"),
        (&["180 Ringing", "100 Trying", "200 OK"], "ok"),
        (&["183 Progress"], "failed at 1: unexpected-message"),
        (&["100 Trying", "486 Busy"], "failed at 2: unexpected-message"),
    ] {
        let mut play = Play::new(&steps);
        play.begin();
        let last = comes.iter().map(|line| play.comes(&format!("SIP/2.0 {line}"), "1 INVITE")).last().unwrap();
        assert_eq!(last.last().unwrap(), ends, "{comes:?}");
    }
}

#[test]
fn a_failed_call_takes_leave_as_far_as_it_came() {
    let steps = send("INVITE sip:x SIP/2.0\nVia: a\nFrom: a\nTo: b")
        + "<recv response=\"100\" optional=\"true\"/><recv response=\"486\"/>";
    for (comes, leave) in [
        ("SIP/2.0 183 Progress", &["CANCEL sip:x SIP/2.0"][..]),
        ("SIP/2.0 404 Not Found", &["ACK sip:x SIP/2.0"]),
        ("SIP/2.0 200 OK", &["ACK sip:x SIP/2.0", "BYE sip:x SIP/2.0"]),
    ] {
        let mut play = Play::new(&steps);
        play.begin();
        let said = play.comes(comes, "1 INVITE");
        let (end, left) = said.split_last().unwrap();
        assert_eq!(
            (left, end.as_str()),
            (&leave.iter().map(ToString::to_string).collect::<Vec<_>>()[..], "failed at 1: unexpected-message")
        );
    }
}

#[test]
fn a_bye_that_is_not_expected_is_answered_and_ends_the_call() {
    let mut play = Play::new(&(send("INVITE sip:x SIP/2.0") + "<recv response=\"200\"/>"));
    play.begin();
    assert_eq!(play.comes("BYE sip:a SIP/2.0", "1 BYE"), ["SIP/2.0 200 OK", "failed at 1: unexpected-end"]);
}

#[test]
fn a_copy_of_what_was_answered_is_answered_again() {
    let steps = send("INVITE sip:x SIP/2.0")
        + "<recv response=\"200\"/>"
        + &send("ACK sip:x SIP/2.0")
        + "<pause milliseconds=\"9000\"/>";
    let mut play = Play::new(&steps.replace("<send retrans=\"500\"><![CDATA[ACK", "<send><![CDATA[ACK"));
    play.begin();
    for _ in 0..3 {
        assert_eq!(play.comes("SIP/2.0 200 OK", "1 INVITE"), ["ACK sip:x SIP/2.0"]);
    }
    assert_eq!(play.wait().1, ["ok"]);
}

#[test]
fn routes_and_target_are_taken_from_the_answer() {
    let steps = send("INVITE sip:x SIP/2.0")
        + "<recv response=\"200\" rrs=\"true\"/>"
        + &send("BYE [next_url] SIP/2.0\n[routes]");
    let answered = |more: &str| {
        let mut play = Play::new(&steps);
        play.begin();
        let sent = play.event(Event::Received(&message("SIP/2.0 200 OK", "1 INVITE", more)));
        let Command::Send(text, _) = &sent[0] else { panic!("{sent:?}") };
        (message::first_line(text).to_owned(), message::header(text, "Route").unwrap_or_default().to_owned())
    };
    let contact = "Contact: <sip:b@h:7>;x=y\r\n";
    assert_eq!(answered(contact), ("BYE sip:b@h:7 SIP/2.0".to_owned(), String::new()));
    let loose = format!("Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n{contact}");
    assert_eq!(answered(&loose), ("BYE sip:b@h:7 SIP/2.0".to_owned(), "<sip:p2;lr>, <sip:p1;lr>".to_owned()));
    let strict = format!("Record-Route: <sip:p1>, <sip:p2>\r\n{contact}");
    assert_eq!(answered(&strict), ("BYE sip:p2 SIP/2.0".to_owned(), "<sip:p1>, <sip:b@h:7>".to_owned()));
}

#[test]
fn a_challenge_is_answered() {
    let steps = send("INVITE sip:x SIP/2.0")
        + "<recv response=\"401\" auth=\"true\"/>"
        + &send("INVITE sip:x SIP/2.0\n[authentication username=[field0] password=[field1]]");
    let mut play = Play::new(&steps);
    play.begin();
    let challenge = "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\"\r\n";
    let sent = play.event(Event::Received(&message("SIP/2.0 401 Unauthorized", "1 INVITE", challenge)));
    let Command::Send(text, _) = &sent[0] else { panic!("{sent:?}") };
    let credentials = message::header(text, "Authorization").unwrap();
    let request = super::super::digest::Request { method: "INVITE", uri: "", body: "" };
    // the second line of the file: fields may have keywords in them
    assert!(super::super::digest::verify(credentials, "bob", "2", &request), "{credentials}");
}

#[test]
fn variables_lead_the_way() {
    let steps = "<nop><action><assign assign_to=\"n\" value=\"0\"/></action></nop><label id=\"again\"/>\
        <nop next=\"again\" test=\"more\"><action><add assign_to=\"n\" value=\"1\"/>\
        <test assign_to=\"more\" variable=\"n\" compare=\"less_than\" value=\"5\"/></action></nop>\
        <send><![CDATA[INFO sip:[$n] SIP/2.0]]></send>";
    assert_eq!(Play::new(steps).begin(), ["INFO sip:5.000000 SIP/2.0", "ok"]);
}

#[test]
fn steps_that_lead_round_and_round_end() {
    let mut play = Play::new("<label id=\"1\"/><nop next=\"1\"/>");
    assert_eq!(play.begin(), ["failed at 0: endless"]);
}

#[test]
fn what_does_not_come_in_time_leads_elsewhere_or_to_the_end() {
    let steps = send("OPTIONS sip:x SIP/2.0").replace("retrans=\"500\"", "")
        + "<recv response=\"200\" timeout=\"700\" ontimeout=\"1\"/><pause next=\"end\"/><label id=\"1\"/>\
           <recv response=\"404\" timeout=\"300\"/><label id=\"end\"/>";
    let mut play = Play::new(&steps);
    play.begin();
    assert_eq!(play.wait(), (700, vec![]));
    assert_eq!(play.wait(), (300, vec!["failed at 3: receive-timeout".to_owned()]));
}
