//! `[[mailbox_policy]]`, `New-/Set-UMMailboxPolicy`.
//! Knows: data. Must not: decide anything.

use super::Default::{self, Needed, Number, Switch, Text};
use super::{Kind, Setting, Type, part};

const NAME: Type = Type::Text("1 to 64 characters, none of \" / \\ [ ] : ; | = , + * ? < >");
const GROUPS: Type = Type::List("names of groups of dialing rules");
const PROTECTION: Type = Type::Choice(&["None", "Private", "All"]);
const SITE_TEXT: Type = Type::Text("up to 512 characters");

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("name", "Name", NAME, Needed, "what mailboxes call the policy; changing it changes them, too"),
    Setting::new(
        "dial_plan",
        "UMDialPlan",
        Type::Reference(Kind::DialPlan),
        Needed,
        "the plan of all mailboxes with this policy",
    ),
    Setting::new(
        "allow_missed_call_notifications",
        "AllowMissedCallNotifications",
        Type::Switch,
        Switch(true),
        "the mailbox must allow them, too",
    ),
    later("min_pin_length", "MinPINLength", Type::Number { least: 4, most: 24 }, Number(6), part::PIN),
    later("pin_lifetime", "PINLifetime", Type::Text("1 to 999 days, Unlimited"), Text("60"), part::PIN),
    later("pin_history_count", "PINHistoryCount", Type::Number { least: 1, most: 20 }, Number(5), part::PIN),
    later("allow_common_patterns", "AllowCommonPatterns", Type::Switch, Switch(false), part::PIN),
    later(
        "logon_failures_before_pin_reset",
        "LogonFailuresBeforePINReset",
        Type::Text("0 to 999, Unlimited"),
        Text("5"),
        part::PIN,
    ),
    later("max_logon_attempts", "MaxLogonAttempts", Type::Text("1 to 999, Unlimited"), Text("15"), part::PIN),
    later("reset_pin_text", "ResetPINText", SITE_TEXT, Default::None, part::PIN),
    later(
        "max_greeting_duration",
        "MaxGreetingDuration",
        Type::Minutes { least: 1, most: 10 },
        Text("5m"),
        part::SUBSCRIBER_ACCESS,
    ),
    later("allow_subscriber_access", "AllowSubscriberAccess", Type::Switch, Switch(true), part::SUBSCRIBER_ACCESS),
    later(
        "allow_pinless_voice_mail_access",
        "AllowPinlessVoiceMailAccess",
        Type::Switch,
        Switch(false),
        part::SUBSCRIBER_ACCESS,
    ),
    later(
        "allow_tui_access_to_calendar",
        "AllowTUIAccessToCalendar",
        Type::Switch,
        Switch(true),
        part::SUBSCRIBER_ACCESS,
    ),
    later(
        "allow_tui_access_to_directory",
        "AllowTUIAccessToDirectory",
        Type::Switch,
        Switch(true),
        part::SUBSCRIBER_ACCESS,
    ),
    later("allow_tui_access_to_email", "AllowTUIAccessToEmail", Type::Switch, Switch(true), part::SUBSCRIBER_ACCESS),
    later(
        "allow_tui_access_to_personal_contacts",
        "AllowTUIAccessToPersonalContacts",
        Type::Switch,
        Switch(true),
        part::SUBSCRIBER_ACCESS,
    ),
    later(
        "allow_voice_response_to_other_message_types",
        "AllowVoiceResponseToOtherMessageTypes",
        Type::Switch,
        Switch(true),
        part::SUBSCRIBER_ACCESS,
    ),
    later(
        "allow_automatic_speech_recognition",
        "AllowAutomaticSpeechRecognition",
        Type::Switch,
        Switch(true),
        part::SPEECH,
    ),
    later("allow_call_answering_rules", "AllowCallAnsweringRules", Type::Switch, Switch(true), part::RULES),
    later("allow_dial_plan_subscribers", "AllowDialPlanSubscribers", Type::Switch, Switch(true), part::OUTBOUND),
    later("allow_extensions", "AllowExtensions", Type::Switch, Switch(true), part::OUTBOUND),
    later(
        "allowed_in_country_or_region_groups",
        "AllowedInCountryOrRegionGroups",
        GROUPS,
        Default::None,
        part::OUTBOUND,
    ),
    later("allowed_international_groups", "AllowedInternationalGroups", GROUPS, Default::None, part::OUTBOUND),
    later("allow_fax", "AllowFax", Type::Switch, Switch(true), part::FAX),
    later(
        "fax_server_uri",
        "FaxServerURI",
        Type::Text("sip:host:port;transport=udp|tcp|tls"),
        Default::None,
        part::FAX,
    ),
    later("fax_message_text", "FaxMessageText", SITE_TEXT, Default::None, part::FAX),
    later(
        "allow_message_waiting_indicator",
        "AllowMessageWaitingIndicator",
        Type::Switch,
        Switch(true),
        part::MESSAGE_WAITING,
    ),
    later("allow_play_on_phone", "AllowPlayOnPhone", Type::Switch, Switch(true), part::PLAY_ON_PHONE),
    later(
        "require_protected_play_on_phone",
        "RequireProtectedPlayOnPhone",
        Type::Switch,
        Switch(false),
        part::PROTECTED,
    ),
    later(
        "protect_unauthenticated_voice_mail",
        "ProtectUnauthenticatedVoiceMail",
        PROTECTION,
        Text("None"),
        part::PROTECTED,
    ),
    later(
        "protect_authenticated_voice_mail",
        "ProtectAuthenticatedVoiceMail",
        PROTECTION,
        Text("None"),
        part::PROTECTED,
    ),
    later("protected_voice_mail_text", "ProtectedVoiceMailText", SITE_TEXT, Default::None, part::PROTECTED),
    later("allow_sms_notification", "AllowSMSNotification", Type::Switch, Switch(true), part::TEXT_MESSAGES),
    later("um_enabled_text", "UMEnabledText", SITE_TEXT, Default::None, part::TEXTS),
    later("voice_mail_text", "VoiceMailText", SITE_TEXT, Default::None, part::TEXTS),
    later("allow_voice_mail_preview", "AllowVoiceMailPreview", Type::Switch, Switch(true), part::PREVIEW),
    later("allow_voice_mail_analysis", "AllowVoiceMailAnalysis", Type::Switch, Switch(false), part::PREVIEW),
    later("", "InformCallerOfVoiceMailAnalysis", Type::Switch, Switch(false), part::PREVIEW),
    later(
        "voice_mail_preview_partner_address",
        "VoiceMailPreviewPartnerAddress",
        Type::Text("e-mail address"),
        Default::None,
        part::PREVIEW,
    ),
    later(
        "voice_mail_preview_partner_assigned_id",
        "VoiceMailPreviewPartnerAssignedID",
        Type::Text("text"),
        Default::None,
        part::PREVIEW,
    ),
    later(
        "voice_mail_preview_partner_max_delivery_delay",
        "VoiceMailPreviewPartnerMaxDeliveryDelay",
        Type::Seconds { least: 300, most: i64::MAX },
        Text("1200s"),
        part::PREVIEW,
    ),
    later(
        "voice_mail_preview_partner_max_message_duration",
        "VoiceMailPreviewPartnerMaxMessageDuration",
        Type::Seconds { least: 60, most: i64::MAX },
        Text("180s"),
        part::PREVIEW,
    ),
    later(
        "source_forest_policy_names",
        "SourceForestPolicyNames",
        Type::List("names"),
        Default::None,
        "moves between forests",
    ),
];

const fn later(key: &'static str, parameter: &'static str, of: Type, default: Default, part: &'static str) -> Setting {
    Setting::new(key, parameter, of, default, "").not_built(part)
}
