//! INVITE dialogs, as the side that was called and as the one that calls: from the INVITE to the BYE, with everything in
//! between.
//! Knows: requests and responses already matched to their dialog, session descriptions, instants handed to it.
//! Must not: match or retransmit messages (the endpoint does), know what the call is for (the application does).
//!
//! Start with [`Session`], the machine of one call, and its [`Event`]s and [`Command`]s. Its parts, each pure: `state` (route set, remote target, CSeq),
//! `reliable` (RFC 3262), `session_timer` (RFC 4028), `info_dtmf` (keys by INFO).

mod info_dtmf;
mod refusal;
mod reliable;
mod session;
mod session_timer;
mod state;
mod terms;

pub use refusal::options_answer;
pub use session::Session;
pub use terms::{Command, EndCause, Event, Own, Placing, Refusal, Setup};

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
