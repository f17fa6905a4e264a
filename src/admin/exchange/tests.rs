//! Lines of Exchange's: what they are read as, what they ask for, what is said when they are wrong.

use serde_json::json;

use super::cmdlet::all;
use super::parse::{Literal, pipelines};
use super::sense::sense;
use super::shell::AskError;
use super::*;
use crate::admin::command::{Answer, Changed, Changes, Force, Object, Reason, Refusal, Request, Row, Step};
use crate::admin::settings::{Change, Edit, Kind, Value};

/// What became of some lines.
#[derive(Default)]
struct Told {
    requests: Vec<Request>,
    printed: String,
    warned: Vec<String>,
    failed: bool,
}

fn gateway(name: &str) -> Object {
    let values =
        [("name", Value::Text(name.to_owned())), ("port", Value::Number(5060)), ("redirect", Value::Switch(true))];
    Object {
        kind: Kind::IpGateway,
        identity: name.to_owned(),
        file: String::new(),
        values: values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        defaults: Vec::new(),
    }
}

fn told(work: impl FnOnce(&mut Shell) -> Outcome) -> Told {
    let mut told = Told::default();
    let Told { requests, printed, warned, .. } = &mut told;
    let mut ask = |request: Request| {
        requests.push(request.clone());
        match request {
            Request::Get { identity: Some(identity), .. } if identity == "missing" => {
                Err(AskError::Refused(Refusal::new(Reason::NotFound, "there is none")))
            }
            Request::Get { .. } => Ok(Answer::Objects(vec![gateway("A"), gateway("B")])),
            Request::Change(Changes { what_if, .. }) => Ok(Answer::Changed(Changed {
                done: vec!["it is done".to_owned()],
                files: vec!["f".to_owned()],
                what_if,
                force: Force::Now { generation: Some(7) },
            })),
            _ => Ok(Answer::Done("done".to_owned())),
        }
    };
    let mut print = |text: &str| printed.push_str(text);
    let mut warn = |text: &str| warned.push(text.to_owned());
    let mut export =
        |day: jiff::civil::Date, rows: Vec<Row>| Ok(format!("um_cdr_{day}.csv with {} records", rows.len()));
    let outcome =
        work(&mut Shell { ask: &mut ask, print: &mut print, export: &mut export, warn: &mut warn, json: false });
    told.failed = outcome == Outcome::Failed;
    told
}

fn script(text: &str) -> Told {
    told(|shell| shell.run_script("s.ps1", text))
}

fn line(arguments: &[&str]) -> Told {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    told(|shell| shell.run_arguments(&arguments))
}

/// The one step a line is.
fn step(text: &str) -> Step {
    let told = script(text);
    match told.requests.as_slice() {
        [Request::Change(changes)] if changes.steps.len() == 1 => changes.steps[0].clone(),
        other => panic!("{text}: {other:?}, {:?}", told.warned),
    }
}

fn set(kind: Kind, identity: &str, edits: Vec<Edit>) -> Step {
    Step::Set { kind, identity: identity.to_owned(), edits }
}

fn changed(key: &str, change: Change) -> Edit {
    Edit { key: key.to_owned(), change }
}

fn texts(members: &[&str]) -> Vec<String> {
    members.iter().map(|member| (*member).to_owned()).collect()
}

#[test]
fn one_line_may_be_written_in_many_ways() {
    let expected = set(Kind::IpGateway, "My SBC", vec![Edit::text("status", "NoNewCalls")]);
    for text in [
        "Set-UMIPGateway -Identity \"My SBC\" -Status NoNewCalls",
        "set-umipgateway 'My SBC' -status NoNewCalls",
        "Set-UMIPGateway -Id:'My SBC' -St:NoNewCalls",
        "Set-UMIPGateway -Status NoNewCalls \"My SBC\" # a comment",
        "Set-UMIPGateway `\n  -Identity \"My SBC\" `\r\n  -Status NoNewCalls\r\n",
        "<# what follows\n is old #> Set-UMIPGateway My` SBC -Status NoNewCalls;",
        "Set-UMIPGateway \u{2013}Identity \u{201c}My SBC\u{201d} \u{2013}Status NoNewCalls",
        "Set-UMIPGateway \"My SBC\" -Status NoNewCalls -Confirm:$false -ErrorAction Stop -Verbose",
    ] {
        assert_eq!(step(text), expected, "{text}");
    }
}

