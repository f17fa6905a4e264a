//! What may stand in the files, and what is said about what may not.

use std::time::Duration;

use super::super::*;
use super::{directory, faults, sample_files, show, with_base};

fn plan(lines: &str) -> String {
    format!("[[dial_plan]]\nname = \"Lab\"\nnumber_of_digits_in_extension = 4\n{lines}")
}

#[test]
fn the_sample_organisation_is_the_one_of_the_design() {
    let directory = Directory::load(&sample_files()).unwrap_or_else(|faults| panic!("{}", show(&faults)));
    let plan = directory.dial_plan("lab").unwrap();
    assert_eq!((plan.uri_type, plan.number_of_digits_in_extension), (UriType::TelExtn, 4));
    assert_eq!((plan.country_or_region_code.as_deref(), plan.default_language.as_str()), (Some("1"), "en-US"));
    assert_eq!(plan.access_telephone_numbers.iter().map(PilotNumber::as_str).collect::<Vec<_>>(), ["5000"]);
    let mailboxes: Vec<_> = directory
        .mailboxes()
        .iter()
        .map(|mailbox| {
            let extension = mailbox.primary_extension().unwrap().as_str();
            (mailbox.alias.as_str(), extension, mailbox.email_address.as_str(), mailbox.language.as_str())
        })
        .collect();
    assert_eq!(
        mailboxes,
        [
            ("alice", "1001", "alice@example.test", "en-US"),
            ("bob", "1002", "bob@example.test", "en-US"),
            ("minji", "1003", "minji@example.test", "ko-KR"),
        ]
    );
    assert_eq!(directory.mailbox_policies()[0].name.as_str(), "Lab Default Policy");
    assert_eq!(directory.ip_gateways()[0].port, 0);
    assert_eq!(directory.hunt_groups()[0].name.as_str(), "Lab Pilot");
}

#[test]
fn a_dial_plan_has_the_defaults_of_exchange() {
    let directory = directory(&plan(""));
    let plan = directory.dial_plan("Lab").unwrap();
    assert_eq!(plan.uri_type, UriType::TelExtn);
    assert_eq!(plan.voip_security, VoipSecurity::Unsecured);
    assert_eq!(plan.default_language.as_str(), "en-US");
    assert_eq!(plan.max_call_duration, Duration::from_secs(30 * 60));
    assert_eq!(plan.max_recording_duration, Duration::from_secs(20 * 60));
    assert_eq!(plan.recording_idle_timeout, Duration::from_secs(5));
    assert_eq!(plan.input_failures_before_disconnect, 3);
}

#[test]
fn ranges_are_allowed_to_their_ends() {
    for lines in [
        "max_call_duration = \"120m\"\nmax_recording_duration = \"100m\"",
        "max_call_duration = \"10m\"\nmax_recording_duration = \"9m59s\"",
        "max_recording_duration = \"1m\"",
        "recording_idle_timeout = \"2s\"",
        "recording_idle_timeout = \"10s\"",
        "input_failures_before_disconnect = 1",
        "input_failures_before_disconnect = 20",
        "country_or_region_code = \"1\"",
        "country_or_region_code = \"1684\"",
        "uri_type = \"sipname\"",
        "voip_security = \"Unsecured\"",
        "default_language = \"ko-KR\"",
        "numbering_plan_formats = [\"142555xxxxx\", \"+4420xxxx\"]",
        "equivalent_dial_plan_phone_contexts = [\"lab.example.test\"]",
        "access_telephone_numbers = \"+1 (425) 555-0100\"",
    ] {
        assert_eq!(faults(&plan(lines)), "", "{lines}");
    }
}

