//! A script as an administrator of Exchange has it.

use crate::Site;

/// A site is set up, changed and looked at.
const SCRIPT: &str = r#"
# UM set-up of the Berlin office
Add-PSSnapin Microsoft.Exchange.Management.PowerShell.E2010

New-UMDialPlan -Name "Berlin" -NumberOfDigitsInExtension 4 -CountryOrRegionCode 49 -URIType TelExtn -VoIPSecurity Unsecured
Set-UMDialPlan -Identity Berlin -MaxCallDuration 60 `
    -MaxRecordingDuration 10 -RecordingIdleTimeout 6 -DefaultLanguage de-DE `
    -AccessTelephoneNumbers "7000","+49307000" -DomainController dc1.contoso.test

New-UMIPGateway -Name 'Berlin SBC' -Address 10.1.2.3
Set-UMIPGateway 'Berlin SBC' -Port 5061 -OutcallsAllowed $false
New-UMHuntGroup -Name "Berlin Pilot" -PilotIdentifier 7000 -UMDialPlan Berlin -UMIPGateway 'Berlin SBC'
Set-UMMailboxPolicy "Berlin Default Policy" -AllowMissedCallNotifications $false

Enable-UMMailbox -Identity tony@contoso.test -UMMailboxPolicy "Berlin Default Policy" -Extensions 7001
Set-UMMailbox tony -AnonymousCallersCanLeaveMessages:$false -Confirm:$false
Set-UMService -MaxCallsAllowed 50
Set-UMCallRouterSettings -Server localhost -SipTcpListeningPort 5080

Get-UMIPGateway | Set-UMIPGateway -Status NoNewCalls
Get-UMIPGateway | ft Name, Status, Port
"#;

#[test]
fn a_script_of_exchange_runs() {
    let site = Site::with_the_sample();
    let said = site.script(SCRIPT);
    let notes: Vec<&str> = said.err.lines().collect();
    assert_eq!(
        notes,
        [
            "ringpost: note: Add-PSSnapin is ignored: the cmdlets are there already",
            "ringpost: note: -DomainController is ignored: there is no Active Directory behind this organisation"
        ]
    );
    let out = said.done();
    assert!(out.ends_with("Name       Status     Port\n----       ------     ----\nLoopback   NoNewCalls 0\nBerlin SBC NoNewCalls 5061\n"), "{out}");
    let plan = site.ringpost(&["dial-plan", "get", "Berlin", "--json"]).json();
    assert_eq!(plan["max_call_duration"], "60m");
    assert_eq!(plan["access_telephone_numbers"], serde_json::json!(["7000", "+49307000"]));
    let tony = site.ringpost(&["mailbox", "get", "tony", "--json"]).json();
    assert_eq!((&tony["extensions"][0], &tony["language"]), (&"7001".into(), &"de-DE".into()));
    assert_eq!(tony["anonymous_callers_can_leave_messages"], false);
    assert_eq!(
        site.file("servers.toml"),
        "[[service]]\nname = \"um1.example.test\"\nmax_calls_allowed = 50\n\n[[call_router]]\nname = \"um1.example.test\"\nsip_tcp_listening_port = 5080\n"
    );
    site.ringpost(&["check"]).done();
}

#[test]
fn cmdlets_are_commands_of_their_own() {
    let site = Site::with_the_sample();
    site.ringpost(&["Set-UMService", "-MaxCallsAllowed", "50"]).done();
    site.ringpost(&["set-umservice", "localhost", "-dialplans", "$null"]).done();
    let shown = site.ringpost(&["Get-UMService"]).done();
    assert!(shown.lines().any(|line| line.starts_with("MaxCallsAllowed") && line.ends_with(": 50")), "{shown}");
    let json = site.ringpost(&["--config", "config", "Get-UMDialPlan", "Lab", "--json"]).json();
    assert_eq!(
        (&json["Name"], &json["MaxCallDuration"], &json["URIType"]),
        (&"Lab".into(), &30.into(), &"TelExtn".into())
    );
    let list = ["Set-UMMailbox", "alice", "-Name", "Alice M", "-WhatIf"];
    assert_eq!(site.ringpost(&list).done(), "What if: mailbox \"alice\" is changed\n");
    let said = site.ringpost(&["Set-UMDialPlan", "Lab", "-MaxCallDuration", "5"]).refused();
    assert_eq!(said, "ringpost: -MaxCallDuration: 5m is out of range; 10m to 2h is allowed\n");
    let said = site.ringpost(&["Get-UMActiveCalls"]).refused();
    assert_eq!(said, "ringpost: this needs a running node, and none is running here\n");
    let said = site.ringpost(&["Get-Mailbox"]).refused();
    assert!(
        said.starts_with("ringpost: Get-Mailbox is no cmdlet of Unified Messaging; did you mean Get-UMMailbox?"),
        "{said}"
    );
}

#[test]
fn refusals_name_parameters_and_what_is_ignored_leaves_no_entry() {
    let site = Site::with_the_sample();
    let refused = |line: &[&str]| site.ringpost(line).refused();
    let said = refused(&["Set-UMServer", "-SipTcpListeningPort", "65536"]);
    assert!(said.starts_with("ringpost: -SipTcpListeningPort: "), "{said}");
    let said = refused(&["New-UMIPGateway", "G", "-Address", "192.0.2.1", "-UMDialPlan", "Nope"]);
    assert!(said.starts_with("ringpost: -UMDialPlan: "), "{said}");
    let said = refused(&["Get-UMCallSummaryReport", "-GroupBy", "Year"]);
    assert!(said.starts_with("ringpost: -GroupBy: "), "{said}");
    let said = refused(&["Get-UMCallDataRecord", "-Mailbox", "nobody"]);
    assert_eq!(said, "ringpost: -Mailbox: no mailbox is named \"nobody\"\n");
    let said = refused(&["Get-UMCallSummaryReport", "-GroupBy", "Total", "-UMDialPlan", "Nope"]);
    assert_eq!(said, "ringpost: -UMDialPlan: no dial plan is named \"Nope\"\n");
    site.ringpost(&["Get-UMCallDataRecord", "-Mailbox", "alice", "--config", "config"]).done();
    let said = site.ringpost(&["Set-UMService", "-GrammarGenerationSchedule", "x"]).done();
    assert_eq!(said, "nothing to change: it is so already\n");
}

#[test]
fn a_list_is_added_to_and_taken_from() {
    let site = Site::with_the_sample();
    site.script("Set-UMDialPlan Lab -AccessTelephoneNumbers @{Add='5001','5002'; Remove='5000'}").done();
    let plan = site.ringpost(&["dial-plan", "get", "Lab", "--json"]).json();
    assert_eq!(plan["access_telephone_numbers"], serde_json::json!(["5001", "5002"]));
}

#[test]
fn an_error_in_a_script_has_its_line_and_ends_it() {
    let site = Site::with_the_sample();
    let before = site.file("gateways.toml");
    let said = site
        .script(
            "Get-UMIPGateway | Out-Null\n\nSet-UMIPGateway Loopback -Status Off\nSet-UMIPGateway Loopback -Port 1\n",
        )
        .refused();
    assert_eq!(
        said,
        "ringpost: script.ps1:3: -Status: \"Off\" is not allowed; allowed are Enabled, Disabled, NoNewCalls\n\
         ringpost: script.ps1: not everything was carried out\n"
    );
    assert_eq!(site.file("gateways.toml"), before);
}
