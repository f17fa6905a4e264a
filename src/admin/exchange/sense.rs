//! What each cmdlet and each of its parameters means here.
//! Knows: the registry of settings, what is not built. Must not: carry anything out.

use crate::admin::settings::{Kind, Setting, State, part};

/// What a cmdlet does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Get(Kind),
    New(Kind),
    Set(Kind),
    Remove(Kind),
    /// A gateway's Status.
    Gateway {
        enable: bool,
    },
    /// The UM service as a component.
    Service {
        enable: bool,
    },
    EnableMailbox,
    DisableMailbox,
    GetComponents,
    SetComponent,
    ActiveCalls,
    CallDataRecords,
    ExportRecords,
    SummaryReport,
    TestCall,
    /// Refused by name.
    NotBuilt(&'static str),
}

/// What a parameter of a cmdlet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// Which object.
    Identity,
    /// WhatIf, Confirm, ErrorAction and the like.
    Common,
    Setting(Kind, &'static Setting),
    /// The cmdlet itself makes something of it.
    Own,
    /// Accepted, and said to be ignored: why.
    Ignored(&'static str),
    NotBuilt(&'static str),
}

const NO_ACTIVE_DIRECTORY: &str = "there is no Active Directory behind this organisation";

/// `cmdlet` as the table spells it.
pub(super) fn action(cmdlet: &str) -> Action {
    use Action::*;
    let (verb, noun) = cmdlet.split_once('-').unwrap_or((cmdlet, ""));
    let kind = Kind::ALL.into_iter().find(|kind| kind.exchange() == noun);
    let kind = kind.or_else(|| (noun == "UMServer").then_some(Kind::Service));
    match (verb, noun, kind) {
        (_, "UMAutoAttendant", _) => NotBuilt(part::ATTENDANTS),
        (_, "UMCallAnsweringRule", _) => NotBuilt(part::RULES),
        (_, "UMPrompt", _) => NotBuilt(part::PROMPTS),
        (_, "UMMailboxPin" | "UMMailboxPIN", _) => NotBuilt(part::PIN),
        ("Enable", "UMIPGateway", _) => Gateway { enable: true },
        ("Disable", "UMIPGateway", _) => Gateway { enable: false },
        ("Enable", "UMService" | "UMServer", _) => Service { enable: true },
        ("Disable", "UMService" | "UMServer", _) => Service { enable: false },
        ("Enable", "UMMailbox", _) => EnableMailbox,
        ("Disable", "UMMailbox", _) => DisableMailbox,
        ("Get", "ServerComponentState", _) => GetComponents,
        ("Set", "ServerComponentState", _) => SetComponent,
        ("Get", "UMActiveCalls", _) => ActiveCalls,
        ("Get", "UMCallDataRecord", _) => CallDataRecords,
        ("Export", "UMCallDataRecord", _) => ExportRecords,
        ("Get", "UMCallSummaryReport", _) => SummaryReport,
        ("Test", "UMConnectivity", _) => TestCall,
        ("Get", _, Some(kind)) => Get(kind),
        ("New", _, Some(kind)) => New(kind),
        ("Set", _, Some(kind)) => Set(kind),
        ("Remove", _, Some(kind)) => Remove(kind),
        _ => NotBuilt("what Ringpost does"),
    }
}

/// What a parameter means; `None`: nobody has said it, which a test does not allow.
pub(super) fn sense(cmdlet: &str, parameter: &str) -> Option<Sense> {
    use Sense::*;
    let action = action(cmdlet);
    match parameter {
        "Identity" => return Some(Identity),
        "Server" if cmdlet.ends_with("UMCallRouterSettings") => return Some(Identity),
        "WhatIf" | "Confirm" => return Some(Common),
        name if super::cmdlet::COMMON.iter().any(|(common, _, _)| *common == name) => return Some(Common),
        "DomainController"
        | "IgnoreDefaultScope"
        | "ReadFromDomainController"
        | "OrganizationalUnit"
        | "Credential" => {
            return Some(Ignored(NO_ACTIVE_DIRECTORY));
        }
        "ForceUpgrade" => return Some(Ignored("objects need no upgrade")),
        _ => {}
    }
    let setting = |kind: Kind| {
        let setting = kind.parameter(parameter)?;
        Some(match setting.state {
            State::Works => Setting(kind, setting),
            State::Ignored(reason) => Ignored(reason),
            State::NotBuilt(part) => NotBuilt(part),
        })
    };
    match (action, parameter) {
        (Action::NotBuilt(part), _) => Some(NotBuilt(part)),
        (Action::Get(Kind::IpGateway), "IncludeSimulator")
        | (Action::Get(Kind::Mailbox), "Anr" | "ResultSize")
        | (Action::Get(_), "UMDialPlan")
        | (Action::New(_), "Name")
        | (Action::New(Kind::DialPlan), "GenerateUMMailboxPolicy")
        | (Action::New(Kind::IpGateway), "UMDialPlan")
        | (Action::Gateway { .. } | Action::Service { .. }, "Immediate")
        | (Action::DisableMailbox, "KeepProperties")
        | (Action::EnableMailbox, "SIPResourceIdentifier" | "ValidateOnly")
        | (Action::Set(Kind::Service), "Status")
        | (Action::GetComponents | Action::SetComponent, "Component" | "State" | "Requester")
        | (Action::ActiveCalls, "DialPlan" | "IPGateway" | "Server" | "InstanceServer")
        | (Action::CallDataRecords, "Mailbox")
        | (Action::ExportRecords, "Date" | "UMDialPlan" | "UMIPGateway")
        | (Action::SummaryReport, "GroupBy" | "UMDialPlan" | "UMIPGateway")
        | (Action::TestCall, "CallRouter" | "UMIPGateway" | "Phone" | "From" | "Timeout" | "DiagDtmfSequence") => {
            Some(Own)
        }
        (Action::Get(Kind::Mailbox), "SortBy") => Some(Ignored("mailboxes are shown in the order of the files")),
        (Action::Get(Kind::Mailbox), "Filter") => Some(NotBuilt("filters of objects")),
        (Action::EnableMailbox, "EnableCloudVoiceMail" | "SendWelcomeMail") => {
            Some(NotBuilt("voice mail in the cloud"))
        }
        (Action::EnableMailbox, "PIN") => setting(Kind::Mailbox),
        (Action::SetComponent, "LocalOnly" | "RemoteOnly") => {
            Some(Ignored("states are kept by the server itself, and nowhere else"))
        }
        (Action::SetComponent, "TimeoutInSeconds") => Some(Ignored("reserved in Exchange, too")),
        (Action::ExportRecords, "ClientStream") => {
            Some(Ignored("the file is written to the folder the command runs in"))
        }
        (Action::TestCall, "UMDialPlan" | "PIN" | "ResetPIN" | "TUILogon" | "TUILogonAll") => Some(NotBuilt(part::PIN)),
        (Action::TestCall, "Secured" | "MediaSecured" | "CertificateThumbprint") => Some(NotBuilt(part::TLS)),
        (Action::TestCall, "MonitoringContext") => Some(Ignored("there is no monitoring service to tell")),
        (Action::TestCall, "ListenPort" | "RemotePort") => Some(Ignored("the node takes ports of its own")),
        (Action::TestCall, name) if name.starts_with("Diag") => {
            Some(Ignored("keys are sent with usual lengths and gaps"))
        }
        // Exchange 2010 kept the router's ports with the UM server
        (Action::Set(Kind::Service), "SipTcpListeningPort" | "SipTlsListeningPort") => setting(Kind::CallRouter),
        (Action::EnableMailbox | Action::DisableMailbox, _) => setting(Kind::Mailbox),
        (Action::Get(kind) | Action::New(kind) | Action::Set(kind) | Action::Remove(kind), _) => setting(kind),
        _ => None,
    }
}

/// The parameter behind the key that a refusal names, where it is no setting's.
pub(super) fn parameter_of(action: Action, key: &str) -> Option<&'static str> {
    Some(match (action, key) {
        (Action::TestCall, "call_router") => "CallRouter",
        (Action::TestCall, "ip_gateway") => "UMIPGateway",
        (Action::TestCall, "phone") => "Phone",
        (Action::TestCall, "from") => "From",
        (Action::TestCall, "dtmf") => "DiagDtmfSequence",
        (Action::TestCall, "timeout") => "Timeout",
        (Action::SummaryReport, "group_by") => "GroupBy",
        (Action::SummaryReport | Action::ExportRecords, "ip_gateway") => "UMIPGateway",
        (Action::SummaryReport | Action::ExportRecords, "dial_plan") => "UMDialPlan",
        (Action::ActiveCalls, "ip_gateway") => "IPGateway",
        (Action::ActiveCalls, "dial_plan") => "DialPlan",
        (Action::CallDataRecords, "mailbox") => "Mailbox",
        (Action::New(Kind::IpGateway), "dial_plan") => "UMDialPlan",
        (Action::EnableMailbox, "sip_addresses" | "e164_numbers") => "SIPResourceIdentifier",
        _ => return None,
    })
}
