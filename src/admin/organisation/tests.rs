//! Commands on an organisation in memory: what they leave in the files, and why they are refused.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::admin::command::{Force, Step};
use crate::admin::settings::{Change, Edit, Value};
use crate::engine::MemoryDisk;

const PLANS: &str = include_str!("../../../config/directory/dial-plans.toml");
const GATEWAYS: &str = include_str!("../../../config/directory/gateways.toml");
const MAILBOXES: &str = include_str!("../../../config/directory/mailboxes.toml");

struct World {
    disk: MemoryDisk,
    organisation: Organisation,
}

fn world() -> World {
    let disk = MemoryDisk::default();
    for (name, text) in [("dial-plans", PLANS), ("gateways", GATEWAYS), ("mailboxes", MAILBOXES)] {
        let path = format!("d/{name}.toml");
        disk.put(&path, text.as_bytes()).unwrap();
    }
    let node = ThisNode {
        name: "um1.example.test".to_owned(),
        max_calls_allowed: 100,
        um_service_port: 5062,
        call_router_port: 5060,
        worker_ports: [5065, 5067],
        rtp_ports: 20_000..=20_399,
    };
    let organisation = Organisation::new(Arc::new(disk.clone()), PathBuf::from("d"), node);
    World { disk, organisation }
}

impl World {
    fn file(&self, name: &str) -> String {
        String::from_utf8(self.disk.read(&Path::new("d").join(name)).unwrap()).unwrap()
    }

    fn change(&self, steps: Vec<Step>) -> Result<Changed, Refusal> {
        self.organisation.change(&Changes { steps, what_if: false })
    }

    fn set(&self, kind: Kind, identity: &str, edits: Vec<Edit>) -> String {
        told(self.change(vec![Step::Set { kind, identity: identity.to_owned(), edits }]))
    }

    fn make(&self, kind: Kind, name: &str, edits: Vec<Edit>) -> String {
        told(self.change(vec![Step::New { kind, name: name.to_owned(), edits }]))
    }

    fn remove(&self, kind: Kind, identity: &str) -> String {
        told(self.change(vec![Step::Remove { kind, identity: identity.to_owned() }]))
    }

    fn value(&self, kind: Kind, identity: &str, key: &str) -> String {
        let objects = self.organisation.get(kind, Some(identity)).unwrap();
        objects[0].values.get(key).map_or("(none)".to_owned(), Value::show)
    }
}

fn told(outcome: Result<Changed, Refusal>) -> String {
    match outcome {
        Ok(changed) => changed.done.join("; "),
        Err(refusal) => format!("{:?}: {refusal}", refusal.reason),
    }
}

fn set(key: &str, text: &str) -> Vec<Edit> {
    vec![Edit::text(key, text)]
}

#[test]
fn objects_are_shown_with_what_the_files_leave_out() {
    let world = world();
    let plans = world.organisation.get(Kind::DialPlan, None).unwrap();
    assert_eq!(plans.len(), 1);
    assert_eq!((plans[0].identity.as_str(), plans[0].file.as_str()), ("Lab", "d/dial-plans.toml"));
    assert_eq!(plans[0].values["max_call_duration"], Value::Text("30m".to_owned()));
    assert!(plans[0].defaults.contains(&"max_call_duration".to_owned()));
    assert!(!plans[0].defaults.contains(&"country_or_region_code".to_owned()));
    assert_eq!(world.value(Kind::HuntGroup, "lab pilot", "pilot_identifier"), "5000");
    assert_eq!(world.value(Kind::HuntGroup, "LOOPBACK\\Lab Pilot", "dial_plan"), "Lab");
    for identity in ["alice", "ALICE", "alice@example.test", "Alice Moreau", "EXAMPLE\\alice"] {
        assert_eq!(world.value(Kind::Mailbox, identity, "extensions"), "1001", "{identity}");
    }
    assert_eq!(world.value(Kind::Mailbox, "alice", "language"), "en-US");
    assert_eq!(world.value(Kind::Mailbox, "minji", "language"), "ko-KR");
    let refusal = world.organisation.get(Kind::DialPlan, Some("Lap")).unwrap_err();
    assert_eq!(refusal.to_string(), "no dial plan is named \"Lap\"; did you mean \"Lab\"?");
}

