//! Symmetric RTP: where the peer's media comes from, decided once (RFC 4961; the attack is known as RTP bleed).
//! Knows: the signalled address, who signals, and from where plausible packets come.
//! Must not: parse packets, send any.
//!
//! A telephone behind NAT signals an address that cannot be reached, so packets are answered to where they come from. An attacker who
//! sprays the RTP ports must not become that place. The rules:
//!
//! * Sources have a rank: the signalled address itself; its host, or the host that signals; any other.
//! * The signalled address is believed at its first packet, any other after three packets of one SSRC in order.
//! * A source of the last rank waits for a second, in which a better one may appear. It need not wait when the signalled address is
//!   private and the source is not, and no one else is known who could send.
//! * Once latched, packets of others are dropped and counted. Only within the first five seconds, and only once, a source of a better rank
//!   takes over.
//! * A new offer or answer opens the latch again; the source it had keeps it unless a better one appears or it falls silent.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::protocol::rtp::Packet;

/// Packets of one SSRC in order that make a source plausible.
const PLAUSIBLE: u8 = 3;
/// How far a sequence number may be ahead of the one before and still be in order.
const IN_ORDER: u16 = 50;
/// How long a source of the last rank waits for a better one.
const GRACE: Duration = Duration::from_secs(1);
/// How long a better source may still take over.
const CORRECTION: Duration = Duration::from_secs(5);
/// After a new plan: how long the source from before may be silent and still keep the latch.
const SILENCE: Duration = Duration::from_millis(500);
/// Sources watched at once.
const CANDIDATES: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Stranger,
    KnownHost,
    Signalled,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    source: SocketAddr,
    rank: Rank,
    ssrc: u32,
    sequence: u16,
    in_order: u8,
}

#[derive(Debug, Clone, Copy)]
struct Latched {
    source: SocketAddr,
    rank: Rank,
    heard: Instant,
}

/// Whose packets are the peer's, and where ours go.
#[derive(Debug, Clone)]
pub struct Latch {
    /// The host that signals, if known.
    signalling: Option<IpAddr>,
    signalled: Option<SocketAddr>,
    opened: Instant,
    latched: Option<Latched>,
    /// Opened by a new plan while latched: the source from before is kept for now.
    reopened: bool,
    corrected: bool,
    candidates: [Option<Candidate>; CANDIDATES],
    refused: u64,
}

impl Latch {
    /// `signalling` is the host the peer's SIP comes from.
    pub fn new(signalling: Option<IpAddr>, now: Instant) -> Self {
        Self {
            signalling: signalling.map(|host| host.to_canonical()),
            signalled: None,
            opened: now,
            latched: None,
            reopened: false,
            corrected: false,
            candidates: [None; CANDIDATES],
            refused: 0,
        }
    }

    /// A plan was agreed: the peer says it receives at `signalled` (`None`: it is on hold without an address).
    pub fn open(&mut self, now: Instant, signalled: Option<SocketAddr>) {
        let moved = signalled.is_some() && signalled != self.signalled;
        self.signalled = signalled.or(self.signalled);
        self.opened = now;
        self.reopened = self.latched.is_some();
        self.corrected = false;
        self.candidates = [None; CANDIDATES];
        if moved {
            // The peer says that it moved: where it was is a source as any other.
            self.latched = None;
            self.reopened = false;
        }
    }

    /// Whether a plausible packet is the peer's. Call with packets of a payload type of the plan only.
    pub fn admits(&mut self, now: Instant, source: SocketAddr, packet: &Packet) -> bool {
        if let Some(latched) = self.latched.as_mut().filter(|l| l.source == source) {
            latched.heard = now;
            return true;
        }
        let rank = self.rank(source);
        let admitted =
            self.may_win(now, rank) && self.is_plausible(source, rank, packet) && self.has_waited(now, source, rank);
        if admitted {
            self.corrected = self.latched.is_some() && !self.reopened;
            self.reopened = false;
            self.latched = Some(Latched { source, rank, heard: now });
            self.candidates = [None; CANDIDATES];
        } else {
            self.refused += 1;
        }
        admitted
    }