#[test]
fn values_have_their_types() {
    for (text, edits) in [
        ("Set-UMDialPlan P -MaxCallDuration 45", vec![Edit::text("max_call_duration", "45")]),
        ("Set-UMDialPlan P -NumberingPlanFormats $null", vec![changed("numbering_plan_formats", Change::Unset)]),
        (
            "Set-UMDialPlan P -AccessTelephoneNumbers 5000,5001",
            vec![Edit::set("access_telephone_numbers", Value::List(texts(&["5000", "5001"])))],
        ),
        (
            "Set-UMDialPlan P -AccessTelephoneNumbers @('5000', \"50,01\")",
            vec![Edit::set("access_telephone_numbers", Value::List(texts(&["5000", "50,01"])))],
        ),
        ("Set-UMDialPlan P -AccessTelephoneNumbers @()", vec![changed("access_telephone_numbers", Change::Unset)]),
        (
            "Set-UMDialPlan P -AccessTelephoneNumbers @{Add=\"5002\",\"5003\"; Remove='5000'}",
            vec![
                changed("access_telephone_numbers", Change::Add(texts(&["5002", "5003"]))),
                changed("access_telephone_numbers", Change::Remove(texts(&["5000"]))),
            ],
        ),
        ("Set-UMDialPlan P -Name 'It''s \"new\"'", vec![Edit::text("name", "It's \"new\"")]),
        ("Set-UMDialPlan P -Name \"a `\"b`\" \"\"c\"\" `$d\"", vec![Edit::text("name", "a \"b\" \"c\" $d")]),
    ] {
        assert_eq!(step(text), set(Kind::DialPlan, "P", edits), "{text}");
    }
    let told = script("Set-UMIPGateway G -OutcallsAllowed $true -Simulator:$false");
    let edits = vec![Edit::set("outcalls_allowed", Value::Switch(true)), Edit::set("simulator", Value::Switch(false))];
    assert_eq!(
        told.requests,
        [Request::Change(Changes { steps: vec![set(Kind::IpGateway, "G", edits)], what_if: false })]
    );
}

#[test]
fn a_unix_shell_has_taken_the_quotes_off() {
    let told = line(&["Set-UMDialPlan", "-Identity", "My Plan", "-AccessTelephoneNumbers", "5000,5001", "-WhatIf"]);
    let edits = vec![Edit::set("access_telephone_numbers", Value::List(texts(&["5000", "5001"])))];
    assert_eq!(
        told.requests,
        [Request::Change(Changes { steps: vec![set(Kind::DialPlan, "My Plan", edits)], what_if: true })]
    );
    let told = line(&["Set-UMIPGateway", "G", "-OutcallsAllowed", "$false", "-Confirm:$false"]);
    assert!(!told.failed, "{:?}", told.warned);
    let told = line(&["Set-UMMailbox", "alice", "-Name", "@{x=1}"]);
    assert_eq!(told.warned, ["-Name has one value; @{Add=…;Remove=…} is for lists"]);
    // what is left when the shell took $true for a variable of its own
    let told = line(&["Set-UMIPGateway", "G", "-OutcallsAllowed"]);
    assert!(told.warned[0].starts_with("-OutcallsAllowed has no value. A Unix shell takes $true"), "{:?}", told.warned);
    let told = line(&["Get-UMIPGateway", "|", "Set-UMIPGateway", "-Status", "NoNewCalls"]);
    assert_eq!(told.requests.len(), 2);
    let told = line(&["Get-UMIPGateway | Set-UMIPGateway -Status NoNewCalls"]);
    assert_eq!(told.requests.len(), 2);
}

