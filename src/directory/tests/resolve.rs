//! How calls are understood, as gateways and PBXs send them.

use std::net::IpAddr;

use super::super::ReasonForCall::*;
use super::super::*;
use super::{directory, sample_files};
use crate::protocol::sip::Uri;

/// A call as one line of a table; [`Call::answer`] is what becomes of it.
struct Call {
    peer: IpAddr,
    port: u16,
    called: String,
    to: String,
    calling: Option<Caller>,
    diversions: Vec<DivertedFrom>,
}

fn call(called: &str) -> Call {
    let uri = if called.contains(':') { called.to_owned() } else { format!("sip:{called}@um.example.test") };
    Call {
        peer: "127.0.0.1".parse().unwrap(),
        port: 40_000,
        to: uri.clone(),
        called: uri,
        calling: None,
        diversions: Vec::new(),
    }
}

impl Call {
    fn from(self, peer: &str, port: u16) -> Call {
        Call { peer: peer.parse().unwrap(), port, ..self }
    }

    fn to(self, to: &str) -> Call {
        Call { to: to.to_owned(), ..self }
    }

    fn diverted_from(mut self, user: &str, reason: ReasonForCall) -> Call {
        let (user, host) = user.split_once('@').map_or((user, None), |(user, host)| (user, Some(host.to_owned())));
        self.diversions.push(DivertedFrom { user: user.to_owned(), host, reason });
        self
    }

    fn by(self, user: &str) -> Call {
        let (user, host) = user.split_once('@').map_or((user, None), |(user, host)| (user, Some(host.to_owned())));
        Call { calling: Some(Caller { user: user.to_owned(), host, anonymous: false }), ..self }
    }

    fn resolve(&self, directory: &Directory) -> Result<Resolved, Refused> {
        let (called, to) = (Uri::parse(&self.called), Uri::parse(&self.to));
        let facts = CallFacts {
            peer: self.peer,
            peer_port: self.port,
            called: &called,
            to: &to,
            calling: self.calling.clone(),
            diversions: &self.diversions,
        };
        resolve(directory, &facts)
    }

    /// `alice DivertBusy`, `access Lab`, `404 sentence`.
    fn answer(&self, directory: &Directory) -> String {
        match self.resolve(directory) {
            Ok(resolved) => match resolved.destination {
                Destination::CallAnswering { mailbox, reason } => format!("{} {}", mailbox.alias, reason.as_str()),
                Destination::SubscriberAccess => format!("access {}", resolved.dial_plan.name),
            },
            Err(refused) => refused.to_string(),
        }
    }
}

fn sample() -> Directory {
    Directory::load(&sample_files()).unwrap()
}

#[test]
fn the_sample_organisation_answers_as_the_design_says() {
    let sample = sample();
    for (call, answer) in [
        (call("5000").diverted_from("1001", DivertNoAnswer), "alice DivertNoAnswer"),
        (call("5000").diverted_from("1003", DivertBusy), "minji DivertBusy"),
        (call("1001"), "alice Direct"),
        (call("1002"), "bob Direct"),
        (call("5000"), "access Lab"),
        (
            call("5000").diverted_from("1999", DivertBusy),
            "404 no mailbox of dial plan Lab has 1999, for whom the call was diverted",
        ),
        (
            call("1999"),
            "404 no hunt group of UM IP gateway Loopback has pilot 1999, and no mailbox of its dial plans has that number",
        ),
        (call("1001").from("192.0.2.1", 5060), "403 192.0.2.1 is not the address of a UM IP gateway"),
        (call("1001").from("127.0.0.2", 5060), "403 127.0.0.2 is not the address of a UM IP gateway"),
        (call("1001").from("::ffff:127.0.0.1", 5060), "alice Direct"),
    ] {
        assert_eq!(call.answer(&sample), answer, "{} {:?}", call.called, call.diversions);
    }
}