    /// Where our packets go: to the source, or before it is known where the peer said.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.latched.map(|l| l.source).or(self.signalled)
    }

    /// The source whose packets are believed.
    pub fn source(&self) -> Option<SocketAddr> {
        self.latched.map(|l| l.source)
    }

    /// Packets dropped because their source was not (yet) believed.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn rank(&self, source: SocketAddr) -> Rank {
        let host = source.ip().to_canonical();
        match self.signalled {
            Some(signalled) if signalled.port() == source.port() && signalled.ip().to_canonical() == host => {
                Rank::Signalled
            }
            Some(signalled) if signalled.ip().to_canonical() == host => Rank::KnownHost,
            _ if self.signalling == Some(host) => Rank::KnownHost,
            _ => Rank::Stranger,
        }
    }

    fn may_win(&self, now: Instant, rank: Rank) -> bool {
        let Some(latched) = self.latched else { return true };
        let age = now.saturating_duration_since(self.opened);
        let better = rank > latched.rank && age < CORRECTION && !self.corrected;
        let abandoned = self.reopened
            && rank >= latched.rank.min(Rank::KnownHost)
            && now.saturating_duration_since(latched.heard.max(self.opened)) >= SILENCE;
        better || abandoned
    }

    /// Keeps the account of a source's packets. Attackers with many sources push out each other, never a source of a better rank.
    fn is_plausible(&mut self, source: SocketAddr, rank: Rank, packet: &Packet) -> bool {
        if rank == Rank::Signalled && self.latched.is_none() {
            return true;
        }
        let fresh = Candidate { source, rank, ssrc: packet.ssrc, sequence: packet.sequence, in_order: 1 };
        if let Some(known) = self.candidates.iter_mut().flatten().find(|c| c.source == source) {
            let ahead = packet.sequence.wrapping_sub(known.sequence);
            *known = match ahead {
                // a duplicate proves nothing, and is no reason for doubt
                0 if packet.ssrc == known.ssrc => *known,
                1..=IN_ORDER if packet.ssrc == known.ssrc => {
                    Candidate { in_order: known.in_order.saturating_add(1), ..fresh }
                }
                _ => fresh,
            };
            return known.in_order >= PLAUSIBLE;
        }
        let worst = self.candidates.iter_mut().min_by_key(|slot| slot.map(|c| (c.rank, c.in_order)));
        if let Some(slot) = worst.filter(|slot| slot.is_none_or(|c| c.rank <= rank)) {
            *slot = Some(fresh);
        }
        false
    }

    fn has_waited(&self, now: Instant, source: SocketAddr, rank: Rank) -> bool {
        let nobody_else = match self.signalled {
            Some(signalled) => self.signalling.is_none() && is_private(signalled.ip()) && !is_private(source.ip()),
            None => false,
        };
        rank > Rank::Stranger || nobody_else || now.saturating_duration_since(self.opened) >= GRACE
    }
}