#[test]
fn what_is_neither_true_nor_false_is_refused() {
    for line in [
        "Set-UMIPGateway A -WhatIf:maybe -Port 2",
        "Set-UMIPGateway A -Confirm:2 -Port 2",
        "Disable-UMMailbox alice -KeepProperties maybe",
        "Disable-UMIPGateway A -Immediate later",
        "New-UMDialPlan P -NumberOfDigitsInExtension 4 -GenerateUMMailboxPolicy maybe",
        "Set-UMDialPlan Lab -FaxEnabled perhaps",
    ] {
        let told = script(line);
        assert!(told.failed && told.requests.is_empty(), "{line}");
        assert!(told.warned[0].contains("is neither $true nor $false"), "{line}: {:?}", told.warned);
    }
}

#[test]
fn a_state_is_set_only_with_what_is_allowed_beside_it() {
    let told = script("Set-UMService um -Status NoNewCalls -MaxCallsAllowed 50");
    let kinds = told.requests.iter().map(|request| match request {
        Request::Change(Changes { what_if, .. }) => {
            if *what_if {
                "look"
            } else {
                "change"
            }
        }
        Request::SetComponent { state, .. } => state.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(kinds.collect::<Vec<_>>(), ["look", "Draining", "change"]);
    let told = script("Set-UMService um -Status NoNewCalls -WhatIf");
    assert_eq!(
        (told.requests.len(), told.printed.as_str()),
        (0, "What if: UnifiedMessaging is Draining for Functional\n")
    );
}

#[test]
fn objects_go_through_the_pipe_and_are_changed_together() {
    let told = script("Get-UMIPGateway |\n  Set-UMIPGateway -Status NoNewCalls");
    let steps = ["A", "B"].map(|name| set(Kind::IpGateway, name, vec![Edit::text("status", "NoNewCalls")])).to_vec();
    assert_eq!(
        told.requests,
        [Request::Get { kind: Kind::IpGateway, identity: None }, Request::Change(Changes { steps, what_if: false })]
    );
    assert_eq!(told.printed, "it is done\nin force, generation 7\n");
    let told = script("Get-UMIPGateway | Remove-UMDialPlan");
    assert_eq!(told.warned, ["s.ps1:1: Remove-UMDialPlan cannot use what comes through the pipe"]);
}

#[test]
fn objects_are_printed_as_exchange_prints_them() {
    let told = script("Get-UMIPGateway A | Format-List Name,Po*,Redirect");
    assert_eq!(
        told.printed,
        "Name     : A\nPort     : 5060\nRedirect : True\n\nName     : B\nPort     : 5060\nRedirect : True\n"
    );
    let told = script("Get-UMIPGateway | ft Name, Port");
    assert_eq!(told.printed, "Name Port\n---- ----\nA    5060\nB    5060\n");
    let told = script("Get-UMIPGateway | ConvertTo-Json -Compress");
    let printed: serde_json::Value = serde_json::from_str(&told.printed).unwrap();
    assert_eq!(printed[1]["Port"], json!(5060));
    assert_eq!(script("Get-UMIPGateway | Out-Null").printed, "");
    let told = script("Get-UMIPGateway | Where-Object {$_.Port -eq 5060}");
    assert!(told.warned[0].starts_with("s.ps1:1: script blocks"), "{:?}", told.warned);
    let told = script("Get-UMIPGateway | Select-Object Name");
    assert!(told.warned[0].contains("Select-Object is not understood; behind a pipe"), "{:?}", told.warned);
}

#[test]
fn cmdlets_that_make_more_than_one_object() {
    let told = script("New-UMDialPlan 'New Plan' -NumberOfDigitsInExtension 5 -CountryOrRegionCode 82");
    let Request::Change(changes) = &told.requests[0] else { panic!("{:?}", told.requests) };
    assert_eq!(changes.steps[1], Step::default_policy("New Plan"));
    let told =
        script("New-UMDialPlan P -NumberOfDigitsInExtension 5 -CountryOrRegionCode 1 -GenerateUMMailboxPolicy $false");
    let Request::Change(changes) = &told.requests[0] else { panic!("{:?}", told.requests) };
    assert_eq!(changes.steps.len(), 1);
    let told = script("New-UMIPGateway G -Address 192.0.2.1 -UMDialPlan P");
    let Request::Change(changes) = &told.requests[0] else { panic!("{:?}", told.requests) };
    assert_eq!(changes.steps[1], Step::default_hunt_group("G", "P"));
    let told = script(
        "Enable-UMMailbox tony@example.test -UMMailboxPolicy P -Extensions 51234 -SIPResourceIdentifier +14255550123",
    );
    let Request::Change(changes) = &told.requests[0] else { panic!("{:?}", told.requests) };
    let Step::New { kind: Kind::Mailbox, name, edits } = &changes.steps[0] else { panic!("{changes:?}") };
    assert_eq!(name, "tony");
    assert!(edits.contains(&Edit::text("email_address", "tony@example.test")), "{edits:?}");
    assert!(edits.contains(&Edit::set("e164_numbers", Value::List(texts(&["+14255550123"])))), "{edits:?}");
    let told = script("Disable-UMIPGateway G -Immediate $true");
    // asked first, so that nothing is changed where no node is that could drop calls
    assert!(matches!(&told.requests[0], Request::ActiveCalls { .. }));
    assert_eq!(told.requests.len(), 3);
    assert!(matches!(&told.requests[2], Request::DropCalls(crate::link::CallSelector::IpGateway(name)) if name == "G"));
    let told = script("Set-UMServer localhost -MaxCallsAllowed 10 -SipTcpListeningPort 5080");
    let Request::Change(changes) = &told.requests[0] else { panic!("{:?}", told.requests) };
    let kinds: Vec<Kind> = changes
        .steps
        .iter()
        .map(|step| match step {
            Step::Set { kind, .. } => *kind,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [Kind::Service, Kind::CallRouter]);
}

#[test]
fn help_names_what_a_cmdlet_takes_and_what_it_means_here() {
    for asks in [&["Get-Help", "set-umdialplan"][..], &["Set-UMDialPlan", "-?"], &["Set-UMDialPlan", "Lab", "--help"]] {
        let told = line(asks);
        assert!(told.requests.is_empty() && told.printed.starts_with("Set-UMDialPlan\n"), "{asks:?}: {}", told.printed);
        let duration = told.printed.lines().find(|line| line.contains("-MaxCallDuration <")).unwrap();
        assert!(duration.contains("10m to 120m (default: 30m)"), "{duration}");
        assert!(told.printed.contains("-DomainController <Fqdn>"), "{}", told.printed);
    }
    assert!(line(&["Get-Help"]).printed.contains("\nGet-UMIPGateway\n"));
    assert!(line(&["Get-Help", "New-UMAutoAttendant"]).printed.contains("not built yet"));
    assert!(line(&["Get-Help", "Get-Mailbox"]).failed);
}

#[test]
fn one_way_of_naming_calls_is_enough_and_what_is_turned_off_need_not_be_built() {
    let told = script("Get-UMActiveCalls -Server vm -DialPlan Lab");
    assert_eq!(told.warned, ["s.ps1:1: one of -Server, -DialPlan, -IPGateway and -InstanceServer may be given"]);
    assert!(!script("Test-UMConnectivity -CallRouter -Secured $false -MediaSecured:$false").failed);
    assert!(script("Test-UMConnectivity -CallRouter -Secured $true").failed);
    assert!(!script("Get-UMMailbox -SortBy displayname").failed && script("Get-UMMailbox -SortBy Size").failed);
}

#[test]
fn a_pipe_carries_objects_or_is_refused() {
    let told = script("Get-UMIPGateway | Get-UMIPGateway | Out-Null");
    let asked: Vec<_> =
        told.requests.iter().filter(|request| matches!(request, Request::Get { identity: Some(_), .. })).collect();
    assert_eq!(asked.len(), 2, "each of those that came: {:?}", told.requests);
    for line in [
        "Get-UMIPGateway A | Get-UMMailbox",
        "Get-UMIPGateway A | Get-UMCallDataRecord -Mailbox alice",
        "Get-UMIPGateway A | Disable-UMService",
        "Get-UMIPGateway A | Set-ServerComponentState -Component UMCallRouter -State Inactive -Requester Functional",
        "Get-UMIPGateway A | Get-UMIPGateway B",
    ] {
        let told = script(line);
        assert!(told.failed && told.requests.len() == 1, "{line}: {:?}", told.requests);
    }
    let told = script("Set-UMIPGateway A -Port 5070 | Set-UMIPGateway -Status NoNewCalls");
    assert_eq!(told.warned, ["s.ps1:1: Set-UMIPGateway puts nothing into the pipe"]);
    assert!(told.requests.is_empty());
    let told = script("New-UMIPGateway A -Address 192.0.2.1 | Set-UMIPGateway -Port 5080");
    assert!(
        matches!(told.requests.last(), Some(Request::Change(changes)) if matches!(&changes.steps[0], Step::Set { .. }))
    );
}

#[test]
fn objects_of_two_lines_are_parted_by_a_blank_one() {
    let printed = script("Get-UMIPGateway A | fl Name\nGet-UMIPGateway A | fl Name").printed;
    assert_eq!(printed, "Name : A\n\nName : B\n\nName : A\n\nName : B\n");
}

#[test]
fn a_service_is_put_out_of_service_as_a_component() {
    let component = |state: &str| Request::SetComponent {
        server: Some("localhost".to_owned()),
        component: "UnifiedMessaging".to_owned(),
        state: state.to_owned(),
        requester: "Functional".to_owned(),
    };
    assert_eq!(script("Disable-UMService localhost").requests, [component("Inactive")]);
    assert_eq!(script("Enable-UMServer -Identity localhost").requests, [component("Active")]);
    assert_eq!(script("Set-UMService localhost -Status NoNewCalls").requests, [component("Draining")]);
    let told = script(
        "Set-ServerComponentState localhost -Component UMCallRouter -State Draining -Requester Maintenance -LocalOnly",
    );
    assert_eq!(told.requests.len(), 1);
    assert_eq!(told.warned, ["note: -LocalOnly is ignored: states are kept by the server itself, and nowhere else"]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, said) in [
        (
            "\n\nSet-UMDialPlam Lab",
            "s.ps1:3: Set-UMDialPlam is no cmdlet of Unified Messaging; did you mean Set-UMDialPlan?",
        ),
        (
            "Set-UMDialPlan Lab -MaxCallDuraton 5",
            "s.ps1:1: Set-UMDialPlan has no parameter -MaxCallDuraton; did you mean -MaxCallDuration?",
        ),
        (
            "Set-UMDialPlan Lab -Max 5",
            "s.ps1:1: -Max may mean -MaxCallDuration, -MaxRecordingDuration; write more of it",
        ),
        (
            "Set-UMDialPlan Lab other",
            "s.ps1:1: \"other\" belongs to no parameter of Set-UMDialPlan; write -Name before it",
        ),
        ("New-UMHuntGroup G -UMDialPlan P", "s.ps1:1: New-UMHuntGroup needs -UMIPGateway"),
        ("Set-UMDialPlan Lab -Name a -Name b", "s.ps1:1: -Name is given twice"),
        ("Set-UMDialPlan Lab -FaxEnabled $true", "s.ps1:1: -FaxEnabled is not built yet (it belongs to fax)"),
        (
            "New-UMAutoAttendant A -UMDialPlan P",
            "s.ps1:1: New-UMAutoAttendant is not built yet (it belongs to auto attendants)",
        ),
        ("Set-UMMailboxPIN alice", "s.ps1:1: Set-UMMailboxPIN is not built yet (it belongs to PINs)"),
        (
            "Remove-UMDialPlan Lab -Confirm",
            "s.ps1:1: -Confirm would ask, and there is nobody to ask; leave it out, or use -WhatIf first",
        ),
        (
            "$plan = 'Lab'",
            "s.ps1:1: variables ($plan) are not understood, except $true, $false and $null; write the value itself",
        ),
        ("Set-UMDialPlan 'Lab", "s.ps1:1: the text that begins here has no closing quote"),
        ("Set-UMDialPlan Lab -NumberingPlanFormats @('x'\n", "s.ps1:1: the list that begins here has no )"),
        (
            "Set-UMDialPlan Lab -NumberingPlanFormats @{Put='x'}",
            "s.ps1:1: -NumberingPlanFormats: @{Put=…} is not understood; write Add or Remove",
        ),
        ("Get-UMIPGateway missing", "s.ps1:1: there is none"),
        (
            "Enable-UMMailbox tony -UMMailboxPolicy P",
            "s.ps1:1: there is no user directory to look \"tony\" up in; give the e-mail address as -Identity, its first part becomes the alias",
        ),
    ] {
        let told = script(text);
        assert!(told.failed, "{text}");
        assert_eq!(told.warned, [said], "{text}");
    }
}

#[test]
fn a_script_stops_at_its_first_error_unless_it_says_otherwise() {
    let told = script("Get-UMIPGateway missing\nGet-UMIPGateway");
    assert_eq!((told.requests.len(), told.failed), (1, true));
    let told = script("Get-UMIPGateway missing -ErrorAction Continue\nGet-UMIPGateway");
    assert_eq!((told.requests.len(), told.failed, told.warned.len()), (2, true, 1));
    let told = script("Get-UMIPGateway missing -ea SilentlyContinue\nGet-UMIPGateway");
    assert_eq!((told.requests.len(), told.failed, told.warned.len()), (2, false, 0));
    // what cannot be read to its end is not begun
    let told = script("Get-UMIPGateway\nGet-UMIPGateway 'x");
    assert_eq!((told.requests.len(), told.failed), (0, true));
}

#[test]
fn what_has_no_meaning_here_is_said_to_be_ignored() {
    let told =
        script("Add-PSSnapin Microsoft.Exchange.Management.PowerShell.E2010\nGet-UMIPGateway -DomainController dc1");
    assert!(!told.failed);
    assert_eq!(
        told.warned,
        [
            "note: Add-PSSnapin is ignored: the cmdlets are there already",
            "note: -DomainController is ignored: there is no Active Directory behind this organisation"
        ]
    );
}

#[test]
fn every_parameter_of_every_cmdlet_has_a_meaning() {
    let mut unsaid = Vec::new();
    for cmdlet in all() {
        for parameter in &cmdlet.parameters {
            if sense(cmdlet.name, parameter.name).is_none() {
                unsaid.push(format!("{} -{}", cmdlet.name, parameter.name));
            }
        }
    }
    assert!(unsaid.is_empty(), "{unsaid:#?}");
    assert_eq!(all().len(), 54, "all cmdlets of exchange-um");
}

#[test]
fn every_cmdlet_is_found_in_any_case_and_by_unambiguous_beginnings_of_its_parameters() {
    for cmdlet in all() {
        assert!(super::cmdlet::named(&cmdlet.name.to_uppercase(), 1).is_ok());
        for parameter in &cmdlet.parameters {
            let named = cmdlet.parameter(&parameter.name.to_lowercase(), 1).unwrap();
            assert_eq!(named.name, parameter.name);
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[-A-Za-z0-9 @{}()$'\"`,;|#=:<>\\n\\r\u{201c}\u{2013}]{0,80}") {
        let _ = token::script(&text).and_then(pipelines);
        let arguments: Vec<String> = text.split(' ').map(str::to_owned).collect();
        let _ = token::arguments(&arguments).and_then(pipelines);
    }

    /// Whatever a text holds, in single quotes it is read as it is.
    #[test]
    fn quoted_text_is_read_back(text in "[^\u{2018}\u{2019}\u{201a}\u{201b}]{0,40}") {
        let quoted = format!("Get-UMMailbox '{}'", text.replace('\'', "''"));
        let lines = token::script(&quoted).and_then(pipelines).unwrap();
        let parse::Argument::Value(Literal::Text(word)) = &lines[0].calls[0].arguments[0] else { panic!("{lines:?}") };
        proptest::prop_assert_eq!(&word.text, &text);
    }
}
