//! Non-INVITE client transaction (RFC 3261 17.1.2, figure 6): our BYE, UPDATE, OPTIONS and their kind.
//! Knows: status codes, timers as durations. Must not: hold messages, read clocks, know who sits above or below.

use super::{ClientEvent, Command, Failure, GIVE_UP, Linger, T1, T2, T4, Timer};
use std::time::Duration;

/// Any request but INVITE and ACK that we sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonInviteClient {
    state: State,
    linger: Linger,
    /// Timer E as it was armed last.
    interval: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

impl NonInviteClient {
    pub fn new(reliable: bool) -> NonInviteClient {
        NonInviteClient { state: State::Trying, linger: Linger { reliable }, interval: T1 }
    }

    /// Sends the request; to be called once (17.1.2.2).
    pub fn start(&self, out: &mut Vec<Command>) {
        out.push(Command::Send);
        self.linger.arm_resend(Timer::E, T1, out);
        out.push(Command::Arm(Timer::F, GIVE_UP));
    }

    pub fn on_event(&mut self, event: ClientEvent, out: &mut Vec<Command>) {
        use ClientEvent::*;
        use Command::{Arm, Deliver, Disarm, Report, Send};
        use State::*;
        self.state = match (self.state, event) {
            (Trying, Fired(Timer::E)) => {
                self.interval = (self.interval * 2).min(T2);
                out.extend([Send, Arm(Timer::E, self.interval)]);
                Trying
            }
            // 17.1.2.2: once the peer is known to be there, every T2
            (Proceeding, Fired(Timer::E)) => {
                out.extend([Send, Arm(Timer::E, T2)]);
                Proceeding
            }
            (Trying | Proceeding, Fired(Timer::F)) => {
                out.push(Report(Failure::Timeout));
                Terminated
            }
            // 17.1.4
            (Trying | Proceeding, TransportFailed) => {
                out.push(Report(Failure::Transport));
                Terminated
            }
            (Trying | Proceeding, Response(status)) if status.is_provisional() => {
                out.push(Deliver);
                Proceeding
            }
            (Trying | Proceeding, Response(_)) => {
                out.extend([Disarm(Timer::E), Disarm(Timer::F), Arm(Timer::K, self.linger.of(T4)), Deliver]);
                Completed
            }
            (Completed, Fired(Timer::K)) => Terminated,
            // 17.1.2.2: copies of the final response are absorbed
            (state, _) => state,
        };
    }

    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// The peer has not given its final response: the request may go out again.
    pub fn is_unanswered(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding)
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{Row, check, status};
    use super::State::*;
    use super::*;
    use ClientEvent::*;
    use Command::{Arm, Deliver, Disarm, Report, Send};

    const STATES: [State; 4] = [Trying, Proceeding, Completed, Terminated];

    fn events() -> Vec<ClientEvent> {
        let answers = [100, 200, 481].map(|code| Response(status(code)));
        [TransportFailed, Fired(Timer::E), Fired(Timer::F), Fired(Timer::K)].into_iter().chain(answers).collect()
    }

    #[rustfmt::skip]
    fn table(timer_k: Duration) -> Vec<Row<State, ClientEvent>> {
        let r = |code| Response(status(code));
        let finish = || vec![Disarm(Timer::E), Disarm(Timer::F), Arm(Timer::K, timer_k), Deliver];
        vec![
            ("17.1.2.2 timer E", Trying,     Fired(Timer::E), Trying,     vec![Send, Arm(Timer::E, T1 * 2)]),
            ("17.1.2.2 timer F", Trying,     Fired(Timer::F), Terminated, vec![Report(Failure::Timeout)]),
            ("17.1.4",           Trying,     TransportFailed, Terminated, vec![Report(Failure::Transport)]),
            ("17.1.2.2",         Trying,     r(100),          Proceeding, vec![Deliver]),
            ("17.1.2.2",         Trying,     r(200),          Completed,  finish()),
            ("17.1.2.2",         Trying,     r(481),          Completed,  finish()),
            ("17.1.2.2 timer E", Proceeding, Fired(Timer::E), Proceeding, vec![Send, Arm(Timer::E, T2)]),
            ("17.1.2.2 timer F", Proceeding, Fired(Timer::F), Terminated, vec![Report(Failure::Timeout)]),
            ("17.1.4",           Proceeding, TransportFailed, Terminated, vec![Report(Failure::Transport)]),
            ("17.1.2.2",         Proceeding, r(100),          Proceeding, vec![Deliver]),
            ("17.1.2.2",         Proceeding, r(200),          Completed,  finish()),
            ("17.1.2.2",         Proceeding, r(481),          Completed,  finish()),
            ("17.1.2.2 timer K", Completed,  Fired(Timer::K), Terminated, vec![]),
        ]
    }

    #[test]
    fn over_udp_and_reliable_transports_it_is_the_table_of_17_1_2() {
        for (reliable, timer_k) in [(false, T4), (true, Duration::ZERO)] {
            check(&STATES, &events(), &table(timer_k), |state, event| {
                let mut machine = NonInviteClient { state, ..NonInviteClient::new(reliable) };
                let mut out = Vec::new();
                machine.on_event(event, &mut out);
                (machine.state, out)
            });
        }
    }

    #[test]
    fn only_over_udp_the_request_is_sent_again() {
        let start = |reliable| {
            let mut out = Vec::new();
            NonInviteClient::new(reliable).start(&mut out);
            out
        };
        assert_eq!(start(false), [Send, Arm(Timer::E, T1), Arm(Timer::F, GIVE_UP)], "17.1.2.2");
        assert_eq!(start(true), [Send, Arm(Timer::F, GIVE_UP)], "17.1.2.2");
    }

    #[test]
    fn timer_e_doubles_to_t2() {
        let (mut machine, mut out) = (NonInviteClient::new(false), Vec::new());
        (0..5).for_each(|_| machine.on_event(Fired(Timer::E), &mut out));
        let waits: Vec<_> =
            out.iter().filter_map(|c| if let Arm(_, after) = c { Some(*after) } else { None }).collect();
        assert_eq!(waits, [1, 2, 4, 4, 4].map(Duration::from_secs), "17.1.2.2");
    }
}