#[test]
fn the_called_user_is_found_in_every_form_of_uri() {
    let sample = sample();
    for (uri, answer) in [
        ("sip:5000@127.0.0.1:5062;transport=Tcp", "access Lab"),
        ("sip:5000;phone-context=private@host", "access Lab"),
        ("sip:5000@host;user=phone?Reason=x", "access Lab"),
        ("tel:5000", "access Lab"),
        ("tel:50-00;phone-context=cdp.udp", "access Lab"),
        ("sip:+5000@host", "access Lab"),
        ("sip:50%30%30@host", "access Lab"),
        ("sips:1001@host", "alice Direct"),
        ("tel:1001", "alice Direct"),
        ("sip:1001;phone-context=cdp.udp@host", "alice Direct"),
        ("sip:+14255551001@host;user=phone", "alice Direct"),
        ("sip:14255551001@host", "alice Direct"),
        ("tel:+1-425-555-1001", "alice Direct"),
    ] {
        assert_eq!(call(uri).answer(&sample), answer, "{uri}");
    }
    let refused = |uri: &str| call(uri).resolve(&sample).map(drop).unwrap_err().status;
    // not the plan's country; too short to be a public number; not a number
    for uri in ["sip:+44205551001@host", "sip:91001@host", "sip:alice@host", "http://1001@host", ""] {
        assert_eq!(refused(uri), 404, "{uri}");
    }
}

#[test]
fn a_request_uri_without_user_leaves_it_to_the_to_header() {
    let sample = sample();
    assert_eq!(call("sip:um.example.test").to("sip:1001@um.example.test").answer(&sample), "alice Direct");
    assert_eq!(
        call("sip:um.example.test").to("sip:5000@x").diverted_from("1002", DivertBusy).answer(&sample),
        "bob DivertBusy"
    );
    assert_eq!(
        call("sip:um.example.test").answer(&sample),
        "404 the call names no user, and no hunt group of UM IP gateway Loopback takes all calls"
    );
}

#[test]
fn the_first_diverted_user_with_a_mailbox_answers() {
    let sample = sample();
    for (call, answer) in [
        (call("5000").diverted_from("1002", DivertForward).diverted_from("1001", DivertBusy), "bob DivertForward"),
        // products name the pilot itself in History-Info, also on direct calls
        (call("5000").diverted_from("5000", DivertNoAnswer).diverted_from("1001", DivertBusy), "alice DivertBusy"),
        (call("5000").diverted_from("5000", DivertNoAnswer), "access Lab"),
        (call("5000").diverted_from("+5000", DivertNoAnswer), "access Lab"),
        // a user outside the plan was called first and forwarded to one inside
        (
            call("5000").diverted_from("+442079460000", DivertForward).diverted_from("1001", DivertNoAnswer),
            "alice DivertNoAnswer",
        ),
        // the PBX routes the extension itself and says who was called before
        (call("1001").diverted_from("1001", DivertNoAnswer), "alice DivertNoAnswer"),
        (call("1001").diverted_from("1002", DivertForward), "bob DivertForward"),
        (call("1001").diverted_from("+442079460000", DivertForward), "alice DivertForward"),
        // forms of number
        (call("5000").diverted_from("+14255551001", DivertBusy), "alice DivertBusy"),
        (call("5000").diverted_from("5551001", DivertBusy), "alice DivertBusy"),
        (call("5000").diverted_from("tel:1001;phone-context=x", DivertBusy), "alice DivertBusy"),
        (call("5000").diverted_from("1001;phone-context=cdp.udp", DivertBusy), "alice DivertBusy"),
        (call("5000").diverted_from("+1001", DivertBusy), "alice DivertBusy"),
        (
            call("5000").diverted_from("\"\\\r\nÄ", DivertBusy),
            "404 no mailbox of dial plan Lab has _____, for whom the call was diverted",
        ),
    ] {
        assert_eq!(call.answer(&sample), answer, "{:?}", call.diversions);
    }
}

/// A plan of a kind, its mailboxes below, behind gateway 192.0.2.1 with pilot 5000.
fn organisation(plan: &str, mailboxes: &str) -> Directory {
    directory(&format!(
        "[[ip_gateway]]\nname = \"G\"\naddress = \"192.0.2.1\"\n\
         [[hunt_group]]\nname = \"H\"\nip_gateway = \"G\"\ndial_plan = \"P\"\npilot_identifier = [\"5000\", \"Pilot@example.test\"]\n\
         [[dial_plan]]\nname = \"P\"\nnumber_of_digits_in_extension = 4\n{plan}\n\
         [[mailbox_policy]]\nname = \"P\"\ndial_plan = \"P\"\n{mailboxes}"
    ))
}