#[test]
fn what_a_dial_plan_may_not_say() {
    for (lines, fault) in [
        ("max_call_duration = \"9m\"", "a.toml:4: max_call_duration: 9m is out of range; 10m to 2h is allowed"),
        ("max_call_duration = \"121m\"", "a.toml:4: max_call_duration: 2h1m is out of range; 10m to 2h is allowed"),
        ("max_call_duration = 30", "a.toml:4: max_call_duration: expected text in quotes, found 30"),
        (
            "max_call_duration = \"thirty\"",
            "a.toml:4: max_call_duration: \"thirty\" is no duration; write a number and a unit (s, m, h, d), such as \"30m\"",
        ),
        (
            "max_recording_duration = \"30m\"",
            "a.toml:4: max_recording_duration: 30m is not less than max_call_duration, which is 30m",
        ),
        (
            "max_call_duration = \"15m\"",
            "a.toml:1: max_recording_duration: 20m is not less than max_call_duration, which is 15m",
        ),
        (
            "max_recording_duration = \"59s\"",
            "a.toml:4: max_recording_duration: 59s is out of range; 1m to 1h40m is allowed",
        ),
        (
            "recording_idle_timeout = \"11s\"",
            "a.toml:4: recording_idle_timeout: 11s is out of range; 2s to 10s is allowed",
        ),
        (
            "input_failures_before_disconnect = 0",
            "a.toml:4: input_failures_before_disconnect: 0 is out of range; 1 to 20 is allowed",
        ),
        (
            "input_failures_before_disconnect = 9999999999",
            "a.toml:4: input_failures_before_disconnect: 9999999999 is out of range; 1 to 20 is allowed",
        ),
        (
            "country_or_region_code = \"+1\"",
            "a.toml:4: country_or_region_code: \"+1\" is no country code; it is 1 to 4 digits, such as \"1\" or \"82\"",
        ),
        ("uri_type = \"TelExt\"", "a.toml:4: uri_type: \"TelExt\" is not allowed; allowed are TelExtn, E164, SipName"),
        ("voip_security = \"Secured\"", "a.toml:4: voip_security: is not supported yet except as \"Unsecured\""),
        (
            "voip_security = \"None\"",
            "a.toml:4: voip_security: \"None\" is not allowed; allowed are Unsecured, SIPSecured, Secured",
        ),
        (
            "default_language = \"English\"",
            "a.toml:4: default_language: \"English\" is no language; write one such as en-US or ko-KR",
        ),
        (
            "access_telephone_numbers = [\"5000\", \"front desk\"]",
            "a.toml:4: access_telephone_numbers: \"front desk\" is no number or SIP address; write one such as 5000, +14255550100 or pilot@example.test",
        ),
        (
            "access_telephone_numbers = \"123456789012345678901234567890123\"",
            "a.toml:4: access_telephone_numbers: \"123456789012345678901234567890123\" has 33 characters; 32 are allowed",
        ),
        (
            "numbering_plan_formats = [\"1425-xxx\"]",
            "a.toml:4: numbering_plan_formats: \"1425-xxx\" is no form of number; write up to 20 digits with an x for each digit that varies, such as \"142570xxxxx\"",
        ),
        (
            "numbering_plan_formats = [\"xxx\"]",
            "a.toml:4: numbering_plan_formats: \"xxx\" is shorter than an extension of the plan",
        ),
        (
            "equivalent_dial_plan_phone_contexts = [\"Labs\"]",
            "a.toml:4: equivalent_dial_plan_phone_contexts: \"Labs\" names no dial plan; write a plan's name, or its name, a dot and a domain",
        ),
        ("ur_type = \"E164\"", "a.toml:4: ur_type: is not known here; did you mean uri_type?"),
        ("colour = \"blue\"", "a.toml:4: colour: is not known here"),
        ("audio_codec = \"Mp3\"", "a.toml:4: audio_codec: is not supported yet; take it out"),
        ("operator_extension = \"1000\"", "a.toml:4: operator_extension: is not supported yet; take it out"),
        ("[dial_plan.uri_type]\nx = 1", "a.toml:4: uri_type: expected a value, found a table"),
    ] {
        assert_eq!(faults(&plan(lines)), fault, "{lines}");
    }
}

