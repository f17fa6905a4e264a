//! What a mailbox may say, and what must be unique among them.

use super::{BASE, directory, faults, with_base};

fn mailbox(lines: &str) -> String {
    let keys = [
        "alias = \"alice\"",
        "email_address = \"alice@example.test\"",
        "mailbox_policy = \"Policy\"",
        "extensions = [\"1001\"]",
    ];
    let kept = keys.iter().filter(|line| !lines.contains(line.split(' ').next().unwrap_or_default()));
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    format!("[[mailbox]]\n{lines}\n{kept}")
}

#[test]
fn a_mailbox_has_the_defaults_of_exchange_and_its_plan() {
    let directory = directory(&with_base(&mailbox("")));
    let alice = directory.mailbox("ALICE").unwrap();
    assert_eq!((alice.display_name.as_str(), alice.language.as_str()), ("alice", "en-US"));
    assert!(alice.anonymous_callers_can_leave_messages && alice.gets_missed_call_notifications());
    assert_eq!((alice.server.as_ref(), alice.dial_plan().name.as_str()), (None, "Lab"));
}

#[test]
fn missed_call_notifications_need_the_policy_and_the_mailbox() {
    for (policy, own, gets) in [(true, true, true), (true, false, false), (false, true, false), (false, false, false)] {
        let base = BASE
            .replace("name = \"Policy\"", &format!("name = \"Policy\"\nallow_missed_call_notifications = {policy}"));
        let directory = directory(&format!("{base}{}", mailbox(&format!("missed_call_notification_enabled = {own}"))));
        assert_eq!(directory.mailbox("alice").unwrap().gets_missed_call_notifications(), gets);
    }
}

#[test]
fn what_a_mailbox_may_not_say() {
    for (lines, fault) in [
        (
            "alias = \"../x\"",
            "a.toml:13: alias: \"../x\" is no alias; it is 1 to 64 letters A-Z, digits, '_', '-', '+', and single dots within",
        ),
        (
            "email_address = \"alice\"",
            "a.toml:13: email_address: \"alice\" is no e-mail address; it is name@domain, such as alice@example.test",
        ),
        ("display_name = \"a\\nb\"", "a.toml:13: display_name: a display name has 1 to 256 characters on one line"),
        (
            "mailbox_policy = \"Polizy\"",
            "a.toml:13: mailbox_policy: no mailbox policy is named \"Polizy\"; did you mean \"Policy\"?",
        ),
        ("extensions = [\"101\"]", "a.toml:13: extensions: 101 has 3 digits; extensions of dial plan \"Lab\" have 4"),
        ("extensions = [1001]", "a.toml:13: extensions: expected text in quotes, found 1001"),
        (
            "extensions = [\"1001\", \"1001\"]",
            "a.toml:13: extensions: extension 1001 of dial plan \"Lab\" is already defined at a.toml:13",
        ),
        (
            "extensions = []",
            "a.toml:12: extensions: is missing; mailbox \"alice\" needs an extension in dial plan \"Lab\" (TelExtn)",
        ),
        (
            "e164_numbers = [\"+0\"]",
            "a.toml:13: e164_numbers: \"+0\" is no E.164 number; it is + and 2 to 15 digits beginning with the country code, such as +14255550123",
        ),
        (
            "sip_addresses = [\"alice\"]",
            "a.toml:13: sip_addresses: \"alice\" is no SIP address; it is user@host, such as alice@example.test",
        ),
        ("language = \"korean\"", "a.toml:13: language: \"korean\" is no language; write one such as en-US or ko-KR"),
        (
            "anonymous_callers_can_leave_messages = \"yes\"",
            "a.toml:13: anonymous_callers_can_leave_messages: expected true or false, found the text \"yes\"",
        ),
        ("server = \"um 2\"", "a.toml:13: server: \"um 2\" is no host name"),
        ("pin = \"493817\"", "a.toml:13: pin: is not supported yet; take it out"),
        ("extension = \"1001\"", "a.toml:13: extension: is not known here; did you mean extensions?"),
    ] {
        assert_eq!(faults(&with_base(&mailbox(lines))), fault, "{lines}");
    }
}

#[test]
fn mailboxes_share_nothing_that_names_them() {
    let first = mailbox("e164_numbers = [\"+14255550123\"]\nsip_addresses = [\"alice@example.test\"]");
    for (lines, fault) in [
        (
            "alias = \"Alice\"\nextensions = [\"1002\"]",
            "a.toml:20: alias: alias \"Alice\" is already defined at a.toml:15",
        ),
        (
            "alias = \"b\"\nextensions = [\"1002\", \"1001\"]",
            "a.toml:21: extensions: extension 1001 of dial plan \"Lab\" is already defined at a.toml:18",
        ),
        (
            "alias = \"b\"\nextensions = [\"1002\"]\ne164_numbers = [\"1-425-555-0123\"]",
            "a.toml:22: e164_numbers: number +14255550123 of dial plan \"Lab\" is already defined at a.toml:13",
        ),
        (
            "alias = \"b\"\nextensions = [\"1002\"]\nsip_addresses = [\"sip:ALICE@example.test\"]",
            "a.toml:22: sip_addresses: SIP address alice@example.test of dial plan \"Lab\" is already defined at a.toml:14",
        ),
    ] {
        assert_eq!(faults(&with_base(&format!("{first}{}", mailbox(lines)))), fault, "{lines}");
    }
}

#[test]
fn a_pilot_is_nobody_s_extension() {
    let group = |pilot: &str| {
        format!(
            "[[hunt_group]]\nname = \"H\"\nip_gateway = \"Gateway\"\ndial_plan = \"Lab\"\npilot_identifier = [\"{pilot}\"]\n"
        )
    };
    let text = |pilot: &str| with_base(&format!("{}{}", mailbox(""), group(pilot)));
    assert_eq!(faults(&text("1000")), "");
    assert_eq!(
        faults(&text("1001")),
        "a.toml:17: extensions: 1001 is the pilot of hunt group \"H\"; no call would reach it"
    );
}

#[test]
fn the_same_extension_may_stand_in_two_plans() {
    let other = "[[dial_plan]]\nname = \"Other\"\nnumber_of_digits_in_extension = 4\n[[mailbox_policy]]\nname = \"Other\"\ndial_plan = \"Other\"\n";
    let second = mailbox("alias = \"bob\"\nmailbox_policy = \"Other\"");
    assert_eq!(faults(&with_base(&format!("{other}{}{second}", mailbox("")))), "");
}

#[test]
fn mailboxes_need_what_names_users_in_their_plan() {
    for (kind, lines, fault) in [
        ("E164", "e164_numbers = [\"+14255550123\"]", ""),
        ("SipName", "sip_addresses = [\"alice@example.test\"]", ""),
        (
            "E164",
            "",
            "a.toml:13: e164_numbers: is missing; mailbox \"alice\" needs an E.164 number in dial plan \"Lab\" (E164)",
        ),
        (
            "SipName",
            "",
            "a.toml:13: sip_addresses: is missing; mailbox \"alice\" needs a SIP address in dial plan \"Lab\" (SipName)",
        ),
        (
            "SipName",
            "sip_addresses = [\"alice@example.test\"]\nextensions = []",
            "a.toml:13: extensions: is missing; mailbox \"alice\" needs an extension in dial plan \"Lab\" (SipName)",
        ),
    ] {
        let base = BASE.replace("name = \"Lab\"", &format!("name = \"Lab\"\nuri_type = \"{kind}\""));
        assert_eq!(faults(&format!("{base}{}", mailbox(lines))), fault, "{kind} {lines}");
    }
}