fn person(alias: &str, lines: &str) -> String {
    format!(
        "[[mailbox]]\nalias = \"{alias}\"\nemail_address = \"{alias}@example.test\"\nmailbox_policy = \"P\"\n{lines}\n"
    )
}

fn diverted(user: &str, directory: &Directory) -> String {
    call("5000").from("192.0.2.1", 5060).diverted_from(user, DivertBusy).answer(directory)
}

#[test]
fn numbering_plan_formats_alone_say_which_long_numbers_hold_an_extension() {
    let people = person("alice", "extensions = [\"1001\"]\ne164_numbers = [\"+14250009999\"]")
        + &person("bob", "extensions = [\"9999\"]");
    let plan =
        organisation("country_or_region_code = \"1\"\nnumbering_plan_formats = [\"142555xxxxx\", \"77xxxx\"]", &people);
    for (user, answer) in [
        ("1001", "alice DivertBusy"),
        ("+14255551001", "alice DivertBusy"),
        ("14255551001", "alice DivertBusy"),
        ("771001", "alice DivertBusy"),
        // a mailbox's own number comes before its last digits
        ("+14250009999", "alice DivertBusy"),
        ("4250009999", "alice DivertBusy"),
    ] {
        assert_eq!(diverted(user, &plan), answer, "{user}");
    }
    for user in ["+14265551001", "5551001", "781001", "142555510010"] {
        assert!(diverted(user, &plan).starts_with("404 "), "{user}");
    }
}

#[test]
fn e164_plans_find_numbers_with_and_without_plus_punctuation_and_country_code() {
    let people = person("alice", "extensions = [\"1001\"]\ne164_numbers = [\"+14255550123\", \"+14255550199\"]");
    let plan = organisation("uri_type = \"E164\"\ncountry_or_region_code = \"1\"", &people);
    for user in
        ["+14255550123", "14255550123", "+1-425-555.0123", "tel:+1(425)555-0123", "4255550123", "+14255550199", "1001"]
    {
        assert_eq!(diverted(user, &plan), "alice DivertBusy", "{user}");
    }
    for user in ["+14255550124", "5550123", "0123", "+4255550123", "+14255551001", "alice", "alice@example.test"] {
        assert!(diverted(user, &plan).starts_with("404 "), "{user}");
    }
}

#[test]
fn sip_uri_plans_find_addresses_in_any_case_and_numbers() {
    let people = person(
        "alice",
        "extensions = [\"1001\"]\nsip_addresses = [\"Alice@example.test\", \"am@example.test\"]\ne164_numbers = [\"+14255550123\"]",
    );
    let plan = organisation("uri_type = \"SipName\"", &people);
    for user in [
        "alice@example.test",
        "ALICE@Example.Test",
        "am@example.test",
        "+14255550123@gw.example.test",
        "+14255550123",
        "1001@gw",
    ] {
        assert_eq!(diverted(user, &plan), "alice DivertBusy", "{user}");
    }
    for user in ["alice", "alice@other.test", "bob@example.test", "+14255550124@gw"] {
        assert!(diverted(user, &plan).starts_with("404 "), "{user}");
    }
    let direct = |uri: &str| call(uri).from("192.0.2.1", 5060).answer(&plan);
    assert_eq!(direct("sip:Alice@example.test;opaque=app:voicemail"), "alice Direct");
    assert_eq!(direct("sip:+14255550123@example.test;user=phone"), "alice Direct");
    assert_eq!(direct("sip:pilot@EXAMPLE.test"), "access P");
    assert!(direct("sip:pilot@other.test").starts_with("404 "));
}

#[test]
fn gateways_answer_by_status() {
    let text = |status: &str| {
        format!(
            "[[ip_gateway]]\nname = \"PBX 1\"\naddress = \"192.0.2.1\"\nstatus = \"{status}\"\n[[dial_plan]]\nname = \"P\"\nnumber_of_digits_in_extension = 4\n\
             [[hunt_group]]\nname = \"H\"\nip_gateway = \"PBX 1\"\ndial_plan = \"P\"\n"
        )
    };
    let answer = |status: &str| call("5000").from("192.0.2.1", 5060).answer(&directory(&text(status)));
    assert_eq!(answer("Enabled"), "access P");
    assert_eq!(answer("Disabled"), "403 UM IP gateway PBX 1 is disabled");
    assert_eq!(answer("NoNewCalls"), "480 UM IP gateway PBX 1 takes no new calls (its Status is NoNewCalls)");
}

