//! UM mailbox policies (`Get-/Set-UMMailboxPolicy`): what the mailboxes of a dial plan may do.
//! Knows: the keys of `[[mailbox_policy]]`. Must not: know mailboxes.

use std::sync::Arc;

use super::DialPlan;
use super::fields::Fields;
use super::names::Name;
use super::source::Located;

/// Settings shared by mailboxes; every mailbox has one, and through it its dial plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxPolicy {
    pub name: Name,
    pub dial_plan: Arc<DialPlan>,
    /// True by default. A mailbox gets notifications when its own switch allows it, too.
    pub allow_missed_call_notifications: bool,
}

/// A policy whose plan is still a name.
pub(super) struct MailboxPolicyText {
    pub name: Name,
    pub dial_plan: Located<Name>,
    pub allow_missed_call_notifications: bool,
}

impl MailboxPolicy {
    const LATER: [&'static str; 40] = [
        "allow_automatic_speech_recognition",
        "allow_call_answering_rules",
        "allow_common_patterns",
        "allow_dial_plan_subscribers",
        "allow_extensions",
        "allow_fax",
        "allow_message_waiting_indicator",
        "allow_pinless_voice_mail_access",
        "allow_play_on_phone",
        "allow_sms_notification",
        "allow_subscriber_access",
        "allow_tui_access_to_calendar",
        "allow_tui_access_to_directory",
        "allow_tui_access_to_email",
        "allow_tui_access_to_personal_contacts",
        "allow_voice_mail_analysis",
        "allow_voice_mail_preview",
        "allow_voice_response_to_other_message_types",
        "allowed_in_country_or_region_groups",
        "allowed_international_groups",
        "fax_message_text",
        "fax_server_uri",
        "logon_failures_before_pin_reset",
        "max_greeting_duration",
        "max_logon_attempts",
        "min_pin_length",
        "pin_history_count",
        "pin_lifetime",
        "protect_authenticated_voice_mail",
        "protect_unauthenticated_voice_mail",
        "protected_voice_mail_text",
        "require_protected_play_on_phone",
        "reset_pin_text",
        "source_forest_policy_names",
        "um_enabled_text",
        "voice_mail_preview_partner_address",
        "voice_mail_preview_partner_assigned_id",
        "voice_mail_preview_partner_max_delivery_delay",
        "voice_mail_preview_partner_max_message_duration",
        "voice_mail_text",
    ];

    pub(super) fn read(mut fields: Fields) -> Option<MailboxPolicyText> {
        let name = fields.required("name");
        let dial_plan = fields.required("dial_plan");
        let allow_missed_call_notifications = fields.switch("allow_missed_call_notifications", true);
        fields.finish(&MailboxPolicy::LATER);
        Some(MailboxPolicyText { name: name?.value, dial_plan: dial_plan?, allow_missed_call_notifications })
    }
}

impl MailboxPolicyText {
    pub fn with_plan(self, dial_plan: Arc<DialPlan>) -> MailboxPolicy {
        let MailboxPolicyText { name, allow_missed_call_notifications, .. } = self;
        MailboxPolicy { name, dial_plan, allow_missed_call_notifications }
    }
}
