//! The registry knows what the directory and Exchange know, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Where the directory reads the keys of a kind, and the `impl` it does so in.
const READERS: [(Kind, &str); 7] = [
    (Kind::DialPlan, include_str!("../../directory/dial_plan.rs")),
    (Kind::IpGateway, include_str!("../../directory/ip_gateway.rs")),
    (Kind::HuntGroup, include_str!("../../directory/hunt_group.rs")),
    (Kind::MailboxPolicy, include_str!("../../directory/mailbox_policy.rs")),
    (Kind::Mailbox, include_str!("../../directory/mailbox.rs")),
    (Kind::Service, include_str!("../../directory/service.rs")),
    (Kind::CallRouter, include_str!("../../directory/service.rs")),
];

/// The part of a source file that reads a kind: `service.rs` has two.
fn reader(kind: Kind, source: &str) -> String {
    let ty: String = kind.noun().split('-').map(|part| part[..1].to_uppercase() + &part[1..]).collect();
    let head = format!("\nimpl {ty} {{\n");
    let blocks = source.split(&head).skip(1).map(|rest| &rest[..rest.find("\n}\n").unwrap()]);
    blocks.filter(|block| block.contains("fn read(mut fields")).collect()
}

/// The keys that are read, and those that are known and not built.
fn keys_of_directory(kind: Kind, source: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let text = reader(kind, source);
    let keys = |text: &str| {
        let quoted = text.split('"').skip(1).step_by(2);
        let is_key = |word: &&str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        quoted.filter(is_key).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let later = text.find("const LATER").map(|start| &text[start..start + text[start..].find("];").unwrap()]);
    let later = later.map(keys).unwrap_or_default();
    let read = text.lines().filter(|line| line.contains("= fields."));
    (read.flat_map(|line| keys(&line.replace("\"en-US\"", ""))).collect(), later)
}

#[test]
fn every_key_of_the_directory_is_a_setting_and_every_setting_a_key() {
    for (kind, source) in READERS {
        let (read, mut later) = keys_of_directory(kind, source);
        assert!(!read.is_empty(), "{kind}: the reader has moved");
        // a second spelling for the same setting
        later.remove("um_auto_attendant");
        let keys = |works: bool| -> BTreeSet<String> {
            let of_state = kind.settings().iter().filter(|setting| (setting.state == State::Works) == works);
            of_state.map(|setting| setting.key.to_owned()).filter(|key| !key.is_empty()).collect()
        };
        assert_eq!(keys(true), read, "{kind}");
        assert_eq!(keys(false), later, "{kind}, not built");
    }
}

/// Parameters by cmdlet.
fn exchange() -> BTreeMap<String, BTreeSet<String>> {
    let mut cmdlets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in include_str!("../exchange/cmdlets.tsv").lines().skip(1) {
        let mut fields = line.split('\t');
        let (cmdlet, parameter) = (fields.next().unwrap(), fields.next().unwrap());
        cmdlets.entry(cmdlet.to_owned()).or_default().insert(parameter.to_owned());
    }
    cmdlets
}

/// What a cmdlet is told that is no setting of the object.
const NO_SETTINGS: [&str; 9] = [
    "Identity",
    "Server",
    "Confirm",
    "DomainController",
    "WhatIf",
    "ForceUpgrade",
    "IgnoreDefaultScope",
    "Status",
    "Name",
];

#[test]
fn every_parameter_that_sets_something_is_a_setting() {
    for (cmdlet, kind) in [
        ("Set-UMDialPlan", Kind::DialPlan),
        ("Set-UMIPGateway", Kind::IpGateway),
        ("New-UMHuntGroup", Kind::HuntGroup),
        ("Set-UMMailboxPolicy", Kind::MailboxPolicy),
        ("Set-UMMailbox", Kind::Mailbox),
        ("Set-UMService", Kind::Service),
        ("Set-UMCallRouterSettings", Kind::CallRouter),
    ] {
        let cmdlets = exchange();
        let parameters = cmdlets[cmdlet].iter().filter(|parameter| !NO_SETTINGS.contains(&parameter.as_str()));
        let missing: Vec<_> = parameters.filter(|parameter| kind.parameter(parameter).is_none()).collect();
        assert!(missing.is_empty(), "{cmdlet}: {missing:?}");
    }
}

#[test]
fn every_parameter_in_the_registry_is_one_of_exchange() {
    let known: BTreeSet<String> = exchange().into_values().flatten().collect();
    for kind in Kind::ALL {
        for setting in kind.settings().iter().filter(|setting| !setting.parameter.is_empty()) {
            assert!(known.contains(setting.parameter), "{kind}: {}", setting.parameter);
        }
    }
}

#[test]
fn keys_and_parameters_are_there_once() {
    for kind in Kind::ALL {
        for name in [|setting: &Setting| setting.key, |setting: &Setting| setting.parameter] {
            let mut seen = BTreeSet::new();
            for name in kind.settings().iter().map(name).filter(|name| !name.is_empty()) {
                assert!(seen.insert(name), "{kind}: {name} twice");
            }
        }
        assert!(kind.setting(kind.identity()).is_some());
    }
}

#[test]
fn values_are_read_as_exchange_and_as_files_write_them() {
    let setting = |kind: Kind, key| kind.setting(key).unwrap();
    let toml =
        |setting: &Setting, text: &str| setting.to_toml(Value::Text(text.to_owned())).map(|value| value.to_string());
    let duration = setting(Kind::DialPlan, "max_call_duration");
    assert_eq!(toml(duration, "45").unwrap(), "\"45m\"");
    assert_eq!(toml(duration, "1h").unwrap(), "\"1h\"");
    assert_eq!(duration.to_exchange(Value::Text("1h30m".to_owned())), Value::Number(90));
    let seconds = setting(Kind::DialPlan, "recording_idle_timeout");
    assert_eq!(seconds.to_exchange(Value::Text("5s".to_owned())), Value::Number(5));
    let switch = setting(Kind::IpGateway, "redirect");
    assert_eq!(toml(switch, "$False").unwrap(), "false");
    assert_eq!(toml(switch, "maybe").unwrap_err(), "expected true or false, found maybe");
    let choice = setting(Kind::IpGateway, "status");
    assert_eq!(toml(choice, "nonewcalls").unwrap(), "\"NoNewCalls\"");
    let list = setting(Kind::Mailbox, "extensions");
    assert_eq!(toml(list, "1001").unwrap(), "[\"1001\"]");
    let port = setting(Kind::IpGateway, "port");
    assert_eq!(toml(port, "5061").unwrap(), "5061");
}

/// `UPDATE_DOCS=1 cargo test` writes them.
#[test]
fn the_tables_of_the_documentation_are_those_of_the_registry() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/administration.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut expected = text.clone();
    for kind in Kind::ALL {
        let mark = format!("<!-- settings: {} -->\n", kind.noun());
        let start = expected.find(&mark).unwrap_or_else(|| panic!("{mark} is missing")) + mark.len();
        let end = start + expected[start..].find("<!-- end -->").unwrap();
        expected.replace_range(start..end, &table(kind));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &expected).unwrap();
    } else {
        assert!(text == expected, "docs/administration.md is not what the registry says; UPDATE_DOCS=1 cargo test");
    }
}
