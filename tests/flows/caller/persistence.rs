//! What SIP over datagrams does when nothing comes back: requests again until they are answered (RFC 3261 17.1), answers
//! and ACKs again when what they answer comes again. And it keeps account of what answers came.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Caller;
use crate::sip::Sip;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// CSeq number and method.
pub type Asked = (u32, String);

/// Of one caller, if it persists at all.
#[derive(Default)]
pub struct Persistence {
    unanswered: Vec<Unanswered>,
    /// Our ACKs, by the number of the INVITE.
    acks: BTreeMap<u32, Vec<u8>>,
    /// The node's requests, by their topmost Via, and what we answered.
    requests: BTreeMap<(String, String), Option<Vec<u8>>>,
    answers: Answers,
    /// Provisional answers came to these.
    proceeding: BTreeSet<Asked>,
}

/// What came of requests.
#[derive(Clone, Default)]
pub struct Answers {
    /// Start lines, each once.
    pub finals: BTreeMap<Asked, BTreeSet<String>>,
    /// Nobody answered these in time.
    pub missing: BTreeSet<Asked>,
}

struct Unanswered {
    asked: Asked,
    octets: Vec<u8>,
    next: Duration,
    interval: Duration,
    until: Duration,
}

impl Caller {
    /// From now on nothing is lost for long.
    pub fn persist(&mut self) {
        self.line.borrow_mut().persistence = Some(Persistence::default());
    }

    /// What has come is taken as it is: a final answer to an INVITE acknowledged, the node's BYE agreed to.
    pub fn attend(&mut self) {
        for response in self.unread() {
            let is_final = response.status() >= Some(200);
            if is_final && response.method() == "INVITE" {
                self.learn(&response);
                self.acknowledge(&response, "");
                self.is_answered |= response.status() < Some(300);
            }
        }
        self.note_bye();
    }

    /// The final answers to each request so far; none of a caller who has vanished.
    pub fn answers(&self) -> Answers {
        self.line.borrow().persistence.as_ref().map(|persistence| persistence.answers.clone()).unwrap_or_default()
    }

    /// Whether the INVITE may be cancelled: it is not answered, but it has come (RFC 3261 9.1).
    pub fn may_cancel(&self) -> bool {
        let asked = (self.waiting_for.0, "INVITE".to_owned());
        let line = self.line.borrow();
        line.persistence.as_ref().is_some_and(|persistence| persistence.proceeding.contains(&asked))
            && !self.is_answered
    }

    /// Whether requests of ours wait for their answers.
    pub fn is_waiting(&self) -> bool {
        self.line.borrow().persistence.as_ref().is_some_and(|persistence| !persistence.unanswered.is_empty())
    }
}

impl Persistence {
    pub fn sent(&mut self, now: Duration, message: &Sip) {
        let octets = message.to_bytes();
        if message.status().is_some() {
            self.requests.insert(key(message), Some(octets));
        } else if message.method() == "ACK" {
            self.acks.insert(message.cseq(), octets);
        } else {
            let asked = (message.cseq(), message.method().to_owned());
            let is_new = self.unanswered.iter().all(|waiting| waiting.asked != asked);
            if is_new && !self.answers.finals.contains_key(&asked) {
                let (next, until) = (now + T1, now + 64 * T1);
                self.unanswered.push(Unanswered { asked, octets, next, interval: T1, until });
            }
        }
    }

    /// Octets that are to be sent again by now.
    pub fn due(&mut self, now: Duration) -> Vec<Vec<u8>> {
        let mut due = Vec::new();
        for waiting in &mut self.unanswered {
            if waiting.until <= now {
                self.answers.missing.insert(waiting.asked.clone());
            } else if waiting.next <= now {
                due.push(waiting.octets.clone());
                waiting.interval *= 2;
                if waiting.asked.1 != "INVITE" {
                    waiting.interval = waiting.interval.min(T2);
                }
                waiting.next = now + waiting.interval;
            }
        }
        self.unanswered.retain(|waiting| waiting.until > now);
        due
    }

    /// Whether `message` is one that came before; and octets that are to be sent upon it.
    pub fn received(&mut self, message: &Sip) -> (bool, Option<Vec<u8>>) {
        let Some(status) = message.status() else {
            let key = key(message);
            let before = self.requests.get(&key).cloned();
            self.requests.entry(key).or_default();
            return (before.is_some(), before.flatten());
        };
        let asked = (message.cseq(), message.method().to_owned());
        if status < 200 {
            self.proceeding.insert(asked.clone());
            for waiting in self.unanswered.iter_mut().filter(|waiting| waiting.asked == asked) {
                let is_invite = waiting.asked.1 == "INVITE";
                // it is there: an INVITE is not sent again, and nothing else often
                waiting.next = if is_invite { waiting.until } else { waiting.next };
                waiting.interval = T2;
            }
            return (false, None);
        }
        self.unanswered.retain(|waiting| waiting.asked != asked);
        self.answers.missing.remove(&asked);
        let said = self.answers.finals.entry(asked).or_default();
        let again = !said.insert(message.start.clone());
        let ack = self.acks.get(&message.cseq()).filter(|_| message.method() == "INVITE").cloned();
        (again, ack)
    }
}

fn key(message: &Sip) -> (String, String) {
    (message.get("Via").to_owned(), message.method().to_owned())
}