/// Whether an address means nothing outside its own network: private (RFC 1918, RFC 4193), of a carrier's NAT (RFC 6598), link-local.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || v4.is_loopback() || (a == 100 && b & 0xC0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNALLED: &str = "203.0.113.7:4000";
    const ATTACKER: &str = "198.51.100.66:9999";

    struct Scene {
        latch: Latch,
        start: Instant,
        now: Instant,
    }

    impl Scene {
        fn new(signalling: Option<&str>, signalled: &str) -> Self {
            let start = Instant::now();
            let mut latch = Latch::new(signalling.map(|host| host.parse().unwrap()), start);
            latch.open(start, Some(signalled.parse().unwrap()));
            Self { latch, start, now: start }
        }

        fn at(&mut self, millis: u64) -> &mut Self {
            self.now = self.start + Duration::from_millis(millis);
            self
        }

        fn packet(&mut self, from: &str, ssrc: u32, sequence: u16) -> bool {
            let packet = Packet { payload_type: 0, marker: false, sequence, timestamp: 0, ssrc, payload: &[] };
            self.latch.admits(self.now, from.parse().unwrap(), &packet)
        }

        /// Sends `count` packets in order; how many were admitted.
        fn stream(&mut self, from: &str, first: u16, count: u16) -> usize {
            (first..first + count).filter(|sequence| self.packet(from, 1, *sequence)).count()
        }

        fn destination(&self) -> String {
            self.latch.destination().unwrap().to_string()
        }
    }

    #[test]
    fn before_any_packet_we_send_where_the_peer_said() {
        assert_eq!(Scene::new(None, SIGNALLED).destination(), SIGNALLED);
    }

    #[test]
    fn the_signalled_address_is_believed_at_once() {
        let mut scene = Scene::new(None, SIGNALLED);
        assert_eq!(scene.stream(SIGNALLED, 1, 1), 1);
    }

    #[test]
    fn another_port_of_the_signalled_host_is_believed_after_three_packets() {
        let mut scene = Scene::new(None, SIGNALLED);
        assert_eq!(scene.stream("203.0.113.7:61000", 65_530, 3), 1);
        assert_eq!(scene.destination(), "203.0.113.7:61000");
    }

    #[test]
    fn a_private_address_in_the_sdp_is_replaced_by_the_public_source() {
        let mut with_signalling = Scene::new(Some("203.0.113.1"), "192.168.1.20:4000");
        assert_eq!(with_signalling.stream("203.0.113.1:50123", 1, 4), 2);
        assert_eq!(with_signalling.destination(), "203.0.113.1:50123");

        let mut without = Scene::new(None, "192.168.1.20:4000");
        assert_eq!(without.stream("203.0.113.1:50123", 1, 4), 2);
    }

    #[test]
    fn an_attacker_who_is_first_does_not_win_against_the_signalled_address() {
        let mut scene = Scene::new(None, SIGNALLED);
        assert_eq!(scene.stream(ATTACKER, 1, 20), 0);
        assert_eq!(scene.destination(), SIGNALLED);
        assert_eq!(scene.at(300).stream(SIGNALLED, 1, 1), 1);
        assert_eq!(scene.at(2000).stream(ATTACKER, 21, 20), 0);
        assert_eq!(scene.latch.refused(), 40);
    }

    #[test]
    fn an_attacker_does_not_win_against_a_peer_behind_nat() {
        let mut scene = Scene::new(Some("203.0.113.1"), "10.0.0.5:4000");
        assert_eq!(scene.stream(ATTACKER, 1, 20), 0);
        assert_eq!(scene.at(500).stream("203.0.113.1:50123", 1, 3), 1);
        assert_eq!(scene.at(4000).stream(ATTACKER, 21, 100), 0);
    }

    #[test]
    fn a_media_server_of_another_host_is_believed_after_the_grace() {
        let mut scene = Scene::new(Some("203.0.113.1"), SIGNALLED);
        assert_eq!(scene.stream("203.0.113.99:7000", 1, 10), 0);
        assert_eq!(scene.at(1000).stream("203.0.113.99:7000", 11, 1), 1);
    }

    #[test]
    fn the_signalled_address_takes_over_once_within_the_first_seconds() {
        let mut scene = Scene::new(None, SIGNALLED);
        scene.stream(ATTACKER, 1, 3);
        assert_eq!(scene.at(1100).stream(ATTACKER, 4, 1), 1);
        assert_eq!(scene.at(2000).stream(SIGNALLED, 500, 3), 1);
        assert_eq!(scene.at(2100).stream(ATTACKER, 5, 50), 0);
        assert_eq!(scene.destination(), SIGNALLED);
    }

    #[test]
    fn after_the_first_seconds_nobody_takes_over() {
        let mut scene = Scene::new(None, SIGNALLED);
        assert_eq!(scene.stream("203.0.113.7:61000", 1, 3), 1);
        assert_eq!(scene.at(5000).stream(SIGNALLED, 1, 50), 0);
    }

    #[test]
    fn packets_out_of_order_or_of_changing_ssrc_are_not_plausible() {
        let mut scene = Scene::new(None, SIGNALLED);
        let other_port = "203.0.113.7:61000";
        for (ssrc, sequence) in [(1, 10), (2, 11), (3, 12), (3, 12), (3, 12), (3, 5), (3, 500), (3, 499)] {
            assert!(!scene.packet(other_port, ssrc, sequence), "{ssrc} {sequence}");
        }
    }

    #[test]
    fn many_attackers_cannot_push_out_the_peer() {
        let mut scene = Scene::new(Some("203.0.113.1"), "10.0.0.5:4000");
        let mut admitted = false;
        for sequence in 1..=3 {
            for port in 1..=20 {
                assert!(!scene.packet(&format!("198.51.100.66:{port}"), 1, sequence));
            }
            admitted = scene.packet("203.0.113.1:50123", 1, sequence);
        }
        assert!(admitted);
    }

    #[test]
    fn a_new_plan_with_another_address_opens_the_latch() {
        let mut scene = Scene::new(None, SIGNALLED);
        scene.stream(SIGNALLED, 1, 1);
        let (now, moved) = (scene.at(60_000).now, "203.0.113.8:5000");
        scene.latch.open(now, Some(moved.parse().unwrap()));
        assert_eq!(scene.destination(), moved);
        assert_eq!(scene.stream(moved, 1, 1), 1);
        assert_eq!(scene.stream(SIGNALLED, 2, 50), 0);
    }

    #[test]
    fn a_new_plan_with_the_same_address_keeps_the_source_that_still_sends() {
        let nat = "203.0.113.1:50123";
        let mut scene = Scene::new(Some("203.0.113.1"), "10.0.0.5:4000");
        scene.stream(nat, 1, 3);
        let now = scene.at(60_000).now;
        scene.latch.open(now, Some("10.0.0.5:4000".parse().unwrap()));
        assert_eq!(scene.destination(), nat);
        assert_eq!(scene.at(60_020).stream(nat, 4, 1), 1);
        assert_eq!(scene.at(60_100).stream("203.0.113.1:777", 1, 50), 0);

        // its NAT forgot it during the hold: the new binding is learnt, a stranger is not
        assert_eq!(scene.at(61_100).stream(ATTACKER, 1, 50), 0);
        assert_eq!(scene.at(61_100).stream("203.0.113.1:777", 151, 3), 1);
        assert_eq!(scene.destination(), "203.0.113.1:777");
    }
}