#[test]
fn a_gateway_without_hunt_group_handles_no_calls() {
    let directory = directory("[[ip_gateway]]\nname = \"G\"\naddress = \"192.0.2.1\"\n");
    assert_eq!(
        call("5000").from("192.0.2.1", 5060).answer(&directory),
        "404 UM IP gateway G has no hunt group, so no dial plan answers its calls"
    );
}

/// Two plans with 1001 each; `text` links them.
fn two_plans(text: &str) -> Directory {
    directory(&format!(
        "[[dial_plan]]\nname = \"A\"\nnumber_of_digits_in_extension = 4\naccess_telephone_numbers = [\"6000\"]\n\
         [[dial_plan]]\nname = \"B\"\nnumber_of_digits_in_extension = 4\nequivalent_dial_plan_phone_contexts = [\"A.example.test\"]\n\
         [[mailbox_policy]]\nname = \"PA\"\ndial_plan = \"A\"\n[[mailbox_policy]]\nname = \"PB\"\ndial_plan = \"B\"\n\
         [[mailbox]]\nalias = \"anna\"\nemail_address = \"a@example.test\"\nmailbox_policy = \"PA\"\nextensions = [\"1001\", \"1100\"]\n\
         [[mailbox]]\nalias = \"ben\"\nemail_address = \"b@example.test\"\nmailbox_policy = \"PB\"\nextensions = [\"1001\", \"2002\"]\n{text}"
    ))
}

fn gateway(name: &str, address: &str, port: u16) -> String {
    format!("[[ip_gateway]]\nname = \"{name}\"\naddress = \"{address}\"\nport = {port}\n")
}

fn group(name: &str, gateway: &str, plan: &str, pilots: &str) -> String {
    format!(
        "[[hunt_group]]\nname = \"{name}\"\nip_gateway = \"{gateway}\"\ndial_plan = \"{plan}\"\npilot_identifier = [{pilots}]\n"
    )
}

#[test]
fn the_pilot_says_which_plan_of_a_gateway_answers() {
    let text = gateway("G", "192.0.2.1", 5060)
        + &group("HA", "G", "A", "\"5000\"")
        + &group("HB", "G", "B", "\"5001\", \"5002\"");
    let directory = two_plans(&text);
    let from = |called: &str| call(called).from("192.0.2.1", 5060);
    for (call, answer) in [
        (from("5000").diverted_from("1001", DivertBusy), "anna DivertBusy"),
        (from("5001").diverted_from("1001", DivertBusy), "ben DivertBusy"),
        (from("5002").diverted_from("2002", DivertBusy), "ben DivertBusy"),
        (
            from("5000").diverted_from("2002", DivertBusy),
            "404 no mailbox of dial plan A has 2002, for whom the call was diverted",
        ),
        (from("5001"), "access B"),
        (from("6000"), "access A"),
        (from("6000").diverted_from("1100", DivertBusy), "anna DivertBusy"),
        // routed by the PBX itself: the only plan that knows the number, else the first
        (from("2002"), "ben Direct"),
        (from("1001"), "anna Direct"),
        (
            from("7000"),
            "404 no hunt group of UM IP gateway G has pilot 7000, and no mailbox of its dial plans has that number",
        ),
    ] {
        assert_eq!(call.answer(&directory), answer, "{} {:?}", call.called, call.diversions);
    }
    let resolved = from("5002").resolve(&directory).unwrap();
    assert_eq!(
        (resolved.gateway.name.as_str(), resolved.hunt_group.name.as_str(), resolved.dial_plan.name.as_str()),
        ("G", "HB", "B")
    );
}

#[test]
fn a_hunt_group_without_pilot_takes_what_no_other_takes() {
    let text = gateway("G", "192.0.2.1", 5060) + &group("HA", "G", "A", "\"5000\"") + &group("HB", "G", "B", "");
    let directory = two_plans(&text);
    let from = |called: &str| call(called).from("192.0.2.1", 5060);
    for (call, answer) in [
        (from("5000").diverted_from("1001", DivertBusy), "anna DivertBusy"),
        (from("7000").diverted_from("1001", DivertBusy), "ben DivertBusy"),
        (from("7000").diverted_from("7000", DivertBusy), "access B"),
        (from("7000"), "access B"),
        (from("sip:host"), "access B"),
        (from("1001"), "ben Direct"),
        (from("1100"), "anna Direct"),
    ] {
        assert_eq!(call.answer(&directory), answer, "{} {:?}", call.called, call.diversions);
    }
}