#[test]
fn what_must_be_there_is_missed() {
    assert_eq!(
        faults("[[dial_plan]]\n"),
        "a.toml:1: name: is missing\na.toml:1: number_of_digits_in_extension: is missing; 1 to 20 is allowed"
    );
    assert_eq!(faults("[[ip_gateway]]\n"), "a.toml:1: address: is missing\na.toml:1: name: is missing");
    assert_eq!(faults("[[mailbox_policy]]\nname = \"P\""), "a.toml:1: dial_plan: is missing");
    for server in ["service", "call_router"] {
        assert_eq!(
            faults(&format!("[[{server}]]\nname = \"um1.example.test\"\num_startup_mode = \"tls\"\n")),
            "a.toml:3: um_startup_mode: TLS listeners are not built yet, so nothing would listen; TCP or Dual is allowed"
        );
    }
    assert_eq!(
        faults(&plan("trusted_peers = [\"pool.example.test\"]")),
        "a.toml:4: trusted_peers: only SIP URI plans (SipName) have trusted peers, and this one is TelExtn; make the peer a UM IP gateway"
    );
    let twice = plan(
        "uri_type = \"SipName\"\ntrusted_peers = [\"192.0.2.60\"]\n[[ip_gateway]]\nname = \"Pool\"\naddress = \"192.0.2.60\"",
    );
    assert_eq!(
        faults(&twice),
        "a.toml:5: trusted_peers: 192.0.2.60 is UM IP gateway \"Pool\" already; give it a hunt group for dial plan \"Lab\" instead"
    );
    assert_eq!(
        faults("[[hunt_group]]\nname = \"P\""),
        "a.toml:1: dial_plan: is missing\na.toml:1: ip_gateway: is missing"
    );
    assert_eq!(
        faults("[[mailbox]]"),
        "a.toml:1: alias: is missing\na.toml:1: email_address: is missing\na.toml:1: mailbox_policy: is missing"
    );
}

#[test]
fn gateways_are_addresses_or_names_with_a_port_and_a_status() {
    for (lines, shown) in [
        ("address = \"192.0.2.9\"", "192.0.2.9"),
        ("address = \"2001:db8::1\"", "2001:db8::1"),
        ("address = \"[2001:db8::1]\"", "2001:db8::1"),
        ("address = \"::ffff:192.0.2.9\"", "192.0.2.9"),
        ("address = \"GW.Example.Test.\"", "gw.example.test"),
        ("address = \"gw\"\nport = 65535\nstatus = \"nonewcalls\"", "gw"),
        (
            "address = \"gw\"\nredirect = false\noutcalls_allowed = false\nsimulator = true\nip_address_family = \"Any\"",
            "gw",
        ),
    ] {
        let directory = directory(&format!("[[ip_gateway]]\nname = \"G\"\n{lines}"));
        assert_eq!(directory.ip_gateways()[0].address.to_string(), shown);
    }
    for (lines, fault) in [
        (
            "address = \"192.0.2.256\"",
            "a.toml:3: address: \"192.0.2.256\" is no address; write an IPv4 or IPv6 address or a host name, without a port",
        ),
        (
            "address = \"192.0.2.1:5060\"",
            "a.toml:3: address: \"192.0.2.1:5060\" is no address; write an IPv4 or IPv6 address or a host name, without a port",
        ),
        ("address = \"0.0.0.0\"", "a.toml:3: address: 0.0.0.0 is not the address of a gateway"),
        ("address = \"gw\"\nport = 65536", "a.toml:4: port: 65536 is out of range; 0 to 65535 is allowed"),
        ("address = \"gw\"\nport = \"5060\"", "a.toml:4: port: expected a whole number, found the text \"5060\""),
        (
            "address = \"gw\"\nstatus = \"On\"",
            "a.toml:4: status: \"On\" is not allowed; allowed are Enabled, Disabled, NoNewCalls",
        ),
        ("address = \"gw\"\nredirect = \"no\"", "a.toml:4: redirect: expected true or false, found the text \"no\""),
    ] {
        assert_eq!(faults(&format!("[[ip_gateway]]\nname = \"G\"\n{lines}")), fault);
    }
}