#[test]
fn this_node_has_a_service_and_a_call_router_without_an_entry() {
    let world = world();
    for name in ["localhost", "um1.example.test", "."] {
        assert_eq!(world.value(Kind::Service, name, "max_calls_allowed"), "100", "{name}");
    }
    assert_eq!(world.value(Kind::CallRouter, "localhost", "sip_tcp_listening_port"), "5060");
    let told = world.set(Kind::Service, "localhost", vec![Edit::set("max_calls_allowed", Value::Number(50))]);
    assert_eq!(told, "UM service \"um1.example.test\" is changed");
    assert_eq!(world.file("servers.toml"), "[[service]]\nname = \"um1.example.test\"\nmax_calls_allowed = 50\n");
    assert_eq!(world.value(Kind::Service, "localhost", "max_calls_allowed"), "50");
    let told = world.set(Kind::Service, "um2", vec![Edit::set("max_calls_allowed", Value::Number(50))]);
    assert_eq!(told, "NotFound: no UM service is named \"um2\"");
}

#[test]
fn a_change_is_in_the_file_and_nothing_else_is_touched() {
    let world = world();
    let told = world.set(Kind::IpGateway, "loopback", set("status", "nonewcalls"));
    assert_eq!(told, "IP gateway \"Loopback\" is changed");
    let expected = GATEWAYS.replace("port = 0 # every port\n", "port = 0 # every port\nstatus = \"NoNewCalls\"\n");
    assert_eq!(world.file("gateways.toml"), expected);
    assert_eq!(world.file("mailboxes.toml"), MAILBOXES);
    let changes = Changes {
        steps: vec![Step::Set {
            kind: Kind::IpGateway,
            identity: "Loopback".to_owned(),
            edits: vec![Edit { key: "status".to_owned(), change: Change::Unset }],
        }],
        what_if: true,
    };
    let changed = world.organisation.change(&changes).unwrap();
    assert_eq!((changed.files, changed.force), (vec!["d/gateways.toml".to_owned()], Force::Unchanged));
    assert_eq!(world.file("gateways.toml"), expected, "what-if writes nothing");
}

#[test]
fn values_are_refused_with_what_is_allowed() {
    let world = world();
    for (kind, identity, key, value, told) in [
        (
            Kind::DialPlan,
            "Lab",
            "max_call_duration",
            "5",
            "Invalid: max_call_duration: 5m is out of range; 10m to 2h is allowed",
        ),
        (
            Kind::DialPlan,
            "Lab",
            "max_call_duration",
            "soon",
            "Invalid: max_call_duration: \"soon\" is no duration; write a number and a unit (s, m, h, d), such as \"30m\"",
        ),
        (
            Kind::DialPlan,
            "Lab",
            "input_failures_before_disconnect",
            "x",
            "Invalid: input_failures_before_disconnect: expected a whole number, found x; allowed is: 1 to 20",
        ),
        (
            Kind::DialPlan,
            "Lab",
            "uri_type",
            "E164",
            "Invalid: uri_type: is fixed when a dial plan is made; remove the dial plan and make a new one",
        ),
        (Kind::DialPlan, "Lab", "fax_enabled", "true", "NotBuilt: fax_enabled: is not built yet (it belongs to fax)"),
        (
            Kind::IpGateway,
            "Loopback",
            "status",
            "Off",
            "Invalid: status: \"Off\" is not allowed; allowed are Enabled, Disabled, NoNewCalls",
        ),
        (
            Kind::IpGateway,
            "Loopback",
            "statsu",
            "x",
            "Invalid: statsu: is not known here; did you mean status? (IP gateway)",
        ),
        (
            Kind::Mailbox,
            "alice",
            "extensions",
            "101",
            "Invalid: extensions: 101 has 3 digits; extensions of dial plan \"Lab\" have 4",
        ),
        (
            Kind::Mailbox,
            "alice",
            "mailbox_policy",
            "Lap",
            "Invalid: mailbox_policy: no mailbox policy is named \"Lap\"",
        ),
    ] {
        assert_eq!(world.set(kind, identity, set(key, value)), told);
    }
    assert_eq!(world.file("dial-plans.toml"), PLANS);
}