#[test]
fn gateways_with_one_address_are_told_apart_by_port() {
    let text = gateway("G1", "192.0.2.1", 5060)
        + &gateway("G2", "192.0.2.1", 5070)
        + &gateway("G0", "192.0.2.1", 0)
        + &gateway("Alone", "192.0.2.2", 5060)
        + &group("H", "G1", "A", "");
    let directory = two_plans(&text);
    let gateway_of =
        |peer: &str, port: u16| directory.gateway_of(peer.parse().unwrap(), port).map(|gateway| gateway.name.as_str());
    assert_eq!(gateway_of("192.0.2.1", 5060), Some("G1"));
    assert_eq!(gateway_of("192.0.2.1", 5070), Some("G2"));
    assert_eq!(gateway_of("192.0.2.1", 49_152), Some("G0"));
    // stream connections come from any port: the address is what counts
    assert_eq!(gateway_of("192.0.2.2", 49_152), Some("Alone"));
    assert_eq!(gateway_of("192.0.2.3", 5060), None);
}

#[test]
fn a_gateway_with_a_host_name_takes_calls_from_the_addresses_it_was_given() {
    let both = "ip_address_family = \"Any\"\n";
    let mut directory = two_plans(&(gateway("G", "gw.example.test", 5060) + both + &group("H", "G", "A", "")));
    let hosts: Vec<_> = directory.gateway_hosts().cloned().collect();
    assert_eq!(hosts.iter().map(HostName::as_str).collect::<Vec<_>>(), ["gw.example.test"]);
    let from = |peer: &str, directory: &Directory| call("1001").from(peer, 5060).answer(directory);
    assert!(from("192.0.2.7", &directory).starts_with("403 "));
    let at = |texts: &[&str]| Whereabouts::of(texts.iter().map(|text| text.parse().unwrap()));
    directory.locate([(&hosts[0], &at(&["192.0.2.7", "2001:db8::7"]))]);
    assert_eq!(
        (from("192.0.2.7", &directory), from("2001:db8::7", &directory)),
        ("anna Direct".to_owned(), "anna Direct".to_owned())
    );
    directory.locate([(&hosts[0], &at(&["192.0.2.8"]))]);
    assert!(from("192.0.2.7", &directory).starts_with("403 "));
    assert_eq!(from("192.0.2.8", &directory), "anna Direct");
}

/// IPAddressFamily: IPv4 as shipped.
#[test]
fn of_a_host_name_the_addresses_of_the_gateways_family_count() {
    for (family, four, six) in [("", true, false), ("Ipv6Only", false, true), ("Any", true, true)] {
        let family = if family.is_empty() { String::new() } else { format!("ip_address_family = \"{family}\"\n") };
        let mut directory = two_plans(&(gateway("G", "gw.example.test", 5060) + &family + &group("H", "G", "A", "")));
        let host = directory.gateway_hosts().next().unwrap().clone();
        let addresses = ["192.0.2.7", "2001:db8::7"].map(|text| text.parse().unwrap());
        directory.locate([(&host, &Whereabouts::of(addresses))]);
        let known = addresses.map(|address| directory.gateway_of(address, 5060).is_some());
        assert_eq!(known, [four, six], "{family}");
    }
}

#[test]
fn the_caller_is_recognised_by_what_names_a_mailbox_exactly() {
    let people = person(
        "alice",
        "extensions = [\"1001\"]\ne164_numbers = [\"+14255550123\"]\nsip_addresses = [\"alice@example.test\"]",
    );
    let plan = organisation("country_or_region_code = \"1\"", &people);
    let caller =
        |call: Call| call.from("192.0.2.1", 5060).resolve(&plan).unwrap().caller.map(|caller| caller.alias.to_string());
    for user in ["1001", "1001@gateway", "+14255550123", "14255550123", "4255550123", "alice@EXAMPLE.test"] {
        assert_eq!(caller(call("5000").by(user)).as_deref(), Some("alice"), "{user}");
    }
    // a stranger whose number only ends like an extension gets nobody's name
    for user in ["+14255551001", "5551001", "alice", "alice@other.test", "1002", ""] {
        assert_eq!(caller(call("5000").by(user)), None, "{user}");
    }
    let mut hidden = call("5000").by("1001");
    hidden.calling.as_mut().unwrap().anonymous = true;
    assert_eq!(caller(hidden), None);
    assert_eq!(caller(call("5000")), None);
}

