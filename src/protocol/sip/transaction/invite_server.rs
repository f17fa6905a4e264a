//! INVITE server transaction (RFC 3261 17.2.1, figure 7; RFC 6026 7.1 adds Accepted).
//! Knows: status codes, timers as durations. Must not: hold messages, read clocks, know who sits above or below.
//! The 2xx until its ACK, which RFC 3261 13.3.1.4 gives to the UAS core, is part of Accepted here.

use super::{Command, Failure, GIVE_UP, Linger, ServerEvent, T1, T2, T4, TIMER_C, Timer};
use std::time::Duration;

/// An INVITE that arrived. Whoever creates it answers 100 at once: `Respond(100)` is its first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InviteServer {
    state: State,
    linger: Linger,
    /// The wait before the final response is sent again the next time.
    interval: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Proceeding,
    /// A 300-699 was sent and waits for its ACK.
    Completed,
    Confirmed,
    /// A 2xx was sent and waits for its ACK.
    Accepted,
    /// The 2xx has its ACK, or nobody waits for it any more.
    Acknowledged,
    Terminated,
}

impl InviteServer {
    pub fn new(reliable: bool) -> InviteServer {
        InviteServer { state: State::Proceeding, linger: Linger { reliable }, interval: T1 }
    }

    pub fn on_event(&mut self, event: ServerEvent, out: &mut Vec<Command>) {
        use Command::{Arm, Disarm, Report, Send};
        use ServerEvent::*;
        use State::*;
        self.state = match (self.state, event) {
            // 17.2.1: a retransmitted INVITE is answered with the last response
            (state @ (Proceeding | Completed), Request) => {
                out.push(Send);
                state
            }
            // 13.3.1.1: a provisional response says the call is alive
            (Proceeding, Respond(status)) if status.is_provisional() => {
                out.extend([Send, Arm(Timer::C, TIMER_C)]);
                Proceeding
            }
            // RFC 6026 7.1; 13.3.1.4: sent again over reliable transports too, for the hops behind the next one
            (Proceeding, Respond(status)) if status.is_success() => {
                out.extend([Send, Disarm(Timer::C), Arm(Timer::Ok, T1), Arm(Timer::L, GIVE_UP)]);
                Accepted
            }
            (Proceeding, Respond(_)) => {
                out.extend([Send, Disarm(Timer::C)]);
                self.linger.arm_resend(Timer::G, T1, out);
                out.push(Arm(Timer::H, GIVE_UP));
                Completed
            }
            // the RFC lets a UAS ring for ever; one that forgot its call must not keep it
            (Proceeding, Fired(Timer::C)) => {
                out.push(Report(Failure::Unanswered));
                Proceeding
            }

            (Completed, Fired(Timer::G)) => {
                out.extend([Send, Arm(Timer::G, self.back_off())]);
                Completed
            }
            (Completed, Ack) => {
                out.extend([Disarm(Timer::G), Disarm(Timer::H), Arm(Timer::I, self.linger.of(T4))]);
                Confirmed
            }
            // 17.2.1 timer H, 17.2.4
            (Completed, Fired(Timer::H) | TransportFailed) => {
                out.push(Report(Failure::NoAck));
                Terminated
            }
            (Confirmed, Fired(Timer::I)) => Terminated,

            // 13.3.1.4: T1 doubling to T2 until the ACK; RFC 6026 7.1: a transport error ends nothing here
            (Accepted, Fired(Timer::Ok)) => {
                out.extend([Send, Arm(Timer::Ok, self.back_off())]);
                Accepted
            }
            (Accepted, Ack | Released) => {
                out.push(Disarm(Timer::Ok));
                Acknowledged
            }
            // 13.3.1.4: 64*T1 without an ACK
            (Accepted, Fired(Timer::L)) => {
                out.push(Report(Failure::NoAck));
                Terminated
            }
            (Acknowledged, Fired(Timer::L)) => Terminated,

            // 17.2.1, RFC 6026 7.1: anything else is absorbed
            (state, _) => state,
        };
    }

    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// No final response yet.
    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    /// A 300-699 has been sent: the next ACK of this transaction is hop by hop.
    pub fn is_refused(&self) -> bool {
        matches!(self.state, State::Completed | State::Confirmed)
    }

    /// A 300-699 waits for its ACK.
    pub fn is_completed(&self) -> bool {
        self.state == State::Completed
    }

