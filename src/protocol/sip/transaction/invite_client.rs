//! INVITE client transaction (RFC 3261 17.1.1, figure 5; RFC 6026 7.2 adds Accepted).
//! Knows: status codes, timers as durations. Must not: hold messages, read clocks, know who sits above or below.

use super::{ClientEvent, Command, Failure, GIVE_UP, Linger, T1, TIMER_C, TIMER_D, Timer};
use std::time::Duration;

/// An INVITE we sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InviteClient {
    state: State,
    linger: Linger,
    /// Timer A as it was armed last.
    interval: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Calling,
    Proceeding,
    /// A 300-699 came; its copies are acknowledged.
    Completed,
    /// A 2xx came; its copies reach the dialog, which acknowledges them.
    Accepted,
    Terminated,
}

impl InviteClient {
    pub fn new(reliable: bool) -> InviteClient {
        InviteClient { state: State::Calling, linger: Linger { reliable }, interval: T1 }
    }

    /// Sends the request; to be called once (17.1.1.2).
    pub fn start(&self, out: &mut Vec<Command>) {
        out.push(Command::Send);
        self.linger.arm_resend(Timer::A, T1, out);
        out.push(Command::Arm(Timer::B, GIVE_UP));
    }

    pub fn on_event(&mut self, event: ClientEvent, out: &mut Vec<Command>) {
        use ClientEvent::*;
        use Command::{Acknowledge, Arm, Deliver, Disarm, Report, Send};
        use State::*;
        self.state = match (self.state, event) {
            // 17.1.1.2: doubles without a bound, timer B is the bound
            (Calling, Fired(Timer::A)) => {
                self.interval *= 2;
                out.extend([Send, Arm(Timer::A, self.interval)]);
                Calling
            }
            // 17.1.1.2 timer B; in Proceeding the RFC has the user cancel, a silent peer must not keep the call
            (Calling, Fired(Timer::B)) | (Proceeding, Fired(Timer::C)) => {
                out.push(Report(Failure::Timeout));
                Terminated
            }
            // 17.1.4
            (Calling, TransportFailed) => {
                out.push(Report(Failure::Transport));
                Terminated
            }
            (Calling | Proceeding, Response(status)) if status.is_provisional() => {
                out.extend([Disarm(Timer::A), Disarm(Timer::B), Arm(Timer::C, TIMER_C), Deliver]);
                Proceeding
            }
            // RFC 6026 7.2
            (Calling | Proceeding, Response(status)) if status.is_success() => {
                out.extend([Disarm(Timer::A), Disarm(Timer::B), Disarm(Timer::C), Arm(Timer::M, GIVE_UP), Deliver]);
                Accepted
            }
            (Calling | Proceeding, Response(_)) => {
                out.extend([Disarm(Timer::A), Disarm(Timer::B), Disarm(Timer::C)]);
                out.extend([Acknowledge, Arm(Timer::D, self.linger.of(TIMER_D)), Deliver]);
                Completed
            }

            // 9.1: 64*T1 after its CANCEL the INVITE is given up
            (Proceeding, Cancelled) => {
                out.push(Arm(Timer::C, GIVE_UP));
                Proceeding
            }

            (Completed, Response(status)) if !status.is_provisional() && !status.is_success() => {
                out.push(Acknowledge);
                Completed
            }
            // 17.1.4 for the ACK: the user has its answer, there is nothing to tell it
            (Completed, Fired(Timer::D) | TransportFailed) => Terminated,

            // RFC 6026 7.2: each copy of the 2xx is passed up, so that its ACK is sent again
            (Accepted, Response(status)) if status.is_success() => {
                out.push(Deliver);
                Accepted
            }
            (Accepted, Fired(Timer::M)) => Terminated,

            (state, _) => state,
        };
    }

    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// A provisional response has come and no final one.
    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    /// The peer has given no response at all: the request may go out again.
    pub fn is_unanswered(&self) -> bool {
        self.state == State::Calling
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{Row, check, status};
    use super::State::*;
    use super::*;
    use ClientEvent::*;
    use Command::{Acknowledge, Arm, Deliver, Disarm, Report, Send};

    const STATES: [State; 5] = [Calling, Proceeding, Completed, Accepted, Terminated];

    fn events() -> Vec<ClientEvent> {
        let timers = [Timer::A, Timer::B, Timer::C, Timer::D, Timer::M].map(Fired);
        let answers = [100, 183, 200, 202, 491].map(|code| Response(status(code)));
        [TransportFailed, Cancelled].into_iter().chain(answers).chain(timers).collect()
    }

    #[rustfmt::skip]
    fn table(timer_d: Duration) -> Vec<Row<State, ClientEvent>> {
        let r = |code| Response(status(code));
        let proceed = || vec![Disarm(Timer::A), Disarm(Timer::B), Arm(Timer::C, TIMER_C), Deliver];
        let accept = || vec![Disarm(Timer::A), Disarm(Timer::B), Disarm(Timer::C), Arm(Timer::M, GIVE_UP), Deliver];
        let fail = || vec![Disarm(Timer::A), Disarm(Timer::B), Disarm(Timer::C), Acknowledge, Arm(Timer::D, timer_d), Deliver];
        vec![
            ("17.1.1.2 timer A", Calling,    Fired(Timer::A), Calling,    vec![Send, Arm(Timer::A, T1 * 2)]),
            ("17.1.1.2 timer B", Calling,    Fired(Timer::B), Terminated, vec![Report(Failure::Timeout)]),
            ("17.1.4",           Calling,    TransportFailed, Terminated, vec![Report(Failure::Transport)]),
            ("17.1.1.2",         Calling,    r(100),          Proceeding, proceed()),
            ("17.1.1.2",         Calling,    r(183),          Proceeding, proceed()),
            ("RFC 6026 7.2",     Calling,    r(200),          Accepted,   accept()),
            ("RFC 6026 7.2",     Calling,    r(202),          Accepted,   accept()),
            ("17.1.1.2",         Calling,    r(491),          Completed,  fail()),
            ("17.1.1.2",         Proceeding, r(100),          Proceeding, proceed()),
            ("17.1.1.2",         Proceeding, r(183),          Proceeding, proceed()),
            ("RFC 6026 7.2",     Proceeding, r(200),          Accepted,   accept()),
            ("RFC 6026 7.2",     Proceeding, r(202),          Accepted,   accept()),
            ("17.1.1.2",         Proceeding, r(491),          Completed,  fail()),
            ("ours",             Proceeding, Fired(Timer::C), Terminated, vec![Report(Failure::Timeout)]),
            ("9.1",              Proceeding, Cancelled,       Proceeding, vec![Arm(Timer::C, GIVE_UP)]),
            ("17.1.1.2",         Completed,  r(491),          Completed,  vec![Acknowledge]),
            ("17.1.1.2 timer D", Completed,  Fired(Timer::D), Terminated, vec![]),
            ("17.1.4",           Completed,  TransportFailed, Terminated, vec![]),
            ("RFC 6026 7.2",     Accepted,   r(200),          Accepted,   vec![Deliver]),
            ("RFC 6026 7.2",     Accepted,   r(202),          Accepted,   vec![Deliver]),
            ("RFC 6026 timer M", Accepted,   Fired(Timer::M), Terminated, vec![]),
        ]
    }

    #[test]
    fn over_udp_and_reliable_transports_it_is_the_table_of_17_1_1_and_rfc_6026() {
        for (reliable, timer_d) in [(false, TIMER_D), (true, Duration::ZERO)] {
            check(&STATES, &events(), &table(timer_d), |state, event| {
                let mut machine = InviteClient { state, ..InviteClient::new(reliable) };
                let mut out = Vec::new();
                machine.on_event(event, &mut out);
                (machine.state, out)
            });
        }
    }

    #[test]
    fn only_over_udp_the_invite_is_sent_again() {
        let start = |reliable| {
            let mut out = Vec::new();
            InviteClient::new(reliable).start(&mut out);
            out
        };
        assert_eq!(start(false), [Send, Arm(Timer::A, T1), Arm(Timer::B, GIVE_UP)], "17.1.1.2");
        assert_eq!(start(true), [Send, Arm(Timer::B, GIVE_UP)], "17.1.1.2");
    }

    #[test]
    fn timer_a_doubles_without_a_bound() {
        let (mut machine, mut out) = (InviteClient::new(false), Vec::new());
        (0..5).for_each(|_| machine.on_event(Fired(Timer::A), &mut out));
        assert_eq!(out.last(), Some(&Arm(Timer::A, Duration::from_secs(16))), "17.1.1.2: 0.5, 1, 2, 4, 8, 16 s");
    }
}
