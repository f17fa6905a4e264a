//! `[[mailbox]]`, `Enable-/Set-UMMailbox`.
//! Knows: data. Must not: decide anything.

use super::Default::{self, From, Needed, Switch, Text};
use super::{Kind, Setting, Type, part};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "alias",
        "",
        Type::Text("1 to 64 of A-Z, digits, _ - +, single dots within"),
        Needed,
        "unique; the name of the mailbox's folder in a Maildir store",
    )
    .fixed(),
    Setting::new(
        "display_name",
        "Name",
        Type::Text("1 to 256 characters"),
        From("the alias"),
        "as it is spoken and written",
    ),
    Setting::new("email_address", "", Type::Text("e-mail address"), Needed, "where messages go"),
    Setting::new(
        "mailbox_policy",
        "UMMailboxPolicy",
        Type::Reference(Kind::MailboxPolicy),
        Needed,
        "and through it the dial plan",
    ),
    Setting::new(
        "extensions",
        "Extensions",
        Type::List("digits, as many as the plan says"),
        Needed,
        "unique in the plan, and no pilot of it; the first is the primary one",
    ),
    Setting::new(
        "e164_numbers",
        "",
        Type::List("+ and digits"),
        Default::None,
        "needed in E164 plans; unique in the plan",
    ),
    Setting::new(
        "sip_addresses",
        "",
        Type::List("user@host"),
        Default::None,
        "needed in SipName plans; unique in the plan",
    ),
    Setting::new("language", "", Type::Text("language tag"), From("the plan's"), "what callers hear"),
    Setting::new(
        "anonymous_callers_can_leave_messages",
        "AnonymousCallersCanLeaveMessages",
        Type::Switch,
        Switch(true),
        "false: callers who withhold their number leave no message",
    ),
    Setting::new(
        "missed_call_notification_enabled",
        "MissedCallNotificationEnabled",
        Type::Switch,
        Switch(true),
        "the policy must allow them, too",
    ),
    Setting::new("server", "", Type::Text("host name"), From("this node"), "home server: calls are redirected there"),
    later(
        "automatic_speech_recognition_enabled",
        "AutomaticSpeechRecognitionEnabled",
        Type::Switch,
        Switch(true),
        part::SPEECH,
    ),
    later(
        "allow_um_calls_from_non_users",
        "AllowUMCallsFromNonUsers",
        Type::Choice(&["None", "SearchEnabled"]),
        Text("SearchEnabled"),
        part::DIRECTORY_SEARCH,
    ),
    later(
        "call_answering_audio_codec",
        "CallAnsweringAudioCodec",
        Type::Choice(&["Mp3", "Wma", "Gsm", "G711"]),
        From("the plan's"),
        part::FORMATS,
    ),
    later("call_answering_rules_enabled", "CallAnsweringRulesEnabled", Type::Switch, Switch(true), part::RULES),
    later("fax_enabled", "FaxEnabled", Type::Switch, Switch(true), part::FAX),
    later("notify_email", "NotifyEmail", Type::Text("e-mail address"), From("the mailbox's"), part::PIN),
    later("operator_number", "OperatorNumber", Type::Text("1 to 20 characters"), Default::None, part::OPERATOR),
    later(
        "pilot_number",
        "PilotNumber",
        Type::Text("number"),
        From("the plan's access number"),
        part::SUBSCRIBER_ACCESS,
    ),
    later("pin", "PIN", Type::Text("4 to 24 digits"), From("made by the policy and mailed"), part::PIN),
    later("pin_expired", "PINExpired", Type::Switch, From("true when the PIN was made"), part::PIN),
    later(
        "pinless_access_to_voice_mail_enabled",
        "PinlessAccessToVoiceMailEnabled",
        Type::Switch,
        Switch(false),
        part::SUBSCRIBER_ACCESS,
    ),
    later("play_on_phone_enabled", "PlayOnPhoneEnabled", Type::Switch, Switch(true), part::PLAY_ON_PHONE),
    later("subscriber_access_enabled", "SubscriberAccessEnabled", Type::Switch, Switch(true), part::SUBSCRIBER_ACCESS),
    later(
        "tui_access_to_calendar_enabled",
        "TUIAccessToCalendarEnabled",
        Type::Switch,
        Switch(true),
        part::SUBSCRIBER_ACCESS,
    ),
    later(
        "tui_access_to_email_enabled",
        "TUIAccessToEmailEnabled",
        Type::Switch,
        Switch(true),
        part::SUBSCRIBER_ACCESS,
    ),
    later(
        "um_sms_notification_option",
        "UMSMSNotificationOption",
        Type::Choice(&["None", "VoiceMail", "VoiceMailAndMissedCalls"]),
        Text("None"),
        part::TEXT_MESSAGES,
    ),
    later("voice_mail_analysis_enabled", "VoiceMailAnalysisEnabled", Type::Switch, Switch(false), part::PREVIEW),
    Setting::new("", "ImListMigrationCompleted", Type::Switch, Switch(false), "")
        .ignored("contact lists of instant messaging are none of ours"),
];

const fn later(key: &'static str, parameter: &'static str, of: Type, default: Default, part: &'static str) -> Setting {
    Setting::new(key, parameter, of, default, "").not_built(part)
}
