//! The four transactions of RFC 3261 section 17 with RFC 6026, one table each, and the vocabulary they share.
//! Knows: methods, status codes, timers as durations. Must not: hold a message, read a clock, know who sits above.
//! Start with [`InviteServer`]; [`super::endpoint`] owns the messages and the clock these tables speak of.

mod invite_client;
mod invite_server;
mod non_invite_client;
mod non_invite_server;
#[cfg(test)]
mod table;

pub use invite_client::InviteClient;
pub use invite_server::InviteServer;
pub use non_invite_client::NonInviteClient;
pub use non_invite_server::NonInviteServer;

use super::Status;
use std::time::Duration;

/// Estimate of the round trip (RFC 3261 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// The longest time between two copies of a non-INVITE request or of a final response to INVITE (RFC 3261 17.1.2.1).
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may linger in the network (RFC 3261 17.1.2.1).
pub const T4: Duration = Duration::from_secs(5);
/// 64*T1, 32 s: timers B, F, H, J, L and M, and the wait for the ACK to a 2xx (RFC 3261 13.3.1.4).
pub const GIVE_UP: Duration = Duration::from_secs(32);
/// Timer D on unreliable transports: at least 32 s (RFC 3261 17.1.1.2).
pub const TIMER_D: Duration = Duration::from_secs(32);
/// Timer C: an INVITE gets its final response, or another provisional one, within three minutes (RFC 3261 16.6).
pub const TIMER_C: Duration = Duration::from_secs(180);

/// The timers of RFC 3261 table 4 and RFC 6026.
///
/// C and F are also used where the RFC leaves a transaction without an end: see [`InviteServer`],
/// [`NonInviteServer`] and [`InviteClient`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    A,
    B,
    C,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
    L,
    M,
    /// The 2xx to an INVITE is sent again until its ACK arrives (RFC 3261 13.3.1.4); the RFC gives it no letter.
    Ok,
}

/// What happens to a server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerEvent {
    /// The request arrived again.
    Request,
    /// The ACK to the final response: of the transaction itself, or end to end when that was a 2xx.
    Ack,
    /// The transaction user answers.
    Respond(Status),
    Fired(Timer),
    /// The last message could not be sent, and there is no other way to the peer.
    TransportFailed,
    /// The dialog a 2xx created is over: nobody waits for its ACK any more.
    Released,
}

/// What happens to a client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientEvent {
    Response(Status),
    Fired(Timer),
    /// The request could not be sent, and there is no other way to the peer.
    TransportFailed,
    /// INVITE: a CANCEL was sent for it.
    Cancelled,
}

/// What a transaction wants done, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Server: send the response just given, or the last one again. Client: send the request (again).
    Send,
    Arm(Timer, Duration),
    Disarm(Timer),
    /// Client: acknowledge this final response (RFC 3261 17.1.1.3).
    Acknowledge,
    /// Client: this response is for the transaction user.
    Deliver,
    Report(Failure),
}

/// What the transaction user must hear when no message tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The final response to an INVITE was never acknowledged.
    NoAck,
    /// No final response came in time.
    Timeout,
    /// The request could not be sent.
    Transport,
    /// The transaction user itself left an INVITE without a final response for too long.
    Unanswered,
}

/// The durations that depend on whether the transport is reliable (RFC 3261 table 4): a property of the
/// transaction, so that the tables need no branch for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Linger {
    reliable: bool,
}

impl Linger {
    /// D, I, J and K absorb what an unreliable transport may still deliver; elsewhere there is nothing to wait for.
    fn of(self, unreliable: Duration) -> Duration {
        if self.reliable { Duration::ZERO } else { unreliable }
    }

    /// Arms one of the timers A, E and G, which send again: the transport does that itself where it is reliable.
    fn arm_resend(self, timer: Timer, after: Duration, out: &mut Vec<Command>) {
        if !self.reliable {
            out.push(Command::Arm(timer, after));
        }
    }
}