#[test]
fn hunt_groups_link_what_exists_once() {
    let group = |name: &str, rest: &str| {
        format!("[[hunt_group]]\nname = \"{name}\"\nip_gateway = \"Gateway\"\ndial_plan = \"Lab\"\n{rest}\n")
    };
    let (a, b) =
        (group("A", "pilot_identifier = \"5000\""), group("B", "pilot_identifier = [\"5001\", \"tel:+5002\"]"));
    assert_eq!(faults(&with_base(&format!("{a}{b}{}", group("C", "")))), "");
    for (text, fault) in [
        (
            format!("{a}{}", group("B", "pilot_identifier = [\"50-00\"]")),
            "a.toml:21: pilot_identifier: pilot 50-00 of IP gateway \"Gateway\" is already defined at a.toml:16",
        ),
        (
            format!("{a}{}", group("a", "pilot_identifier = [\"5001\"]")),
            "a.toml:17: name: hunt group \"a\" of IP gateway \"Gateway\" is already defined at a.toml:12",
        ),
        (
            format!("{}{}", group("A", ""), group("B", "")),
            "a.toml:17: pilot_identifier: a hunt group without pilot, for all calls of IP gateway \"Gateway\", is already defined at a.toml:12",
        ),
        (
            a.replace("\"Lab\"", "\"Labb\""),
            "a.toml:15: dial_plan: no dial plan is named \"Labb\"; did you mean \"Lab\"?",
        ),
        (a.replace("\"Gateway\"", "\"Other\""), "a.toml:14: ip_gateway: no IP gateway is named \"Other\""),
        (
            a.replace("dial_plan", "um_dial_plan"),
            "a.toml:12: dial_plan: is missing\na.toml:15: um_dial_plan: is not known here; did you mean dial_plan?",
        ),
    ] {
        assert_eq!(faults(&with_base(&text)), fault);
    }
}

#[test]
fn one_access_number_leads_from_a_gateway_to_one_plan() {
    let text = with_base(
        r#"[[dial_plan]]
name = "Other"
number_of_digits_in_extension = 5
access_telephone_numbers = ["+5000"]
[[hunt_group]]
name = "A"
ip_gateway = "Gateway"
dial_plan = "Lab"
pilot_identifier = ["1"]
[[hunt_group]]
name = "B"
ip_gateway = "Gateway"
dial_plan = "Other"
pilot_identifier = ["2"]
"#,
    );
    assert_eq!(faults(&text), "");
    let text = text.replacen("number_of", "access_telephone_numbers = [\"5000\"]\nnumber_of", 1);
    assert_eq!(
        faults(&text),
        "a.toml:25: dial_plan: access number +5000 would lead from IP gateway \"Gateway\" to dial plan \"Lab\" and to \"Other\""
    );
}

#[test]
fn a_dial_plan_has_at_most_200_gateways() {
    let gateways = |count: usize| {
        (0..count).fold(plan(""), |text, n| {
            format!(
                "{text}\n[[ip_gateway]]\nname = \"G{n}\"\naddress = \"10.0.0.{n}\"\n[[hunt_group]]\nname = \"H\"\nip_gateway = \"G{n}\"\ndial_plan = \"Lab\"\n\
                 pilot_identifier = [\"1\"]\n[[hunt_group]]\nname = \"H2\"\nip_gateway = \"G{n}\"\ndial_plan = \"Lab\"\npilot_identifier = [\"2\"]"
            )
        })
    };
    assert_eq!(faults(&gateways(200)), "");
    let one_more = faults(&gateways(201));
    assert!(
        one_more.ends_with("ip_gateway: dial plan \"Lab\" has more than 200 IP gateways with this one"),
        "{one_more}"
    );
    assert_eq!(one_more.lines().count(), 1);
}