#[test]
fn a_list_gets_and_loses_members() {
    let world = world();
    let edit = |change| vec![Edit { key: "extensions".to_owned(), change }];
    world.set(Kind::Mailbox, "alice", edit(Change::Add(vec!["1011".to_owned(), "1001".to_owned()])));
    assert_eq!(world.value(Kind::Mailbox, "alice", "extensions"), "1001, 1011");
    world.set(Kind::Mailbox, "alice", edit(Change::Remove(vec!["1001".to_owned()])));
    assert_eq!(world.value(Kind::Mailbox, "alice", "extensions"), "1011");
    let told = world.set(Kind::Mailbox, "alice", edit(Change::Add(vec!["1002".to_owned()])));
    assert!(told.contains("extension 1002 of dial plan \"Lab\" is already defined at d/mailboxes.toml:"), "{told}");
}

#[test]
fn what_is_added_to_and_taken_from_a_list_that_is_not_there_is_not_forgotten() {
    let edit = |change| Edit { key: "extensions".to_owned(), change };
    let more = |members: &[&str]| Change::Add(members.iter().map(|member| (*member).to_owned()).collect());
    let less = |member: &str| Change::Remove(vec![member.to_owned()]);
    let world = world();
    let edits = vec![
        Edit::text("email_address", "new@example.test"),
        Edit::text("mailbox_policy", "Lab Default Policy"),
        edit(more(&["1091"])),
        edit(less("1090")),
        edit(more(&["1092", "1093"])),
        edit(less("1092")),
    ];
    let step = Step::New { kind: Kind::Mailbox, name: "new".to_owned(), edits };
    let told = told(world.change(vec![step]));
    assert_eq!(world.value(Kind::Mailbox, "new", "extensions"), "1091, 1093", "{told}");
}

#[test]
fn objects_are_made_together_and_all_or_none() {
    let world = world();
    let gateway = |address: &str| Step::New {
        kind: Kind::IpGateway,
        name: "SBC".to_owned(),
        edits: vec![Edit::text("address", address)],
    };
    let group = Step::New {
        kind: Kind::HuntGroup,
        name: "SBC Default".to_owned(),
        edits: vec![Edit::text("ip_gateway", "sbc"), Edit::text("dial_plan", "LAB")],
    };
    let told_bad = told(world.change(vec![gateway("10.0.0"), group.clone()]));
    assert!(told_bad.starts_with("Invalid: address: \"10.0.0\" is no address"), "{told_bad}");
    assert_eq!(world.file("gateways.toml"), GATEWAYS);
    let told = told(world.change(vec![gateway("192.0.2.1"), group]));
    assert_eq!(
        told,
        "IP gateway \"SBC\" is made, in d/gateways.toml; hunt group \"SBC\\SBC Default\" is made, in d/gateways.toml"
    );
    let text = world.file("gateways.toml");
    assert!(
        text.ends_with("\n[[hunt_group]]\nname = \"SBC Default\"\nip_gateway = \"SBC\"\ndial_plan = \"Lab\"\n"),
        "{text}"
    );
    assert_eq!(
        world.make(Kind::IpGateway, "sbc", set("address", "192.0.2.2")),
        "Exists: an IP gateway named \"sbc\" is there already, in d/gateways.toml"
    );
    assert_eq!(
        world.make(Kind::IpGateway, "Other", Vec::new()),
        "Invalid: address: is missing; allowed is: IPv4 or IPv6 address, host name"
    );
}

