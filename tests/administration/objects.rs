//! Nouns and verbs: get, set, new, remove, enable, disable.

use std::os::unix::fs::PermissionsExt;

use crate::Site;

#[test]
fn every_kind_is_shown_as_a_table_one_by_one_and_as_json() {
    let site = Site::with_the_sample();
    let table = site.ringpost(&["mailbox", "get"]).done();
    assert!(table.starts_with("ALIAS  DISPLAY-NAME"), "{table}");
    assert_eq!(table.lines().count(), 4);
    let one = site.ringpost(&["dial-plan", "get", "lab"]).done();
    assert!(one.contains("max-call-duration") && one.contains("30m (default)"), "{one}");
    for noun in ["dial-plan", "ip-gateway", "hunt-group", "mailbox-policy", "mailbox", "service", "call-router"] {
        let all = site.ringpost(&[noun, "get", "--json"]).json();
        let all = all.as_array().unwrap();
        assert!(!all.is_empty(), "{noun}");
        let identity = all[0]["identity"].as_str().unwrap();
        assert_eq!(site.ringpost(&[noun, "get", identity, "--json"]).json(), all[0], "{noun}");
    }
    let service = site.ringpost(&["service", "get", "localhost", "--json"]).json();
    assert_eq!(service["identity"], "um1.example.test");
}

#[test]
fn a_change_keeps_comments_and_the_permissions_of_the_file() {
    let site = Site::with_the_sample();
    let file = site.path("config/directory/gateways.toml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let before = site.file("gateways.toml");
    site.ringpost(&["ip-gateway", "set", "Loopback", "--port", "5070", "--redirect", "false"]).done();
    let after = before.replace("port = 0 # every port\n", "port = 5070 # every port\nredirect = false\n");
    assert_eq!(site.file("gateways.toml"), after);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    site.ringpost(&["ip-gateway", "set", "Loopback", "--unset", "redirect", "--port", "0"]).done();
    assert_eq!(site.file("gateways.toml"), before);
    let said = site.ringpost(&["ip-gateway", "set", "Loopback", "--port", "0"]).done();
    assert!(said.ends_with("nothing to change: it is so already\n"), "{said}");
}

#[test]
fn a_link_to_a_file_stays_a_link() {
    let site = Site::with_the_sample();
    let (file, real) = (site.path("config/directory/gateways.toml"), site.path("gateways-elsewhere.toml"));
    std::fs::rename(&file, &real).unwrap();
    std::os::unix::fs::symlink(&real, &file).unwrap();
    site.ringpost(&["ip-gateway", "disable", "Loopback"]).done();
    assert!(std::fs::symlink_metadata(&file).unwrap().is_symlink());
    assert!(std::fs::read_to_string(&real).unwrap().contains("status = \"Disabled\""));
}

#[test]
fn refusals_name_the_option_and_what_is_allowed() {
    let site = Site::with_the_sample();
    for (arguments, said) in [
        (
            &["dial-plan", "set", "Lab", "--max-call-duration", "5m"][..],
            "--max-call-duration: 5m is out of range; 10m to 2h is allowed",
        ),
        (&["dial-plan", "set", "Lab", "--uri-type", "E164"], "unexpected argument"),
        (&["dial-plan", "set", "Nix", "--max-call-duration", "30m"], "no dial plan is named \"Nix\""),
        (
            &["dial-plan", "remove", "Lab"],
            "is in use by hunt group \"Loopback\\Lab Pilot\", mailbox policy \"Lab Default Policy\"",
        ),
        (
            &["mailbox", "set", "alice", "--extensions", "1002"],
            "--extensions: extension 1002 of dial plan \"Lab\" is already defined at",
        ),
        (&["mailbox", "set", "alice", "--pin", "4711"], "--pin: is not built yet (it belongs to PINs)"),
        (&["mailbox", "new", "dave", "--email-address", "dave@example.test"], "--mailbox-policy: is missing"),
        (&["auto-attendant", "get"], "auto attendants are not built yet"),
        (&["call-answering-rule", "new", "x", "--mailbox", "alice"], "call answering rules are not built yet"),
        (&["active-calls", "get"], "this needs a running node, and none is running here"),
    ] {
        let answer = site.ringpost(arguments);
        assert_ne!(answer.status, 0, "{arguments:?}");
        assert!(answer.err.contains(said), "{arguments:?}: {}", answer.err);
    }
    assert_eq!(site.ringpost(&["dial-plan", "set", "Lab", "--bogus", "1"]).status, 2, "wrong usage");
    assert_eq!(site.ringpost(&["dial-plan", "get", "Nix"]).status, 1, "refused");
}

#[test]
fn a_plan_comes_with_its_policy_and_a_gateway_with_its_hunt_group() {
    let site = Site::with_the_sample();
    site.ringpost(&["dial-plan", "new", "Paris", "--number-of-digits-in-extension", "5"]).done();
    site.ringpost(&["ip-gateway", "new", "Paris SBC", "--address", "192.0.2.7", "--for-dial-plan", "paris"]).done();
    let policy = ["mailbox", "new", "dave", "--email-address", "dave@example.test", "--extensions", "50001,50002"];
    site.ringpost(&[&policy[..], &["--mailbox-policy", "Paris Default Policy"]].concat()).done();
    let group = site.ringpost(&["hunt-group", "get", "Paris SBC\\Default Hunt Group", "--json"]).json();
    assert_eq!((&group["dial_plan"], &group["pilot_identifier"]), (&"Paris".into(), &serde_json::Value::Null));
    let said = site.ringpost(&["check"]).done();
    assert!(said.contains("2 dial plans, 2 IP gateways, 2 hunt groups, 2 mailbox policies, 4 mailboxes"), "{said}");
    for (noun, name) in [
        ("mailbox", "dave"),
        ("hunt-group", "Default Hunt Group"),
        ("ip-gateway", "Paris SBC"),
        ("mailbox-policy", "Paris Default Policy"),
        ("dial-plan", "Paris"),
    ] {
        site.ringpost(&[noun, "remove", name]).done();
    }
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/directory");
    for name in ["dial-plans.toml", "gateways.toml", "mailboxes.toml"] {
        assert_eq!(site.file(name), std::fs::read_to_string(shipped.join(name)).unwrap(), "{name}");
    }
}

#[test]
fn two_commands_at_once_lose_nothing() {
    let site = Site::with_the_sample();
    let children: Vec<_> = (0..8)
        .map(|at| {
            let address = format!("192.0.2.{at}");
            let name = format!("G{at}");
            site.command().args(["ip-gateway", "new", &name, "--address", &address]).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(site.ringpost(&["ip-gateway", "get", "--json"]).json().as_array().unwrap().len(), 9);
}

#[test]
fn completion_and_manual_pages_know_every_noun() {
    let site = Site::with_the_sample();
    let bash = site.ringpost(&["completion", "bash"]).done();
    let page = site.ringpost(&["man"]).done();
    for noun in ["dial-plan", "ip-gateway", "mailbox", "component"] {
        assert!(bash.contains(noun) && page.replace("\\-", "-").contains(noun), "{noun}");
    }
    site.ringpost(&["man", "pages"]).done();
    assert!(site.path("pages/ringpost.1").exists() && site.path("pages/ringpost-dial-plan-set.1").exists());
}
