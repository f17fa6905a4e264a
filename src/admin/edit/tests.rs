//! What stands in the files before and after a change.

use super::*;
use crate::admin::settings::Kind;
use crate::directory::SourceFile;

const GATEWAYS: &str = r#"# The phone systems calls are taken from.
# Every key: docs/configuration.md.

[[ip_gateway]]
name = "Loopback"
address = "127.0.0.1" # this machine
# any port
port = 0 # every port

# --- the old building ---

# the SBC in the cellar
[[ip_gateway]]
name   =   "SBC"
address = "192.0.2.1"
# nobody knows why
status = "NoNewCalls"
# end of the SBC

[[hunt_group]]
name = "Lab Pilot"
ip_gateway = "Loopback"
dial_plan = "Lab"
pilot_identifier = [
    "5000", # the pilot
    "5001",
]

# trailing words
"#;

fn draft() -> Draft {
    Draft::of(vec![SourceFile::new("d/gateways.toml", GATEWAYS)]).unwrap()
}

fn spot(draft: &Draft, kind: Kind, name: &str) -> Spot {
    let mut objects = draft.objects(kind);
    objects.find(|(_, table)| table["name"].as_str() == Some(name)).unwrap().0
}

fn after(draft: &Draft) -> String {
    match draft.changed().as_slice() {
        [] => GATEWAYS.to_owned(),
        [one] => one.after.clone(),
        more => panic!("{more:?}"),
    }
}

/// The lines that went (`-`) and came (`+`).
fn difference(draft: &Draft) -> String {
    let (before, after) = (GATEWAYS.to_owned(), after(draft));
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(old, new)| old == new).count();
    let gone = old[head..old.len() - tail].iter().map(|line| format!("-{line}"));
    let came = new[head..new.len() - tail].iter().map(|line| format!("+{line}"));
    gone.chain(came).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_value_is_set_in_its_place_and_its_comment_stays() {
    let mut draft = draft();
    let loopback = spot(&draft, Kind::IpGateway, "Loopback");
    draft.set(loopback, "port", 5070.into());
    assert_eq!(difference(&draft), "-port = 0 # every port\n+port = 5070 # every port");
}

#[test]
fn a_value_that_is_there_already_changes_nothing() {
    let mut draft = draft();
    let sbc = spot(&draft, Kind::IpGateway, "SBC");
    draft.set(sbc, "name", "SBC".into());
    assert_eq!(draft.changed(), []);
}

#[test]
fn a_new_key_comes_last_in_its_object() {
    let mut draft = draft();
    let sbc = spot(&draft, Kind::IpGateway, "SBC");
    draft.set(sbc, "redirect", false.into());
    assert_eq!(difference(&draft), "+redirect = false");
    assert!(after(&draft).contains("status = \"NoNewCalls\"\nredirect = false\n# end of the SBC\n"));
}

#[test]
fn a_key_goes_with_its_own_comment_only() {
    let mut draft = draft();
    let sbc = spot(&draft, Kind::IpGateway, "SBC");
    draft.unset(sbc, "status");
    assert_eq!(difference(&draft), "-# nobody knows why\n-status = \"NoNewCalls\"");
}

#[test]
fn members_of_a_list_come_and_go_in_its_layout() {
    let mut draft = draft();
    let group = spot(&draft, Kind::HuntGroup, "Lab Pilot");
    draft.add(group, "pilot_identifier", &["5001".to_owned(), "5002".to_owned()]);
    assert_eq!(difference(&draft), "+    \"5002\",");
    draft.take(group, "pilot_identifier", &["5002".to_owned(), "7".to_owned()]);
    assert_eq!(after(&draft), GATEWAYS);
    draft.take(group, "pilot_identifier", &["5000".to_owned(), "5001".to_owned()]);
    assert!(!after(&draft).contains("pilot_identifier"), "{}", after(&draft));
}

/// What a change makes of a list of numbers.
fn listed(before: &str, change: impl FnOnce(&mut Draft, Spot)) -> String {
    let head = "[[dial_plan]]\nname = \"Lab\"\nnumbers = ";
    let mut draft = Draft::of(vec![SourceFile::new("d/plans.toml", format!("{head}{before}\n"))]).unwrap();
    let spot = spot(&draft, Kind::DialPlan, "Lab");
    change(&mut draft, spot);
    match draft.changed().as_slice() {
        [] => before.to_owned(),
        [one] => one.after.strip_prefix(head).unwrap().trim_end().to_owned(),
        more => panic!("{more:?}"),
    }
}

fn add(member: &'static str) -> impl FnOnce(&mut Draft, Spot) {
    move |draft, spot| draft.add(spot, "numbers", &[member.to_owned()])
}

fn take(member: &'static str) -> impl FnOnce(&mut Draft, Spot) {
    move |draft, spot| draft.take(spot, "numbers", &[member.to_owned()])
}

#[test]
fn comments_of_a_list_stay_with_their_members() {
    let list = "[ # ours\n    \"600\", # first\n    # the second\n    \"601\", # second\n    # no more\n]";
    assert_eq!(listed(list, take("600")), "[ # ours\n    # the second\n    \"601\", # second\n    # no more\n]");
    assert_eq!(listed(list, take("601")), "[ # ours\n    \"600\", # first\n    # no more\n]");
    assert_eq!(
        listed(list, add("602")),
        "[ # ours\n    \"600\", # first\n    # the second\n    \"601\", # second\n    \"602\",\n    # no more\n]"
    );
    let bare = "[\n  \"600\", # first\n  \"601\" # second\n]";
    assert_eq!(listed(bare, add("602")), "[\n  \"600\", # first\n  \"601\", # second\n  \"602\"\n]");
    assert_eq!(listed(bare, take("601")), "[\n  \"600\" # first\n]");
}