#[test]
fn what_is_in_use_is_not_removed() {
    let world = world();
    for (kind, identity, told) in [
        (
            Kind::DialPlan,
            "Lab",
            "InUse: dial plan \"Lab\" is in use by hunt group \"Loopback\\Lab Pilot\", mailbox policy \"Lab Default Policy\"",
        ),
        (Kind::IpGateway, "Loopback", "InUse: IP gateway \"Loopback\" is in use by hunt group \"Loopback\\Lab Pilot\""),
        (
            Kind::MailboxPolicy,
            "lab default policy",
            "InUse: mailbox policy \"Lab Default Policy\" is in use by mailbox \"alice\", mailbox \"bob\", mailbox \"minji\"",
        ),
        (Kind::HuntGroup, "lab pilot", "hunt group \"Loopback\\Lab Pilot\" is removed from d/gateways.toml"),
        (Kind::IpGateway, "loopback", "IP gateway \"Loopback\" is removed from d/gateways.toml"),
        (Kind::Mailbox, "bob", "mailbox \"bob\" is removed from d/mailboxes.toml"),
        (Kind::Mailbox, "bob", "NotFound: no mailbox is named \"bob\""),
    ] {
        assert_eq!(world.remove(kind, identity), told);
    }
    let comment = GATEWAYS.lines().next().unwrap();
    assert_eq!(world.file("gateways.toml"), format!("{comment}\n"));
}

#[test]
fn a_new_name_is_known_to_those_who_use_it() {
    let world = world();
    assert_eq!(world.set(Kind::DialPlan, "Lab", set("name", "Laboratory")), "dial plan \"Lab\" is changed");
    assert_eq!(world.value(Kind::MailboxPolicy, "Lab Default Policy", "dial_plan"), "Laboratory");
    assert_eq!(world.value(Kind::HuntGroup, "Lab Pilot", "dial_plan"), "Laboratory");
    assert_eq!(world.file("gateways.toml"), GATEWAYS.replace("dial_plan = \"Lab\"", "dial_plan = \"Laboratory\""));
}

#[test]
fn a_file_that_changed_meanwhile_is_left_alone() {
    let world = world();
    let draft = world.organisation.draft().unwrap();
    let mut later = draft.clone();
    let (spot, _) = later.objects(Kind::IpGateway).next().unwrap();
    later.set(spot, "port", 5080.into());
    world.disk.append(Path::new("d/gateways.toml")).unwrap().append(b"# by hand\n").unwrap();
    let refusal = writing::write(&world.disk, &later).unwrap_err();
    assert_eq!(refusal.reason, Reason::Conflict);
    assert_eq!(world.file("gateways.toml"), format!("{GATEWAYS}# by hand\n"));
}

#[test]
fn a_directory_that_is_not_sound_already_is_said_to_be() {
    let world = world();
    world.disk.append(Path::new("d/mailboxes.toml")).unwrap().append(b"\n[[mailbox]]\nalias = \"eve\"\n").unwrap();
    let told = world.set(Kind::IpGateway, "Loopback", set("status", "Disabled"));
    assert!(
        told.starts_with(
            "Invalid: the directory has faults already; put them right in its files first:\nd/mailboxes.toml:"
        ),
        "{told}"
    );
    // a command may put it right
    let told = world.remove(Kind::Mailbox, "eve");
    assert_eq!(told, "mailbox \"eve\" is removed from d/mailboxes.toml");
}

mod any_edits {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::directory::{Directory, DirectoryProvider};
    use crate::engine::provider::TomlFolder;

    /// A command about gateways, sound or not.
    #[derive(Debug, Clone)]
    enum Command {
        New(u8, u16),
        Port(u8, u32),
        NoPort(u8),
        Rename(u8, u8),
        Remove(u8),
    }

    fn command() -> impl Strategy<Value = Command> {
        let name = 0..6u8;
        prop_oneof![
            (name.clone(), any::<u16>()).prop_map(|(name, port)| Command::New(name, port)),
            (name.clone(), 0..80_000u32).prop_map(|(name, port)| Command::Port(name, port)),
            name.clone().prop_map(Command::NoPort),
            (name.clone(), name.clone()).prop_map(|(old, new)| Command::Rename(old, new)),
            name.prop_map(Command::Remove),
        ]
    }