#[test]
fn callers_of_equivalent_plans_are_recognised_after_the_plan_s_own() {
    let text =
        gateway("G", "192.0.2.1", 5060) + &group("HA", "G", "A", "\"5000\"") + &group("HB", "G", "B", "\"5001\"");
    let directory = two_plans(&text);
    let caller = |pilot: &str, user: &str| {
        let resolved = call(pilot).from("192.0.2.1", 5060).by(user).resolve(&directory).unwrap();
        resolved.caller.map(|caller| caller.alias.to_string())
    };
    assert_eq!(caller("5001", "1001").as_deref(), Some("ben"));
    assert_eq!(caller("5001", "1100").as_deref(), Some("anna"));
    // not the other way round
    assert_eq!(caller("5000", "2002"), None);
}

/// Two SIP URI plans, both of which trust a pool.
fn trusting() -> Directory {
    let plan = |name: &str, more: &str, people: &str| {
        format!(
            "[[dial_plan]]\nname = \"{name}\"\nuri_type = \"SipName\"\nnumber_of_digits_in_extension = 4\n\
             trusted_peers = [\"192.0.2.60\", \"pool.example.test\"]\n{more}\n\
             [[mailbox_policy]]\nname = \"{name} P\"\ndial_plan = \"{name}\"\n{people}"
        )
    };
    let person = |alias: &str, policy: &str, extension: &str| {
        format!(
            "[[mailbox]]\nalias = \"{alias}\"\nemail_address = \"{alias}@example.test\"\nmailbox_policy = \"{policy} P\"\n\
             extensions = [\"{extension}\"]\nsip_addresses = [\"{alias}@example.test\"]\n"
        )
    };
    let access = "access_telephone_numbers = [\"um-east@example.test\", \"5000\"]";
    directory(&format!(
        "{}{}",
        plan("East", access, &person("ann", "East", "1001")),
        plan("West", "", &person("bob", "West", "1001"))
    ))
}

#[test]
fn a_trusted_peer_reaches_the_users_and_access_numbers_of_its_plans_and_nobody_else() {
    let directory = trusting();
    let from_pool = |uri: &str| call(uri).from("192.0.2.60", 40_000);
    for (uri, answer) in [
        ("sip:ann@example.test;opaque=app:voicemail", "ann Direct"),
        ("sip:BOB@example.test", "bob Direct"),
        ("sip:um-east@example.test", "access East"),
        ("sip:5000@example.test;user=phone", "access East"),
        (
            "sip:nobody@example.test",
            "404 no dial plan that trusts 192.0.2.60 has user nobody, or one for whom the call was diverted",
        ),
    ] {
        assert_eq!(from_pool(uri).answer(&directory), answer, "{uri}");
    }
    let diverted = from_pool("sip:um@pool.example.test").diverted_from("bob@example.test", DivertNoAnswer);
    assert_eq!(diverted.answer(&directory), "bob DivertNoAnswer", "of the second plan");
    let resolved = diverted.by("ann@example.test").resolve(&directory).unwrap();
    assert!(resolved.gateway.trusted_peer);
    assert_eq!(
        (resolved.dial_plan.name.as_str(), resolved.caller.map(|caller| caller.alias.to_string())),
        ("West", None)
    );
    assert!(call("sip:ann@example.test").from("192.0.2.61", 5060).answer(&directory).starts_with("403 "));
}

#[test]
fn a_trusted_peer_may_be_a_name() {
    let mut directory = trusting();
    let host: HostName = "pool.example.test".parse().unwrap();
    assert!(directory.gateway_hosts().any(|known| *known == host));
    let from_name = call("sip:ann@example.test").from("2001:db8::60", 5060);
    assert!(from_name.answer(&directory).starts_with("403 "), "not looked up yet");
    directory
        .locate([(&host, &Whereabouts { addresses: vec!["2001:db8::60".parse().unwrap()], ..Default::default() })]);
    assert_eq!(from_name.answer(&directory), "ann Direct");
}
