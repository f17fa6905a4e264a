//! The call data record (`Export-UMCallDataRecord`, `Get-UMCallDataRecord`) and the call in progress it grows from.
//! Knows: plain values. Must not: know how a call is made or where a record is written.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A call in progress (`Get-UMActiveCalls`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveCall {
    /// SIP Call-ID.
    pub call_identity: String,
    pub call_type: CallType,
    /// When the INVITE was taken.
    pub started: Timestamp,
    pub dial_plan: String,
    /// Name of the UM IP gateway.
    pub ip_gateway: String,
    /// Source address of the gateway's SIP.
    pub ip_gateway_address: String,
    pub called_phone_number: String,
    /// Empty: withheld.
    pub caller_phone_number: String,
    /// Exchange's ReasonForCall: Direct, DivertForward, DivertBusy, DivertNoAnswer, Outbound.
    pub reason_for_call: String,
    /// Whose mailbox answers; empty when none does.
    pub callee_mailbox_alias: String,
    /// The caller has been answered.
    pub answered: bool,
    /// A test call of the node's own: counted apart.
    pub is_test: bool,
}

/// What a call was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CallType {
    CallAnsweringVoiceMessage,
    CallAnsweringMissedCall,
    SubscriberAccess,
    AutoAttendant,
    Fax,
    PlayOnPhone,
    FindMe,
    UnauthenticatedPilotNumber,
    GreetingsRecording,
    PromptProvisioning,
    None,
}

/// What became of the offer to talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OfferResult {
    Answer,
    Failed,
    Rejected,
    Redirected,
    None,
}

/// One call that ended, or was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallDataRecord {
    pub call_start_time: Timestamp,
    pub call_type: CallType,
    pub call_identity: String,
    pub parent_call_identity: String,
    pub um_server_name: String,
    pub dial_plan_name: String,
    /// Whole seconds from the answer to the end; 0 when there was no answer.
    pub call_duration_s: u64,
    /// Name of the gateway, by which reports group; empty when the peer was none.
    pub ip_gateway_name: String,
    pub ip_gateway_address: String,
    pub called_phone_number: String,
    pub caller_phone_number: String,
    pub offer_result: OfferResult,
    /// `Graceful Hangup`, or why the call was refused or cut.
    pub drop_call_reason: String,
    pub reason_for_call: String,
    pub dialed_string: String,
    pub caller_mailbox_alias: String,
    pub callee_mailbox_alias: String,
    pub auto_attendant_name: String,
    /// `None`: under ten seconds, or no media.
    pub audio_quality: Option<AudioQuality>,
    pub audio_codec: String,
    pub is_test: bool,
}

/// How the caller sounded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AudioQuality {
    /// 1 to 5.
    pub nmos: f64,
    pub nmos_degradation: f64,
    pub nmos_degradation_jitter: f64,
    pub nmos_degradation_packet_loss: f64,
    /// ms
    pub jitter_ms: f64,
    /// Percent of the packets sent.
    pub packet_loss_percent: f64,
    /// ms; `None`: never measured.
    pub round_trip_ms: Option<f64>,
    /// Percent of packets lost within bursts.
    pub burst_density_percent: f64,
    /// ms between bursts.
    pub burst_gap_duration_ms: f64,
    /// ms that a burst loses.
    #[serde(default)]
    pub burst_loss_duration_ms: f64,
}

impl CallDataRecord {
    /// What is known of a call by what it was while it lasted; it may have been cut at any moment.
    pub fn of(call: ActiveCall, server: &str) -> CallDataRecord {
        CallDataRecord {
            call_start_time: call.started,
            call_type: call.call_type,
            call_identity: call.call_identity,
            parent_call_identity: String::new(),
            um_server_name: server.to_owned(),
            dial_plan_name: call.dial_plan,
            call_duration_s: 0,
            ip_gateway_name: call.ip_gateway,
            ip_gateway_address: call.ip_gateway_address,
            called_phone_number: call.called_phone_number,
            caller_phone_number: call.caller_phone_number,
            offer_result: if call.answered { OfferResult::Answer } else { OfferResult::Failed },
            drop_call_reason: String::new(),
            reason_for_call: call.reason_for_call,
            dialed_string: String::new(),
            caller_mailbox_alias: String::new(),
            callee_mailbox_alias: call.callee_mailbox_alias,
            auto_attendant_name: String::new(),
            audio_quality: None,
            audio_codec: String::new(),
            is_test: call.is_test,
        }
    }

    /// The day it is kept and exported under: that of its start, in UTC.
    pub fn day(&self) -> jiff::civil::Date {
        self.call_start_time.to_zoned(jiff::tz::TimeZone::UTC).date()
    }
}

impl CallType {
    /// As Exchange's records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            CallType::CallAnsweringVoiceMessage => "Call Answering Voice Message",
            CallType::CallAnsweringMissedCall => "Call Answering Missed Call",
            CallType::SubscriberAccess => "Subscriber Access",
            CallType::AutoAttendant => "Auto Attendant",
            CallType::Fax => "Fax",
            CallType::PlayOnPhone => "PlayOnPhone",
            CallType::FindMe => "Find Me",
            CallType::UnauthenticatedPilotNumber => "Unauthenticated Pilot Number",
            CallType::GreetingsRecording => "Greetings Recording",
            CallType::PromptProvisioning => "PromptProvisioning",
            CallType::None => "None",
        }
    }
}

impl OfferResult {
    /// As Exchange's records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            OfferResult::Answer => "Answer",
            OfferResult::Failed => "Failed",
            OfferResult::Rejected => "Rejected",
            OfferResult::Redirected => "Redirected",
            OfferResult::None => "None",
        }
    }
}
