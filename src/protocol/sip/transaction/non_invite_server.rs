//! Non-INVITE server transaction (RFC 3261 17.2.2, figure 8).
//! Knows: status codes, timers as durations. Must not: hold messages, read clocks, know who sits above or below.

use super::{Command, GIVE_UP, Linger, ServerEvent, Timer};

/// Any request but INVITE and ACK that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonInviteServer {
    state: State,
    linger: Linger,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

impl NonInviteServer {
    pub fn new(reliable: bool) -> NonInviteServer {
        NonInviteServer { state: State::Trying, linger: Linger { reliable } }
    }

    /// To be called once. The RFC has no end for a request that is never answered; by its own timer F the client
    /// has given up after 64*T1, and an answer would reach nobody (RFC 4320 4.2).
    pub fn start(&self, out: &mut Vec<Command>) {
        out.push(Command::Arm(Timer::F, GIVE_UP));
    }

    pub fn on_event(&mut self, event: ServerEvent, out: &mut Vec<Command>) {
        use Command::{Arm, Disarm, Send};
        use ServerEvent::*;
        use State::*;
        self.state = match (self.state, event) {
            (Trying | Proceeding, Respond(status)) if status.is_provisional() => {
                out.push(Send);
                Proceeding
            }
            (Trying | Proceeding, Respond(_)) => {
                out.extend([Send, Disarm(Timer::F), Arm(Timer::J, self.linger.of(GIVE_UP))]);
                Completed
            }
            (Trying | Proceeding, Fired(Timer::F)) => Terminated,
            // 17.2.2: a retransmission is answered with the last response; in Trying there is none, it is absorbed
            (state @ (Proceeding | Completed), Request) => {
                out.push(Send);
                state
            }
            (Completed, Fired(Timer::J) | TransportFailed) => Terminated,
            // 17.2.2: any other final response is discarded, anything else is absorbed
            (state, _) => state,
        };
    }

    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// No final response yet.
    pub fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding)
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{Row, check, status};
    use super::State::*;
    use super::*;
    use Command::{Arm, Disarm, Send};
    use ServerEvent::*;
    use std::time::Duration;

    const STATES: [State; 4] = [Trying, Proceeding, Completed, Terminated];

    fn events() -> Vec<ServerEvent> {
        let answers = [100, 200, 404].map(|code| Respond(status(code)));
        [Request, Ack, TransportFailed, Released, Fired(Timer::F), Fired(Timer::J)].into_iter().chain(answers).collect()
    }

    #[rustfmt::skip]
    fn table(timer_j: Duration) -> Vec<Row<State, ServerEvent>> {
        let r = |code| Respond(status(code));
        let finish = || vec![Send, Disarm(Timer::F), Arm(Timer::J, timer_j)];
        vec![
            ("17.2.2",          Trying,     r(100),          Proceeding, vec![Send]),
            ("17.2.2",          Trying,     r(200),          Completed,  finish()),
            ("17.2.2",          Trying,     r(404),          Completed,  finish()),
            ("ours",            Trying,     Fired(Timer::F), Terminated, vec![]),
            ("17.2.2",          Proceeding, Request,         Proceeding, vec![Send]),
            ("17.2.2",          Proceeding, r(100),          Proceeding, vec![Send]),
            ("17.2.2",          Proceeding, r(200),          Completed,  finish()),
            ("17.2.2",          Proceeding, r(404),          Completed,  finish()),
            ("ours",            Proceeding, Fired(Timer::F), Terminated, vec![]),
            ("17.2.2",          Completed,  Request,         Completed,  vec![Send]),
            ("17.2.2 timer J",  Completed,  Fired(Timer::J), Terminated, vec![]),
            ("17.2.4",          Completed,  TransportFailed, Terminated, vec![]),
        ]
    }

    #[test]
    fn over_udp_and_reliable_transports_it_is_the_table_of_17_2_2() {
        for (reliable, timer_j) in [(false, GIVE_UP), (true, Duration::ZERO)] {
            check(&STATES, &events(), &table(timer_j), |state, event| {
                let mut machine = NonInviteServer { state, ..NonInviteServer::new(reliable) };
                let mut out = Vec::new();
                machine.on_event(event, &mut out);
                (machine.state, out)
            });
        }
    }

    #[test]
    fn a_request_nobody_answers_ends_when_its_client_has_given_up() {
        let mut out = Vec::new();
        NonInviteServer::new(false).start(&mut out);
        assert_eq!(out, [Arm(Timer::F, Duration::from_secs(32))]);
    }
}
