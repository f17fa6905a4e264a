//! INVITE dialogs as the side that was called: from the INVITE to the BYE, with everything in between.
//! Knows: requests and responses already matched to their dialog, session descriptions, instants handed to it.
//! Must not: match or retransmit messages (the endpoint does), know what the call is for (the application does).
//!
//! Start with [`Session`], the machine of one call. Its parts, each pure: `state` (route set, remote target, CSeq),
//! `next_hop`, `body` (where the session description sits), `reliable` (RFC 3262), `session_timer` (RFC 4028),
//! `info_dtmf` (keys by INFO).

mod body;
mod info_dtmf;
mod next_hop;
mod random;
mod refusal;
mod reliable;
mod session;
mod session_timer;
mod state;

pub use refusal::options_answer;
pub use session::{Command, EndCause, Event, Refusal, Session, Setup};

/// What a dialog of ours understands (RFC 3261 20.5). REFER is understood only to be declined, so it is not named.
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO";
/// The extensions of a call (RFC 3261 20.37).
pub const SUPPORTED: &str = "100rel, timer";
/// The bodies of a call (RFC 3261 20.1).
pub const ACCEPT: &str = "application/sdp";

/// A Warning value (RFC 3261 20.43) for the administrator who reads the trace.
fn warning(code: u16, text: &str) -> String {
    let safe = |c: char| match c {
        '"' => '\'',
        '\\' => '/',
        c if c.is_control() => ' ',
        c => c,
    };
    format!("{code} ringpost \"{}\"", text.chars().map(safe).collect::<String>())
}

#[cfg(test)]
mod tests;
