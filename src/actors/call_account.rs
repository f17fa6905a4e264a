//! The account of one call: what it is while it lasts, and its call data record in the end.
//! Knows: the words of calls and of records. Must not: know who reads them.

use std::net::IpAddr;
use std::time::Instant;

use super::call_events::CallHappened;
use super::um_worker::Equipment;
use crate::apps::conversation::Outcome;
use crate::mailbox::CallDetails;
use crate::media::stream::Quality;
use crate::protocol::sdp::Codec;
use crate::protocol::sip::dialog::EndCause;
use crate::records::{ActiveCall, AudioQuality, CallDataRecord, CallType, OfferResult};

/// A shorter call says too little about how it sounded (`exchange-um` section 7).
const SHORTEST_MEASURED_S: u64 = 10;

/// What a call has been so far.
#[derive(Debug)]
pub struct Account {
    call: ActiveCall,
    answered: Option<Instant>,
    over: Option<Instant>,
    codec: Option<Codec>,
    stored: bool,
    /// Why it was cut, where it did not end by itself.
    cut: Option<String>,
}

impl Account {
    /// `peer`: the gateway's address.
    pub fn open(details: &CallDetails, peer: IpAddr) -> Account {
        let call = ActiveCall {
            call_identity: details.call_id.clone(),
            call_type: match details.test {
                true => CallType::None,
                false => CallType::CallAnsweringVoiceMessage,
            },
            started: details.started,
            dial_plan: details.dial_plan.clone(),
            ip_gateway: details.gateway.clone(),
            ip_gateway_address: peer.to_canonical().to_string(),
            called_phone_number: details.called.clone(),
            caller_phone_number: details.caller.as_ref().and_then(|caller| caller.number.clone()).unwrap_or_default(),
            reason_for_call: details.reason.clone(),
            callee_mailbox_alias: details.mailbox.alias.clone(),
            answered: false,
            is_test: details.test,
        };
        Account { call, answered: None, over: None, codec: None, stored: false, cut: None }
    }

    pub fn started(&self) -> CallHappened {
        CallHappened::Started(Box::new(self.call.clone()))
    }

    pub fn answered(&mut self, now: Instant) -> CallHappened {
        self.answered.get_or_insert(now);
        self.call.answered = true;
        CallHappened::Answered { call_identity: self.call.call_identity.clone() }
    }

    pub fn speaks(&mut self, codec: Codec) {
        self.codec = Some(codec);
    }

    /// What is stored of the call says what it was.
    pub fn stores(&mut self, outcome: &Outcome) {
        self.stored = true;
        self.call.call_type = match outcome {
            Outcome::VoiceMessage { .. } => CallType::CallAnsweringVoiceMessage,
            Outcome::MissedCall => CallType::CallAnsweringMissedCall,
        };
    }

    /// The first reason stays.
    pub fn cut(&mut self, why: &str) {
        self.cut.get_or_insert_with(|| why.to_owned());
    }

    /// Nobody talks from now on; a message may still be finished.
    pub fn hangs_up(&mut self, now: Instant) {
        self.over.get_or_insert(now);
    }

    pub fn record(&self, cause: EndCause, quality: Option<Quality>, equipment: &Equipment) -> CallHappened {
        let over = self.over.unwrap_or_else(|| equipment.environment.now());
        let talked = self.answered.map_or(0, |answered| over.saturating_duration_since(answered).as_secs());
        let (offer_result, reason) = self.end(cause);
        let mut call = self.call.clone();
        if !self.stored && !call.is_test {
            call.call_type = CallType::CallAnsweringMissedCall;
        }
        CallHappened::Ended(Box::new(CallDataRecord {
            offer_result,
            drop_call_reason: reason,
            call_duration_s: talked,
            audio_quality: quality.filter(|_| talked >= SHORTEST_MEASURED_S).and_then(audio_quality),
            audio_codec: self.codec.map(|codec| codec.name().to_owned()).unwrap_or_default(),
            ..CallDataRecord::of(call, &equipment.settings.node)
        }))
    }

    fn end(&self, cause: EndCause) -> (OfferResult, String) {
        let made = match self.answered {
            Some(_) => OfferResult::Answer,
            None => OfferResult::Failed,
        };
        let words = match cause {
            EndCause::PeerHungUp => GRACEFUL,
            EndCause::WeHungUp => return (made, self.cut.clone().unwrap_or_else(|| GRACEFUL.to_owned())),
            EndCause::Cancelled => return (OfferResult::Failed, "the caller gave up before the answer".to_owned()),
            EndCause::Refused(status) => {
                let why = self
                    .cut
                    .clone()
                    .unwrap_or_else(|| format!("refused: {} {}", status.code(), status.default_reason()));
                return (OfferResult::Rejected, why);
            }
            EndCause::Declined(status) => {
                return (OfferResult::Failed, format!("not taken: {} {}", status.code(), status.default_reason()));
            }
            EndCause::NoAck => "the answer was never acknowledged",
            EndCause::NoPrack => "the provisional response was never acknowledged",
            EndCause::BadAnswer => "no usable answer to our offer",
            EndCause::SessionExpired => "no session refresh came",
            EndCause::PeerGone => "the peer no longer knows the call or no longer answers",
        };
        (made, words.to_owned())
    }
}

/// How Exchange names an end nobody needs to look at.
pub const GRACEFUL: &str = "Graceful Hangup";

fn audio_quality(quality: Quality) -> Option<AudioQuality> {
    let expected = quality.packets + quality.lost;
    if quality.packets == 0 {
        return None;
    }
    Some(AudioQuality {
        nmos: quality.estimate.nmos,
        nmos_degradation: quality.estimate.degradation,
        nmos_degradation_jitter: quality.estimate.degradation_by_jitter,
        nmos_degradation_packet_loss: quality.estimate.degradation_by_loss,
        jitter_ms: quality.jitter_ms,
        packet_loss_percent: 100.0 * quality.lost as f64 / expected as f64,
        round_trip_ms: quality.round_trip_ms,
        burst_density_percent: quality.burst_density_percent,
        burst_gap_duration_ms: quality.burst_gap_ms,
        burst_loss_duration_ms: quality.burst_loss_ms,
    })
}