#[test]
fn a_list_in_one_line_stays_in_one() {
    assert_eq!(listed("[\"600\", \"601\"] # ours", add("602")), "[\"600\", \"601\", \"602\"] # ours");
    assert_eq!(listed("[\"600\", \"601\"]", take("600")), "[\"601\"]");
    assert_eq!(listed("[ \"600\", \"601\" ]", take("601")), "[ \"600\" ]");
    assert_eq!(listed("[]", add("602")), "[\"602\"]");
    assert_eq!(listed("\"600\"", add("602")), "[\"600\", \"602\"]");
}

#[test]
fn line_ends_stay_those_of_the_file() {
    let text = GATEWAYS.replace('\n', "\r\n");
    let mut draft = Draft::of(vec![SourceFile::new("d/gateways.toml", &text)]).unwrap();
    assert_eq!(draft.changed(), []);
    let loopback = spot(&draft, Kind::IpGateway, "Loopback");
    draft.set(loopback, "port", 5070.into());
    assert_eq!(draft.changed()[0].after, text.replace("port = 0", "port = 5070"));
}

#[test]
fn a_list_that_is_set_keeps_its_layout_where_it_can() {
    let mut draft = draft();
    let group = spot(&draft, Kind::HuntGroup, "Lab Pilot");
    draft.set(group, "pilot_identifier", toml_edit::Value::from_iter(["5000", "5001", "5003"]));
    assert_eq!(difference(&draft), "+    \"5003\",");
    draft.set(group, "pilot_identifier", toml_edit::Value::from_iter(["7", "5000"]));
    assert!(after(&draft).contains("pilot_identifier = [\"7\", \"5000\"]\n"), "{}", after(&draft));
}

#[test]
fn a_new_object_stands_behind_the_last_of_its_kind() {
    let mut draft = draft();
    let keys = vec![("name", "New".into()), ("address", "192.0.2.9".into())];
    let new = draft.append(Kind::IpGateway, keys, |_| panic!("there is a file for gateways"));
    assert_eq!(difference(&draft), "+[[ip_gateway]]\n+name = \"New\"\n+address = \"192.0.2.9\"\n+");
    assert_eq!(draft.table(new).unwrap()["name"].as_str(), Some("New"));
    assert!(after(&draft).contains("# end of the SBC\n\n[[ip_gateway]]\nname = \"New\""), "{}", after(&draft));
}

#[test]
fn the_first_object_of_a_kind_makes_its_file() {
    let mut draft = draft();
    let keys = vec![("name", "um1.example.test".into())];
    draft.append(Kind::Service, keys, |file| format!("d/{file}"));
    let expected = Drafted {
        name: "d/servers.toml".to_owned(),
        before: None,
        after: "[[service]]\nname = \"um1.example.test\"\n".to_owned(),
    };
    assert_eq!(draft.changed(), [expected]);
}

#[test]
fn the_first_object_of_a_kind_goes_to_the_end_of_a_file_that_is_there() {
    let mut draft = draft();
    draft.append(Kind::Service, vec![("name", "um1".into())], |_| "d/gateways.toml".to_owned());
    let text = after(&draft);
    assert_eq!(text, format!("{GATEWAYS}\n[[service]]\nname = \"um1\"\n"));
}

#[test]
fn an_object_goes_with_the_comments_that_touch_it() {
    let mut draft = draft();
    let sbc = spot(&draft, Kind::IpGateway, "SBC");
    draft.remove(sbc);
    let gone = "-# the SBC in the cellar\n-[[ip_gateway]]\n-name   =   \"SBC\"\n-address = \"192.0.2.1\"\n\
                -# nobody knows why\n-status = \"NoNewCalls\"\n-# end of the SBC\n-";
    assert_eq!(difference(&draft), gone);
}

#[test]
fn what_a_blank_line_parts_from_an_object_stays() {
    let mut draft = draft();
    let loopback = spot(&draft, Kind::IpGateway, "Loopback");
    draft.remove(loopback);
    assert!(
        after(&draft).starts_with(
            "# The phone systems calls are taken from.\n# Every key: docs/configuration.md.\n\n# --- the old building"
        ),
        "{}",
        after(&draft)
    );
    let group = spot(&draft, Kind::HuntGroup, "Lab Pilot");
    draft.remove(group);
    assert!(after(&draft).ends_with("# end of the SBC\n\n# trailing words\n"), "{}", after(&draft));
}

#[test]
fn the_last_object_leaves_an_empty_file() {
    let text = "[[service]]\nname = \"um1\"\n";
    let mut draft = Draft::of(vec![SourceFile::new("d/s.toml", text)]).unwrap();
    let spot = spot(&draft, Kind::Service, "um1");
    draft.remove(spot);
    assert_eq!(draft.changed()[0].after, "");
}

#[test]
fn text_that_is_not_toml_is_named() {
    let faults = Draft::of(vec![SourceFile::new("d/a.toml", "[[x]\n")]).unwrap_err();
    assert!(faults[0].to_string().starts_with("d/a.toml:1: is not TOML"), "{faults:?}");
}
