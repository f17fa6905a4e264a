//! UM dial plans (`Get-/Set-UMDialPlan`): who has which number, and the limits of a call.
//! Knows: the keys of `[[dial_plan]]`, their ranges and defaults. Must not: know gateways or mailboxes.

use std::str::FromStr;
use std::time::Duration;

use super::fields::{Choice, Fields};
use super::names::{Extension, Invalid, Language, Name, PilotNumber, all_digits};
use super::{GatewayAddress, show_duration};

/// A set of users with numbers of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialPlan {
    pub name: Name,
    pub uri_type: UriType,
    /// 1 to 20. Users of every kind of plan have an extension: they sign in with it.
    pub number_of_digits_in_extension: u8,
    pub voip_security: VoipSecurity,
    /// 1 to 4 digits: what a national number lacks in front.
    pub country_or_region_code: Option<String>,
    /// Front-end pools of a SIP URI plan: their calls need no UM IP gateway and no hunt group, on servers that are
    /// associated with the plan.
    pub trusted_peers: Vec<GatewayAddress>,
    /// Numbers that lead to this plan beside the pilots of its hunt groups.
    pub access_telephone_numbers: Vec<PilotNumber>,
    pub default_language: Language,
    /// 10 to 120 minutes, 30 by default: a call of any kind ends then.
    pub max_call_duration: Duration,
    /// 1 to 100 minutes, 20 by default, less than [`DialPlan::max_call_duration`].
    pub max_recording_duration: Duration,
    /// 2 to 10 s, 5 by default: so much silence ends a recording.
    pub recording_idle_timeout: Duration,
    /// 1 to 20, 3 by default: so many wrong or missing keys end a call.
    pub input_failures_before_disconnect: u8,
    /// Plans (`Name` or `Name.domain`) whose users are recognised as callers, after this plan's own.
    pub equivalent_dial_plan_phone_contexts: Vec<Name>,
    /// Forms of long numbers that hold an extension in their last digits.
    pub numbering_plan_formats: Vec<NumberFormat>,
}

/// What names a user to the phone system; fixed when the plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UriType {
    /// Extensions: `1001`.
    TelExtn,
    /// Numbers in international form: `+14255550123`.
    E164,
    /// SIP addresses: `alice@example.test`.
    SipName,
}

/// How calls of the plan are protected. Further kinds (`SIPSecured`, `Secured`) need TLS and SRTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VoipSecurity {
    Unsecured,
}

/// A form of number (`NumberingPlanFormats`): digits and `x` for any digit, such as `142570xxxxx`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberFormat(String);

impl DialPlan {
    const LATER: [&'static str; 34] = [
        "allow_dial_plan_subscribers",
        "allow_extensions",
        "allow_heuristic_ad_calling_line_id_resolution",
        "allowed_in_country_or_region_groups",
        "allowed_international_groups",
        "audio_codec",
        "automatic_speech_recognition_enabled",
        "call_answering_rules_enabled",
        "call_someone_enabled",
        "configured_in_country_or_region_groups",
        "configured_international_groups",
        "contact_address_list",
        "contact_scope",
        "dial_by_name_primary",
        "dial_by_name_secondary",
        "extension",
        "fax_enabled",
        "in_country_or_region_number_format",
        "info_announcement_enabled",
        "info_announcement_filename",
        "international_access_code",
        "international_number_format",
        "logon_failures_before_disconnect",
        "matched_name_selection_method",
        "national_number_prefix",
        "operator_extension",
        "outside_line_access_code",
        "pilot_identifier_list",
        "send_voice_msg_enabled",
        "tui_prompt_editing_enabled",
        "um_auto_attendant",
        "auto_attendant",
        "welcome_greeting_enabled",
        "welcome_greeting_filename",
    ];