#[test]
fn objects_defined_twice_name_both_places() {
    let files = [
        SourceFile::new("config/a.toml", plan("")),
        SourceFile::new(
            "config/b.toml",
            "# a comment\n\n[[dial_plan]]\nnumber_of_digits_in_extension = 4\nname = \"LAB\"\n",
        ),
        SourceFile::new(
            "config/c.toml",
            "[[ip_gateway]]\nname = \"A\"\naddress = \"192.0.2.1\"\n[[ip_gateway]]\nname = \"B\"\naddress = \"192.0.2.1\"\nport = 5060\n",
        ),
    ];
    assert_eq!(
        show(&Directory::load(&files).unwrap_err()),
        "config/b.toml:5: name: dial plan \"LAB\" is already defined at config/a.toml:2\n\
         config/c.toml:6: address: 192.0.2.1 with port 5060 is already defined at config/c.toml:3"
    );
}

#[test]
fn all_faults_of_all_files_are_found_at_once_and_none_that_only_follow() {
    let files = [
        SourceFile::new("a.toml", plan("uri_type = \"X\"\nmax_call_duration = \"1s\"\ncolour = 1")),
        SourceFile::new(
            "b.toml",
            "[[mailbox_policy]]\nname = \"P\"\ndial_plan = \"Lab\"\n[[mailbox]]\nalias = \"a b\"\n",
        ),
        SourceFile::new(
            "c.toml",
            "[[mailbox]]\nalias = \"bob\"\nemail_address = \"bob@example.test\"\nmailbox_policy = \"P\"\nextensions = [\"x\"]\n",
        ),
    ];
    assert_eq!(
        show(&Directory::load(&files).unwrap_err()),
        "a.toml:4: uri_type: \"X\" is not allowed; allowed are TelExtn, E164, SipName\n\
         a.toml:5: max_call_duration: 1s is out of range; 10m to 2h is allowed\n\
         a.toml:6: colour: is not known here\n\
         b.toml:4: email_address: is missing\n\
         b.toml:4: mailbox_policy: is missing\n\
         b.toml:5: alias: \"a b\" is no alias; it is 1 to 64 letters A-Z, digits, '_', '-', '+', and single dots within\n\
         c.toml:5: extensions: \"x\" is no extension; it is 1 to 20 digits and nothing else"
    );
}

#[test]
fn a_file_that_is_no_toml_makes_nothing_else_missing() {
    let files = [
        SourceFile::new("a.toml", "[[dial_plan]]\nname = \"Lab\n"),
        SourceFile::new("b.toml", "[[mailbox_policy]]\nname = \"P\"\ndial_plan = \"Lab\"\ncolour = 1\n"),
    ];
    let faults = Directory::load(&files).unwrap_err();
    assert_eq!(faults.len(), 2, "{}", show(&faults));
    assert!(faults[0].to_string().starts_with("a.toml:2: is not TOML: "), "{}", faults[0]);
    assert_eq!(faults[1].to_string(), "b.toml:4: colour: is not known here");
}

#[test]
fn only_known_kinds_stand_at_the_top_of_a_file() {
    for (text, fault) in [
        ("[[dial_plans]]\nname = \"Lab\"", "a.toml:1: dial_plans: is not known here; did you mean dial_plan?"),
        ("[[um_ip_gateway]]\nname = \"Lab\"", "a.toml:1: um_ip_gateway: is not known here; did you mean ip_gateway?"),
        ("\n[mailbox]\nalias = \"a\"", "a.toml:2: mailbox: write each one as [[mailbox]]"),
        ("mailbox = []", "a.toml:1: mailbox: write each one as [[mailbox]]"),
        ("[[auto_attendant]]\nname = \"Front Desk\"", "a.toml:1: auto_attendant: is not supported yet; take it out"),
        ("name = \"Lab\"", "a.toml:1: name: is not known here"),
    ] {
        assert_eq!(faults(text), fault, "{text}");
    }
}

#[test]
fn an_empty_directory_is_a_directory() {
    assert!(Directory::load(&[]).unwrap().mailboxes().is_empty());
    assert_eq!(faults(""), "");
    assert_eq!(faults("\u{feff}# only a comment\r\n"), "");
}
