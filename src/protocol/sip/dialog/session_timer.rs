//! Session timers (RFC 4028): the interval, who refreshes, and when a session has expired.
//! Knows: Session-Expires, Min-SE and Supported of a message. Must not: send the refresh.

use std::time::Duration;

use crate::protocol::sip::values::{MinSe, Refresher, SessionExpires};
use crate::protocol::sip::{HeaderName, Headers};

/// What this server wants of every session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The longest interval, in seconds; also the one proposed to who supports timers and asks for none.
    pub interval: u32,
    /// The shortest, in seconds: Min-SE.
    pub min_se: u32,
}

/// The session timer in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionTimer {
    pub seconds: u32,
    pub refresher: Side,
}

/// Who refreshes. `uac` and `uas` of the header mean the roles in one transaction and change with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Us,
    Peer,
}

/// Session-Expires is below our Min-SE: 422.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooSmall;

impl Limits {
    /// Whole seconds; never under the 90 of RFC 4028 4.
    pub fn new(interval: Duration, min_se: Duration) -> Limits {
        let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        let min_se = seconds(min_se).max(90);
        Limits { interval: seconds(interval).max(min_se), min_se }
    }
}

impl SessionTimer {
    /// What an INVITE or UPDATE of the peer makes of the timer (RFC 4028 9, table 2).
    ///
    /// `current` holds when the request says nothing. A peer that supports timers and asks for none is made refresher:
    /// it then notices itself when we are gone.
    pub fn agree(
        request: &Headers,
        limits: Limits,
        current: Option<SessionTimer>,
    ) -> Result<Option<SessionTimer>, TooSmall> {
        let supported =
            request.has_token(&HeaderName::Supported, "timer") || request.has_token(&HeaderName::Require, "timer");
        let least = MinSe::of(request).map_or(0, |min| min.seconds).max(limits.min_se);
        let Some(SessionExpires { seconds: asked, refresher }) = SessionExpires::of(request) else {
            let proposed = SessionTimer { seconds: limits.interval.max(least), refresher: Side::Peer };
            return Ok(current.or(supported.then_some(proposed)));
        };
        if asked < limits.min_se && supported {
            return Err(TooSmall);
        }
        // who does not support timers would not understand a 422: a proxy asked, and its too small wish is raised
        let seconds = asked.min(limits.interval).max(least);
        let refresher = match refresher {
            _ if !supported => Side::Us,
            Some(Refresher::Uas) => Side::Us,
            Some(Refresher::Uac) => Side::Peer,
            _ => current.map_or(Side::Peer, |timer| timer.refresher),
        };
        Ok(Some(SessionTimer { seconds, refresher }))
    }

    /// What the 2xx to our own refresh makes of the timer (RFC 4028 7.2). One without Session-Expires comes from a peer
    /// without timers: we go on refreshing at our interval.
    pub fn confirmed(self, response: &Headers, limits: Limits) -> SessionTimer {
        match SessionExpires::of(response) {
            None => SessionTimer { refresher: Side::Us, ..self },
            Some(SessionExpires { seconds, refresher }) => SessionTimer {
                seconds: seconds.max(limits.min_se),
                refresher: if refresher == Some(Refresher::Uas) { Side::Peer } else { Side::Us },
            },
        }
    }

    /// Session-Expires of our 2xx.
    pub fn in_response(self) -> SessionExpires {
        let refresher = if self.refresher == Side::Us { Refresher::Uas } else { Refresher::Uac };
        SessionExpires { seconds: self.seconds, refresher: Some(refresher) }
    }

    /// Session-Expires of our refresh request: we who send it stay the refresher.
    pub fn in_request(self) -> SessionExpires {
        SessionExpires { seconds: self.seconds, refresher: Some(Refresher::Uac) }
    }

    /// When the refresher refreshes, from the last 2xx (RFC 4028 7.2).
    pub fn refresh_after(self) -> Duration {
        Duration::from_secs(u64::from(self.seconds)) / 2
    }

    /// When the session is given up, from the last 2xx: 32 s or a third early (RFC 4028 10).
    pub fn expires_after(self) -> Duration {
        Duration::from_secs(u64::from(self.seconds - (self.seconds / 3).min(32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { interval: 1800, min_se: 90 };

    fn agree(lines: &[(&str, &str)], current: Option<SessionTimer>) -> Result<Option<String>, TooSmall> {
        let mut headers = Headers::default();
        for (name, value) in lines {
            headers.push(HeaderName::parse(name), *value);
        }
        Ok(SessionTimer::agree(&headers, LIMITS, current)?.map(|timer| timer.in_response().to_string()))
    }

    #[test]
    fn the_interval_and_the_refresher_follow_rfc_4028_table_2() {
        let agreed = |text: &str| Ok(Some(text.to_owned()));
        for (lines, expected) in [
            (&[][..], Ok(None)),
            (&[("Supported", "timer")], agreed("1800;refresher=uac")),
            (&[("Require", "timer"), ("Min-SE", "3600")], agreed("3600;refresher=uac")),
            (&[("Supported", "timer"), ("Session-Expires", "1200;refresher=uac")], agreed("1200;refresher=uac")),
            (&[("Supported", "timer"), ("x", "3600;refresher=UAS")], agreed("1800;refresher=uas")),
            (&[("k", "100rel,timer"), ("Session-Expires", "43080")], agreed("1800;refresher=uac")),
            (&[("k", "timer"), ("x", "14400;refresher=uac"), ("Min-SE", " 900")], agreed("1800;refresher=uac")),
            (&[("k", "timer"), ("x", "2400"), ("Min-SE", "2000;x=y")], agreed("2000;refresher=uac")),
            (&[("k", "timer"), ("Session-Expires", "89")], Err(TooSmall)),
            (&[("k", "timer"), ("Session-Expires", "99999999999999")], agreed("1800;refresher=uac")),
            // a proxy asked for a caller that does not know timers: nobody but us can refresh
            (&[("Session-Expires", "600;refresher=uac")], agreed("600;refresher=uas")),
            (&[("Session-Expires", "30")], agreed("90;refresher=uas")),
            (&[("k", "timer"), ("Session-Expires", "soon")], agreed("1800;refresher=uac")),
        ] {
            assert_eq!(agree(lines, None), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_later_request_that_says_nothing_leaves_the_timer_as_it_is() {
        let ours = SessionTimer { seconds: 600, refresher: Side::Us };
        assert_eq!(agree(&[("Supported", "timer")], Some(ours)), Ok(Some("600;refresher=uas".into())));
        assert_eq!(agree(&[("k", "timer"), ("x", "900")], Some(ours)), Ok(Some("900;refresher=uas".into())));
        assert_eq!(
            agree(&[("k", "timer"), ("x", "900;refresher=uac")], Some(ours)),
            Ok(Some("900;refresher=uac".into()))
        );
    }

    #[test]
    fn a_session_is_given_up_half_a_minute_or_a_third_before_its_interval_ends() {
        let timer = |seconds| SessionTimer { seconds, refresher: Side::Peer };
        assert_eq!(timer(1800).expires_after(), Duration::from_secs(1768));
        assert_eq!(timer(90).expires_after(), Duration::from_secs(60));
        assert_eq!(timer(1800).refresh_after(), Duration::from_secs(900));
    }
}