    fn back_off(&mut self) -> Duration {
        self.interval = (self.interval * 2).min(T2);
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{Row, check, status};
    use super::State::*;
    use super::*;
    use Command::{Arm, Disarm, Report, Send};
    use ServerEvent::*;

    const STATES: [State; 6] = [Proceeding, Completed, Confirmed, Accepted, Acknowledged, Terminated];
    const ZERO: Duration = Duration::ZERO;
    const TWICE: Duration = Duration::from_secs(1);

    fn events() -> Vec<ServerEvent> {
        let timers = [Timer::C, Timer::G, Timer::H, Timer::I, Timer::L, Timer::Ok].map(Fired);
        let answers = [100, 183, 200, 302, 486, 603].map(|code| Respond(status(code)));
        [Request, Ack, TransportFailed, Released].into_iter().chain(answers).chain(timers).collect()
    }

    fn run(reliable: bool, state: State, event: ServerEvent) -> (State, Vec<Command>) {
        let mut machine = InviteServer { state, ..InviteServer::new(reliable) };
        let mut out = Vec::new();
        machine.on_event(event, &mut out);
        (machine.state, out)
    }

    #[rustfmt::skip]
    fn common() -> Vec<Row<State, ServerEvent>> {
        let r = |code| Respond(status(code));
        vec![
            ("17.2.1",          Proceeding,   Request,          Proceeding,   vec![Send]),
            ("17.2.1",          Proceeding,   r(100),           Proceeding,   vec![Send, Arm(Timer::C, TIMER_C)]),
            ("17.2.1",          Proceeding,   r(183),           Proceeding,   vec![Send, Arm(Timer::C, TIMER_C)]),
            ("RFC 6026 7.1",    Proceeding,   r(200),           Accepted,     vec![Send, Disarm(Timer::C), Arm(Timer::Ok, T1), Arm(Timer::L, GIVE_UP)]),
            ("ours",            Proceeding,   Fired(Timer::C),  Proceeding,   vec![Report(Failure::Unanswered)]),
            ("17.2.1",          Completed,    Request,          Completed,    vec![Send]),
            ("17.2.1 timer G",  Completed,    Fired(Timer::G),  Completed,    vec![Send, Arm(Timer::G, TWICE)]),
            ("17.2.1 timer H",  Completed,    Fired(Timer::H),  Terminated,   vec![Report(Failure::NoAck)]),
            ("17.2.4",          Completed,    TransportFailed,  Terminated,   vec![Report(Failure::NoAck)]),
            ("17.2.1 timer I",  Confirmed,    Fired(Timer::I),  Terminated,   vec![]),
            ("13.3.1.4",        Accepted,     Fired(Timer::Ok), Accepted,     vec![Send, Arm(Timer::Ok, TWICE)]),
            ("13.3.1.4",        Accepted,     Ack,              Acknowledged, vec![Disarm(Timer::Ok)]),
            ("15",              Accepted,     Released,         Acknowledged, vec![Disarm(Timer::Ok)]),
            ("13.3.1.4",        Accepted,     Fired(Timer::L),  Terminated,   vec![Report(Failure::NoAck)]),
            ("RFC 6026 7.1",    Acknowledged, Fired(Timer::L),  Terminated,   vec![]),
        ]
    }

    #[test]
    fn over_udp_it_is_the_table_of_17_2_1_and_rfc_6026() {
        let refuse = |code| {
            let commands = vec![Send, Disarm(Timer::C), Arm(Timer::G, T1), Arm(Timer::H, GIVE_UP)];
            ("17.2.1", Proceeding, Respond(status(code)), Completed, commands)
        };
        let confirm = vec![Disarm(Timer::G), Disarm(Timer::H), Arm(Timer::I, T4)];
        let mut rows = common();
        rows.extend([302, 486, 603].map(refuse));
        rows.push(("17.2.1", Completed, Ack, Confirmed, confirm));
        check(&STATES, &events(), &rows, |state, event| run(false, state, event));
    }

    #[test]
    fn over_a_reliable_transport_g_is_never_armed_and_i_is_zero() {
        let refuse = |code| {
            let commands = vec![Send, Disarm(Timer::C), Arm(Timer::H, GIVE_UP)];
            ("17.2.1", Proceeding, Respond(status(code)), Completed, commands)
        };
        let confirm = vec![Disarm(Timer::G), Disarm(Timer::H), Arm(Timer::I, ZERO)];
        let mut rows = common();
        rows.extend([302, 486, 603].map(refuse));
        rows.push(("17.2.1", Completed, Ack, Confirmed, confirm));
        check(&STATES, &events(), &rows, |state, event| run(true, state, event));
    }

    #[test]
    fn final_responses_are_sent_again_after_t1_doubling_to_t2() {
        for (code, timer) in [(486, Timer::G), (200, Timer::Ok)] {
            let (mut machine, mut out) = (InviteServer::new(false), Vec::new());
            machine.on_event(Respond(status(code)), &mut out);
            out.clear();
            (0..6).for_each(|_| machine.on_event(Fired(timer), &mut out));
            let waits: Vec<_> =
                out.iter().filter_map(|c| if let Arm(_, after) = c { Some(*after) } else { None }).collect();
            assert_eq!(waits, [1, 2, 4, 4, 4, 4].map(Duration::from_secs), "17.2.1 timer G, 13.3.1.4");
        }
    }
}
