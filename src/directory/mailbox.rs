//! UM mailboxes (`Enable-/Set-UMMailbox`): the people calls are answered for.
//! Knows: the keys of `[[mailbox]]`. Must not: know how mail is stored or sent (that is the node's configuration).

use std::str::FromStr;
use std::sync::Arc;

use super::fields::Fields;
use super::names::{Alias, E164Number, EmailAddress, Extension, HostName, Invalid, Language, Name, SipAddress};
use super::source::{Located, Place};
use super::{DialPlan, MailboxPolicy};

/// One person's voice mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    pub alias: Alias,
    /// As it is spoken and written in messages; the alias when none is given.
    pub display_name: String,
    pub email_address: EmailAddress,
    pub mailbox_policy: Arc<MailboxPolicy>,
    /// The first is the primary one; each has the plan's number of digits and is unique in the plan.
    pub extensions: Vec<Extension>,
    /// The first is the primary one; unique in the plan. An E.164 plan's mailbox has one.
    pub e164_numbers: Vec<E164Number>,
    /// The first is the primary one; unique in the plan. A SIP URI plan's mailbox has one.
    pub sip_addresses: Vec<SipAddress>,
    /// The dial plan's default language when none is given.
    pub language: Language,
    /// True by default; false: callers without a number can leave no message.
    pub anonymous_callers_can_leave_messages: bool,
    /// The mailbox's own switch; [`Mailbox::gets_missed_call_notifications`] is what counts.
    pub missed_call_notification_enabled: bool,
    /// The server that keeps this mailbox; `None`: this node. Calls are redirected there once redirects are built.
    pub server: Option<HostName>,
}

impl Mailbox {
    pub fn dial_plan(&self) -> &Arc<DialPlan> {
        &self.mailbox_policy.dial_plan
    }

    /// The extension its owner signs in with.
    pub fn primary_extension(&self) -> Option<&Extension> {
        self.extensions.first()
    }

    /// Both the policy and the mailbox must allow them.
    pub fn gets_missed_call_notifications(&self) -> bool {
        self.missed_call_notification_enabled && self.mailbox_policy.allow_missed_call_notifications
    }
}

/// A mailbox whose policy is still a name.
pub(super) struct MailboxText {
    pub place: Place,
    /// False: a list may be empty because what stands in it is wrong.
    pub is_sound: bool,
    pub alias: Located<Alias>,
    pub display_name: Option<DisplayName>,
    pub email_address: EmailAddress,
    pub mailbox_policy: Located<Name>,
    pub extensions: Vec<Located<Extension>>,
    pub e164_numbers: Vec<Located<E164Number>>,
    pub sip_addresses: Vec<Located<SipAddress>>,
    pub language: Option<Language>,
    pub anonymous_callers_can_leave_messages: bool,
    pub missed_call_notification_enabled: bool,
    pub server: Option<HostName>,
}

impl Mailbox {
    const LATER: [&'static str; 17] = [
        "allow_um_calls_from_non_users",
        "automatic_speech_recognition_enabled",
        "call_answering_audio_codec",
        "call_answering_rules_enabled",
        "fax_enabled",
        "notify_email",
        "operator_number",
        "pilot_number",
        "pin",
        "pin_expired",
        "pinless_access_to_voice_mail_enabled",
        "play_on_phone_enabled",
        "subscriber_access_enabled",
        "tui_access_to_calendar_enabled",
        "tui_access_to_email_enabled",
        "um_sms_notification_option",
        "voice_mail_analysis_enabled",
    ];

    pub(super) fn read(mut fields: Fields) -> Option<MailboxText> {
        let place = fields.place();
        let alias = fields.required("alias");
        let display_name = fields.optional("display_name");
        let email_address = fields.required("email_address");
        let mailbox_policy = fields.required("mailbox_policy");
        let extensions = fields.list("extensions");
        let e164_numbers = fields.list("e164_numbers");
        let sip_addresses = fields.list("sip_addresses");
        let language = fields.optional("language");
        let anonymous_callers_can_leave_messages = fields.switch("anonymous_callers_can_leave_messages", true);
        let missed_call_notification_enabled = fields.switch("missed_call_notification_enabled", true);
        let server = fields.optional("server");
        let is_sound = fields.is_sound();
        fields.finish(&Mailbox::LATER);
        Some(MailboxText {
            place,
            is_sound,
            alias: alias?,
            display_name: display_name.map(|name| name.value),
            email_address: email_address?.value,
            mailbox_policy: mailbox_policy?,
            extensions,
            e164_numbers,
            sip_addresses,
            language: language.map(|language| language.value),
            anonymous_callers_can_leave_messages,
            missed_call_notification_enabled,
            server: server.map(|server| server.value),
        })
    }
}

impl MailboxText {
    /// The mailbox with what it does not say filled in.
    pub fn with_policy(self, mailbox_policy: Arc<MailboxPolicy>) -> Mailbox {
        fn values<T>(located: Vec<Located<T>>) -> Vec<T> {
            located.into_iter().map(|located| located.value).collect()
        }
        let alias = self.alias.value;
        Mailbox {
            display_name: self.display_name.map_or_else(|| alias.to_string(), |name| name.0),
            email_address: self.email_address,
            extensions: values(self.extensions),
            e164_numbers: values(self.e164_numbers),
            sip_addresses: values(self.sip_addresses),
            language: self.language.unwrap_or_else(|| mailbox_policy.dial_plan.default_language.clone()),
            anonymous_callers_can_leave_messages: self.anonymous_callers_can_leave_messages,
            missed_call_notification_enabled: self.missed_call_notification_enabled,
            server: self.server,
            alias,
            mailbox_policy,
        }
    }
}

/// 1 to 256 characters on one line.
pub(super) struct DisplayName(pub String);

impl FromStr for DisplayName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<DisplayName, Invalid> {
        let name = text.trim();
        match name.is_empty() || name.chars().count() > 256 || name.chars().any(char::is_control) {
            true => Err(Invalid("a display name has 1 to 256 characters on one line".to_owned())),
            false => Ok(DisplayName(name.to_owned())),
        }
    }
}
