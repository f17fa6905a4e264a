//! The SIP messages that passed in a virtual world, as a ladder for people.
//! Knows: octets that look like SIP, who sent them to whom, when. Must not: change what passes.

use std::collections::VecDeque;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

/// The last so many are kept.
const KEPT: usize = 5000;
/// A first line is shown up to here.
const WIDTH: usize = 70;

/// What passed, in the order in which it was sent.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    messages: VecDeque<Sent>,
}

#[derive(Debug)]
struct Sent {
    at: Duration,
    from: SocketAddr,
    to: SocketAddr,
    what: String,
    fate: Fate,
}

/// What the link made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    Lost,
    Doubled,
    /// Nobody is there.
    Nowhere,
}

impl Ladder {
    /// Keeps what was sent, if it is SIP.
    pub fn note(&mut self, at: Duration, (from, to): (SocketAddr, SocketAddr), octets: &[u8], fate: Fate) {
        let Some(what) = summary(octets) else { return };
        if self.messages.len() == KEPT {
            self.messages.pop_front();
        }
        self.messages.push_back(Sent { at, from, to, what, fate });
    }

    /// One line a message.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.messages.iter().map(|Sent { at, from, to, what, fate }| {
            let fate = match fate {
                Fate::Arrives => "",
                Fate::Lost => "  (lost)",
                Fate::Doubled => "  (doubled)",
                Fate::Nowhere => "  (nobody is there)",
            };
            let (from, to) = (from.to_string(), to.to_string());
            format!("{:10.3} s  {from:>21} ──▶ {to:<21} {what}{fate}", at.as_secs_f64())
        })
    }
}

/// First line, CSeq, and what says why; `None`: it is no SIP.
fn summary(octets: &[u8]) -> Option<String> {
    if !octets.first()?.is_ascii_uppercase() {
        return None;
    }
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(octets.len());
    let mut lines = std::str::from_utf8(octets.get(..end)?).ok()?.split("\r\n");
    let first = lines.next().filter(|line| line.contains("SIP/2.0"))?;
    let mut text: String = first.chars().take(WIDTH).collect();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = name.trim();
        // writing to a String does not fail
        let _ = match name.to_ascii_lowercase().as_str() {
            "cseq" => write!(text, "  [{}]", value.trim()),
            "content-type" | "c" => write!(text, " + {}", value.trim()),
            "warning" | "reason" | "retry-after" => write!(text, " {name}: {}", value.trim()),
            _ => Ok(()),
        };
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sip_is_kept_and_nothing_else() {
        let mut ladder = Ladder::default();
        let ends = ("192.0.2.1:5060".parse().unwrap(), "192.0.2.9:5060".parse().unwrap());
        let bye = b"BYE sip:a@b SIP/2.0\r\nCSeq: 2 BYE\r\nReason: Q.850;cause=16\r\n\r\nCSeq: 9 NO";
        ladder.note(Duration::from_millis(1500), ends, bye, Fate::Lost);
        ladder.note(Duration::ZERO, ends, &[0x80; 172], Fate::Arrives);
        ladder.note(Duration::ZERO, ends, b"HELLO", Fate::Arrives);
        let lines: Vec<String> = ladder.lines().collect();
        let expected = "     1.500 s         192.0.2.1:5060 ──▶ 192.0.2.9:5060        \
                        BYE sip:a@b SIP/2.0  [2 BYE] Reason: Q.850;cause=16  (lost)";
        assert_eq!(lines, [expected]);
    }
}