    pub(super) fn read(mut fields: Fields) -> Option<DialPlan> {
        let name = fields.required("name");
        let uri_type = fields.choice("uri_type", UriType::TelExtn);
        let digits = fields.required_number("number_of_digits_in_extension", 1..=20);
        let voip_security = fields.choice("voip_security", Some(VoipSecurity::Unsecured));
        let country = fields.optional::<CountryCode>("country_or_region_code");
        let access_telephone_numbers = fields.list("access_telephone_numbers");
        let trusted_peers = fields.list::<GatewayAddress>("trusted_peers");
        let default_language = fields.text("default_language", "en-US");
        let max_call_duration = fields.duration("max_call_duration", minutes(10)..=minutes(120), minutes(30));
        let max_recording_duration = fields.duration("max_recording_duration", minutes(1)..=minutes(100), minutes(20));
        let idle = Duration::from_secs(2)..=Duration::from_secs(10);
        let recording_idle_timeout = fields.duration("recording_idle_timeout", idle, Duration::from_secs(5));
        let input_failures_before_disconnect = fields.number("input_failures_before_disconnect", 1..=20, 3);
        let equivalents = fields.list("equivalent_dial_plan_phone_contexts");
        let formats = fields.list::<NumberFormat>("numbering_plan_formats");

        if voip_security.is_none() {
            fields.fault("voip_security", "is not supported yet except as \"Unsecured\"");
        }
        let is_long = |number: &&PilotNumber| !number.as_str().contains('@') && number.as_str().chars().count() > 32;
        let numbers = access_telephone_numbers.iter().map(|number| &number.value);
        if let Some(long) = numbers.filter(is_long).map(PilotNumber::as_str).next() {
            let message = format!("\"{long}\" has {} characters; 32 are allowed", long.chars().count());
            fields.fault("access_telephone_numbers", message);
        }
        if uri_type != UriType::SipName && !trusted_peers.is_empty() {
            let message = format!(
                "only SIP URI plans (SipName) have trusted peers, and this one is {}; make the peer a UM IP gateway",
                uri_type.as_str()
            );
            fields.fault("trusted_peers", message);
        }
        if fields.is_sound() && max_recording_duration >= max_call_duration {
            let message = format!(
                "{} is not less than max_call_duration, which is {}",
                show_duration(max_recording_duration),
                show_duration(max_call_duration)
            );
            fields.fault("max_recording_duration", message);
        }
        for format in
            formats.iter().filter(|format| digits.is_some_and(|digits| format.value.0.len() < usize::from(digits)))
        {
            let message = format!("\"{}\" is shorter than an extension of the plan", format.value.0);
            fields.fault("numbering_plan_formats", message);
        }
        fields.finish(&DialPlan::LATER);
        Some(DialPlan {
            name: name?.value,
            uri_type,
            number_of_digits_in_extension: digits?,
            voip_security: voip_security?,
            country_or_region_code: country.map(|code| code.value.0),
            access_telephone_numbers: access_telephone_numbers.into_iter().map(|number| number.value).collect(),
            trusted_peers: trusted_peers.into_iter().map(|peer| peer.value).collect(),
            default_language: default_language?,
            max_call_duration,
            max_recording_duration,
            recording_idle_timeout,
            input_failures_before_disconnect,
            equivalent_dial_plan_phone_contexts: equivalents.into_iter().map(|context| context.value).collect(),
            numbering_plan_formats: formats.into_iter().map(|format| format.value).collect(),
        })
    }

    /// True for an extension with as many digits as the plan's have.
    pub fn fits(&self, extension: &Extension) -> bool {
        extension.as_str().len() == usize::from(self.number_of_digits_in_extension)
    }
}

impl NumberFormat {
    /// True when the digits have this form.
    pub fn matches(&self, digits: &str) -> bool {
        let same = |(form, digit): (char, char)| form == 'x' && digit.is_ascii_digit() || form == digit;
        self.0.len() == digits.len() && self.0.chars().zip(digits.chars()).all(same)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UriType {
    /// As Exchange spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            UriType::TelExtn => "TelExtn",
            UriType::E164 => "E164",
            UriType::SipName => "SipName",
        }
    }
}

impl Choice for UriType {
    const VALUES: &'static [(&'static str, UriType)] =
        &[("TelExtn", UriType::TelExtn), ("E164", UriType::E164), ("SipName", UriType::SipName)];
}

/// `None`: known to Exchange, not built here yet.
impl Choice for Option<VoipSecurity> {
    const VALUES: &'static [(&'static str, Option<VoipSecurity>)] =
        &[("Unsecured", Some(VoipSecurity::Unsecured)), ("SIPSecured", None), ("Secured", None)];
}

impl FromStr for NumberFormat {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<NumberFormat, Invalid> {
        let lower = text.to_ascii_lowercase();
        let format = lower.strip_prefix('+').unwrap_or(&lower);
        let fits = format.chars().all(|c| c.is_ascii_digit() || c == 'x') && format.contains('x') && format.len() <= 20;
        match fits {
            true => Ok(NumberFormat(format.to_owned())),
            false => Err(Invalid(format!(
                "\"{text}\" is no form of number; write up to 20 digits with an x for each digit that varies, such as \"142570xxxxx\""
            ))),
        }
    }
}

struct CountryCode(String);

impl FromStr for CountryCode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<CountryCode, Invalid> {
        match all_digits(text) && text.len() <= 4 {
            true => Ok(CountryCode(text.to_owned())),
            false => {
                Err(Invalid(format!("\"{text}\" is no country code; it is 1 to 4 digits, such as \"1\" or \"82\"")))
            }
        }
    }
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}
