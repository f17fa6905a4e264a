//! `[[dial_plan]]`, `New-/Set-UMDialPlan`.
//! Knows: data. Must not: decide anything.

use super::Default::{self, Needed, Number, Switch, Text};
use super::{Setting, Type, part};

const NAME: Type =
    Type::Text("1 to 64 characters, none of \" / \\ [ ] : ; | = , + * ? < >; 49 when its policy is made, too");
const GROUPS: Type = Type::List("names of groups of dialing rules");
const RULES: Type = Type::List("rows of group name,number mask,dialed number,comment");

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("name", "Name", NAME, Needed, "what other objects call the plan; changing it changes them, too"),
    Setting::new(
        "uri_type",
        "URIType",
        Type::Choice(&["TelExtn", "E164", "SipName"]),
        Text("TelExtn"),
        "what names a user: extension, number, SIP address",
    )
    .fixed(),
    Setting::new(
        "number_of_digits_in_extension",
        "NumberOfDigitsInExtension",
        Type::Number { least: 1, most: 20 },
        Needed,
        "plans of every kind have extensions",
    )
    .fixed(),
    Setting::new(
        "voip_security",
        "VoIPSecurity",
        Type::Choice(&["Unsecured", "SIPSecured", "Secured"]),
        Text("Unsecured"),
        "how calls are protected; SIPSecured and Secured need TLS, which is not built yet",
    ),
    Setting::new(
        "country_or_region_code",
        "CountryOrRegionCode",
        Type::Text("1 to 4 digits"),
        Default::None,
        "what national numbers lack in front",
    ),
    Setting::new(
        "access_telephone_numbers",
        "AccessTelephoneNumbers",
        Type::List("numbers of up to 32 characters, SIP addresses"),
        Default::None,
        "numbers for signing in, beside the pilots",
    ),
    Setting::new(
        "trusted_peers",
        "",
        Type::List("IP addresses, host names"),
        Default::None,
        "SipName plans: front-end pools whose calls are taken without a gateway and a hunt group, by servers that have the plan in their dial_plans",
    ),
    Setting::new(
        "default_language",
        "DefaultLanguage",
        Type::Text("language tag"),
        Text("en-US"),
        "of mailboxes that name none",
    ),
    Setting::new(
        "max_call_duration",
        "MaxCallDuration",
        Type::Minutes { least: 10, most: 120 },
        Text("30m"),
        "every call ends then",
    ),
    Setting::new(
        "max_recording_duration",
        "MaxRecordingDuration",
        Type::Minutes { least: 1, most: 100 },
        Text("20m"),
        "the longest message; less than the longest call",
    ),
    Setting::new(
        "recording_idle_timeout",
        "RecordingIdleTimeout",
        Type::Seconds { least: 2, most: 10 },
        Text("5s"),
        "so much silence ends a recording",
    ),
    Setting::new(
        "input_failures_before_disconnect",
        "InputFailuresBeforeDisconnect",
        Type::Number { least: 1, most: 20 },
        Number(3),
        "so many wrong or missing keys end a call",
    ),
    Setting::new(
        "numbering_plan_formats",
        "NumberingPlanFormats",
        Type::List("digits and x, up to 20, such as 142570xxxxx"),
        Default::None,
        "which long numbers hold an extension in their last digits",
    ),
    Setting::new(
        "equivalent_dial_plan_phone_contexts",
        "EquivalentDialPlanPhoneContexts",
        Type::List("Plan or Plan.domain"),
        Default::None,
        "plans whose users are recognised as callers, too",
    ),
    later(
        "pilot_identifier_list",
        "PilotIdentifierList",
        Type::List("E.164 numbers"),
        Default::None,
        part::SUBSCRIBER_ACCESS,
    ),
    later("audio_codec", "AudioCodec", Type::Choice(&["Mp3", "Wma", "Gsm", "G711"]), Text("Mp3"), part::FORMATS),
    later(
        "logon_failures_before_disconnect",
        "LogonFailuresBeforeDisconnect",
        Type::Number { least: 1, most: 20 },
        Number(3),
        part::SUBSCRIBER_ACCESS,
    ),
    later("operator_extension", "OperatorExtension", Type::Text("number"), Default::None, part::OPERATOR),
    later("extension", "Extension", Type::Text("number"), Default::None, part::DIRECTORY_SEARCH),
    later("fax_enabled", "FaxEnabled", Type::Switch, Switch(true), part::FAX),
    later("call_someone_enabled", "CallSomeoneEnabled", Type::Switch, Switch(true), part::OUTBOUND),
    later("send_voice_msg_enabled", "SendVoiceMsgEnabled", Type::Switch, Switch(true), part::DIRECTORY_SEARCH),
    later("call_answering_rules_enabled", "CallAnsweringRulesEnabled", Type::Switch, Switch(true), part::RULES),
    later(
        "automatic_speech_recognition_enabled",
        "AutomaticSpeechRecognitionEnabled",
        Type::Switch,
        Switch(true),
        part::SPEECH,
    ),
    later(
        "dial_by_name_primary",
        "DialByNamePrimary",
        Type::Choice(&["LastFirst", "FirstLast", "SMTPAddress"]),
        Text("LastFirst"),
        part::DIRECTORY_SEARCH,
    ),
    later(
        "dial_by_name_secondary",
        "DialByNameSecondary",
        Type::Choice(&["LastFirst", "FirstLast", "SMTPAddress", "None"]),
        Text("SMTPAddress"),
        part::DIRECTORY_SEARCH,
    ),
    later(
        "matched_name_selection_method",
        "MatchedNameSelectionMethod",
        Type::Choice(&["Title", "Department", "Location", "None", "PromptForAlias"]),
        Text("None"),
        part::DIRECTORY_SEARCH,
    ),
    later(
        "contact_scope",
        "ContactScope",
        Type::Choice(&["DialPlan", "GlobalAddressList", "AddressList", "Extension", "AutoAttendantLink"]),
        Text("DialPlan"),
        part::DIRECTORY_SEARCH,
    ),
    later("contact_address_list", "ContactAddressList", Type::Text("name"), Default::None, part::DIRECTORY_SEARCH),
    later("", "ContactRecipientContainer", Type::Text("name"), Default::None, part::DIRECTORY_SEARCH),
    later(
        "info_announcement_enabled",
        "InfoAnnouncementEnabled",
        Type::Choice(&["False", "True", "Uninterruptible"]),
        Text("False"),
        part::PROMPTS,
    ),
    later("info_announcement_filename", "InfoAnnouncementFilename", Type::Text("file"), Default::None, part::PROMPTS),
    later("welcome_greeting_enabled", "WelcomeGreetingEnabled", Type::Switch, Switch(false), part::PROMPTS),
    later("welcome_greeting_filename", "WelcomeGreetingFilename", Type::Text("file"), Default::None, part::PROMPTS),
    later("auto_attendant", "UMAutoAttendant", Type::Text("name"), Default::None, part::ATTENDANTS),
    later("tui_prompt_editing_enabled", "TUIPromptEditingEnabled", Type::Switch, Switch(false), part::PROMPTS),
    later(
        "outside_line_access_code",
        "OutsideLineAccessCode",
        Type::Text("1 to 16 digits"),
        Default::None,
        part::OUTBOUND,
    ),
    later(
        "international_access_code",
        "InternationalAccessCode",
        Type::Text("1 to 4 digits"),
        Default::None,
        part::OUTBOUND,
    ),
    later("national_number_prefix", "NationalNumberPrefix", Type::Text("1 to 4 digits"), Default::None, part::OUTBOUND),
    later(
        "in_country_or_region_number_format",
        "InCountryOrRegionNumberFormat",
        Type::Text("prefix and one x for each last digit, such as 020xxxxxxx"),
        Default::None,
        part::OUTBOUND,
    ),
    later(
        "international_number_format",
        "InternationalNumberFormat",
        Type::Text("prefix and one x for each last digit, such as 4420xxxxxxx"),
        Default::None,
        part::OUTBOUND,
    ),
    later(
        "configured_in_country_or_region_groups",
        "ConfiguredInCountryOrRegionGroups",
        RULES,
        Default::None,
        part::OUTBOUND,
    ),
    later("configured_international_groups", "ConfiguredInternationalGroups", RULES, Default::None, part::OUTBOUND),
    later(
        "allowed_in_country_or_region_groups",
        "AllowedInCountryOrRegionGroups",
        GROUPS,
        Default::None,
        part::OUTBOUND,
    ),
    later("allowed_international_groups", "AllowedInternationalGroups", GROUPS, Default::None, part::OUTBOUND),
    later("allow_dial_plan_subscribers", "AllowDialPlanSubscribers", Type::Switch, Switch(true), part::OUTBOUND),
    later("allow_extensions", "AllowExtensions", Type::Switch, Switch(false), part::OUTBOUND),
    later(
        "allow_heuristic_ad_calling_line_id_resolution",
        "AllowHeuristicADCallingLineIdResolution",
        Type::Switch,
        Switch(true),
        part::CALLER_NAMES,
    ),
    Setting::new("", "LegacyPromptPublishingPoint", Type::Text("path"), Default::None, "")
        .ignored("prompts of Exchange 2007 were published there"),
];

const fn later(key: &'static str, parameter: &'static str, of: Type, default: Default, part: &'static str) -> Setting {
    Setting::new(key, parameter, of, default, "").not_built(part)
}