    fn step(command: &Command) -> Step {
        let (kind, name) = (Kind::IpGateway, |number: &u8| format!("G{number}"));
        match command {
            Command::New(number, port) => {
                let edits = vec![
                    Edit::text("address", format!("192.0.2.{number}")),
                    Edit::set("port", Value::Number((*port).into())),
                ];
                Step::New { kind, name: name(number), edits }
            }
            Command::Port(number, port) => Step::Set {
                kind,
                identity: name(number),
                edits: vec![Edit::set("port", Value::Number((*port).into()))],
            },
            Command::NoPort(number) => {
                let edits = vec![Edit { key: "port".to_owned(), change: Change::Unset }];
                Step::Set { kind, identity: name(number), edits }
            }
            Command::Rename(old, new) => {
                Step::Set { kind, identity: name(old), edits: vec![Edit::text("name", name(new))] }
            }
            Command::Remove(number) => Step::Remove { kind, identity: name(number) },
        }
    }

    /// What the command does to addresses and ports by name; `None`: it is refused.
    fn model(gateways: &BTreeMap<u8, (u8, u16)>, command: &Command) -> Option<BTreeMap<u8, (u8, u16)>> {
        let mut next = gateways.clone();
        match command {
            Command::New(name, port) => {
                if next.insert(*name, (*name, *port)).is_some() {
                    return None;
                }
            }
            Command::Port(name, port) => next.get_mut(name)?.1 = u16::try_from(*port).ok()?,
            Command::NoPort(name) => next.get_mut(name)?.1 = 5060,
            Command::Rename(old, new) => {
                let gateway = next.remove(old)?;
                if next.insert(*new, gateway).is_some() {
                    return None;
                }
            }
            Command::Remove(name) => drop(next.remove(name)?),
        }
        let mut places: Vec<_> = next.values().collect();
        places.sort();
        places.windows(2).all(|pair| pair[0] != pair[1]).then_some(next)
    }

    proptest! {
        /// Whatever is commanded: what loads afterwards is what the commands mean, and refused ones change nothing.
        #[test]
        fn what_loads_is_what_was_commanded(commands in proptest::collection::vec(command(), 1..24)) {
            let world = world();
            let mut expected = BTreeMap::new();
            for command in &commands {
                let outcome = world.change(vec![step(command)]);
                match model(&expected, command) {
                    Some(next) => {
                        prop_assert!(outcome.is_ok(), "{command:?}: {outcome:?}");
                        expected = next;
                    }
                    None => prop_assert!(outcome.is_err(), "{command:?} on {expected:?}"),
                }
            }
            let provider = TomlFolder::new(Arc::new(world.disk.clone()), PathBuf::from("d"));
            let directory = Directory::load(&provider.read().unwrap()).unwrap();
            let loaded: BTreeMap<u8, (u8, u16)> = directory
                .ip_gateways()
                .iter()
                .filter_map(|gateway| {
                    let name = gateway.name.as_str().strip_prefix('G')?.parse().ok()?;
                    let host = gateway.address.to_string().rsplit('.').next()?.parse().ok()?;
                    Some((name, (host, gateway.port)))
                })
                .collect();
            prop_assert_eq!(loaded, expected);
            let comment = GATEWAYS.lines().next().unwrap();
            prop_assert!(world.file("gateways.toml").starts_with(comment));
        }
    }
}

#[test]
fn ports_and_calls_of_this_node_must_be_possible_on_it() {
    let world = world();
    let set = |kind: Kind, key: &str, value: i64| {
        let edits = vec![Edit::set(key, Value::Number(value))];
        let step = Step::Set { kind, identity: "localhost".to_owned(), edits };
        world
            .organisation
            .change(&Changes { steps: vec![step], what_if: true })
            .map_err(|refusal| refusal.show(str::to_owned))
    };
    let refused = |kind, key, value, why: &str| {
        let said = set(kind, key, value).unwrap_err();
        assert!(said.contains(why), "{said}");
    };
    refused(Kind::CallRouter, "sip_tcp_listening_port", 5062, "port 5062 of this node is for its UM service already");
    refused(Kind::CallRouter, "sip_tcp_listening_port", 5067, "for its UM worker already");
    refused(Kind::Service, "port", 20_100, "for its audio of calls already");
    refused(Kind::Service, "max_calls_allowed", 201, "room for 200");
    set(Kind::Service, "max_calls_allowed", 200).unwrap();
    set(Kind::CallRouter, "sip_tcp_listening_port", 5070).unwrap();
}
