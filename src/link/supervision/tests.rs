use super::*;

const PORTS: [u16; 2] = [5065, 5067];

/// A supervision under a clock turned by hand.
struct Desk {
    machine: Supervision,
    begun: Instant,
    now: Instant,
    /// The program that is there.
    build: &'static str,
}

impl Desk {
    fn begun(living: usize) -> Desk {
        let terms = Terms { ports: PORTS, max_age: Duration::from_secs(7 * 24 * 3600), max_rss: 1 << 30 };
        let now = Instant::now();
        let mut desk = Desk { machine: Supervision::new(terms, 0xabc), begun: now, now, build: "one" };
        assert_eq!(desk.tell(Event::Program { build: "one".to_owned() }), [], "it has not begun");
        if living > 0 {
            desk.tell(Event::Begin { living });
        }
        desk
    }

    fn tell(&mut self, event: Event) -> Vec<Command> {
        let mut out = Vec::new();
        self.machine.on_event(self.now, event, &mut out);
        out
    }

    fn later(&mut self, seconds: f64) -> Vec<Command> {
        self.now += Duration::from_secs_f64(seconds);
        self.tell(Event::Tick)
    }

    /// Time passes, and every worker that is there beats each second.
    fn live(&mut self, seconds: u64) -> Vec<Command> {
        let mut out = Vec::new();
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            let names: Vec<_> = self.machine.workers().map(|(id, _)| id.clone()).collect();
            for worker in names {
                out.extend(self.tell(Event::Beat { worker, beat: Beat::default() }));
            }
        }
        out
    }

    fn hello(&mut self, number: u64, port: u16) -> Vec<Command> {
        let hello = greeting(id(number), port, false, Duration::ZERO);
        let build = self.build.to_owned();
        self.tell(match hello {
            Event::Hello { worker, pid, port, draining, age, .. } => {
                Event::Hello { worker, pid, port, draining, age, build }
            }
            other => other,
        })
    }

    fn ready(&mut self, number: u64, port: u16) -> Vec<Command> {
        self.hello(number, port);
        self.tell(Event::Ready { worker: id(number), port })
    }

    fn ended(&mut self, number: u64) -> Vec<Command> {
        self.tell(Event::Ended { worker: id(number), how: "signal 9".to_owned() })
    }

    /// With a first worker that takes calls.
    fn running() -> Desk {
        let mut desk = Desk::begun(0);
        assert_eq!(desk.tell(Event::Begin { living: 0 }), [start(1, 0)]);
        assert_eq!(desk.ready(1, 5065), [Command::Current(Some(5065))]);
        desk
    }
}

fn id(number: u64) -> WorkerId {
    WorkerId(format!("00000abc-{number}"))
}

fn start(number: u64, slot: usize) -> Command {
    Command::Start { worker: id(number), slot }
}

fn bury(number: u64) -> Command {
    Command::Bury { worker: id(number), how: "signal 9".to_owned() }
}

fn greeting(worker: WorkerId, port: u16, draining: bool, age: Duration) -> Event {
    Event::Hello { worker, pid: 100, port, draining, age, build: "one".to_owned() }
}

#[test]
fn the_first_worker_is_started_and_takes_calls_when_it_is_ready() {
    let mut desk = Desk::begun(0);
    assert_eq!(desk.tell(Event::Begin { living: 0 }), [start(1, 0)]);
    assert!(desk.machine.problem(desk.now).is_some());
    assert_eq!(desk.hello(1, 5065), [Command::Welcome { worker: id(1) }]);
    assert_eq!(desk.tell(Event::Ready { worker: id(1), port: 5065 }), [Command::Current(Some(5065))]);
    assert_eq!(desk.machine.problem(desk.now), None);
    assert_eq!(desk.live(600), []);
}

#[test]
fn a_worker_that_dies_is_replaced_at_once_and_buried() {
    let mut desk = Desk::running();
    assert_eq!(desk.ended(1), [bury(1), Command::Current(None), start(2, 0)]);
    assert_eq!(desk.ready(2, 5065), [Command::Current(Some(5065))]);
    assert_eq!(desk.machine.deaths(), 1);
}

#[test]
fn workers_that_die_one_after_another_are_started_with_growing_pauses() {
    let mut desk = Desk::running();
    let mut pauses = Vec::new();
    for number in 1..12 {
        let died = desk.now;
        let mut commands = desk.ended(number);
        while !commands.contains(&start(number + 1, 0)) {
            assert!(desk.machine.problem(desk.now).unwrap().contains("signal 9"));
            commands = desk.later(0.5);
        }
        pauses.push((desk.now - died).as_secs());
        desk.ready(number + 1, 5065);
    }
    assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    desk.live(61);
    assert!(desk.ended(12).contains(&start(13, 0)), "one that had proven itself is replaced at once");
}

#[test]
fn one_that_cannot_begin_says_why() {
    let mut desk = Desk::begun(0);
    desk.tell(Event::Begin { living: 0 });
    desk.tell(Event::CannotStart { worker: id(1), reason: "port 5065 is taken".to_owned() });
    desk.tell(Event::Ended { worker: id(1), how: "status 1".to_owned() });
    assert_eq!(desk.machine.failure(), Some("port 5065 is taken"));
    assert!(desk.machine.problem(desk.now).unwrap().contains("port 5065 is taken"));
}

#[test]
fn where_one_cannot_begin_the_next_one_is_not_tried() {
    let mut desk = Desk::begun(0);
    desk.tell(Event::Begin { living: 0 });
    desk.tell(Event::CannotStart { worker: id(1), reason: "port 5065 is taken".to_owned() });
    assert_eq!(desk.ended(1).last(), Some(&start(2, 1)));
    assert_eq!(desk.ready(2, 5067), [Command::Current(Some(5067))]);
    assert_eq!(desk.ended(2), [bury(2), Command::Current(None)]);
    assert_eq!(desk.later(1.0), [start(3, 0)]);
}

#[test]
fn a_start_that_fails_is_tried_again() {
    let mut desk = Desk::begun(0);
    desk.tell(Event::Begin { living: 0 });
    let failed = Event::StartFailed { worker: id(1), reason: "no memory".to_owned() };
    assert_eq!(desk.tell(failed), [start(2, 0)]);
    let failed = Event::StartFailed { worker: id(2), reason: "no memory".to_owned() };
    assert_eq!(desk.tell(failed), []);
    assert_eq!(desk.later(1.0), [start(3, 0)]);
}

#[test]
fn silence_is_death() {
    let mut desk = Desk::running();
    desk.live(10);
    assert_eq!(desk.later(4.9), []);
    assert_eq!(desk.later(0.1), [Command::Current(None), Command::Kill { worker: id(1), pid: Some(100) }, start(2, 1)]);
    assert_eq!(desk.ended(1), [bury(1)]);
}

#[test]
fn a_broken_link_alone_is_no_death() {
    let mut desk = Desk::running();
    assert_eq!(desk.tell(Event::LinkLost { worker: id(1) }), []);
    assert_eq!(desk.later(3.0), []);
    assert_eq!(desk.ready(1, 5065), [], "it is current already");
    assert_eq!(desk.later(3.0), []);
}

#[test]
fn a_worker_that_does_not_get_ready_is_ended() {
    let mut desk = Desk::begun(0);
    desk.tell(Event::Begin { living: 0 });
    let killed = desk.later(30.0);
    assert_eq!(killed, [Command::Kill { worker: id(1), pid: None }, start(2, 1)]);
}

/// What makes a worker be replaced.
type Trigger = fn(&mut Desk) -> Vec<Command>;

fn triggers() -> Vec<(Reason, Trigger)> {
    vec![
        (Reason::Command, |desk| desk.tell(Event::Recycle(Reason::Command))),
        (Reason::Age, |desk| desk.live(7 * 24 * 3600)),
        (Reason::Memory, |desk| {
            desk.tell(Event::Beat { worker: id(1), beat: Beat { rss: 1 << 30, ..Beat::default() } })
        }),
        (Reason::Program, |desk| {
            desk.build = "two";
            let mut out = desk.tell(Event::Program { build: "two".to_owned() });
            assert_eq!(out, [], "it may still be written");
            out.extend(desk.live(2));
            out
        }),
    ]
}

#[test]
fn a_replacement_takes_over_when_it_is_ready_and_the_old_one_drains() {
    for (reason, trigger) in triggers() {
        let mut desk = Desk::running();
        let replacing = Command::Replacing { worker: id(1), reason };
        assert_eq!(trigger(&mut desk), [replacing, start(2, 1)], "{reason:?}");
        desk.hello(2, 5067);
        assert_eq!(desk.machine.current().unwrap().0, &id(1), "until then calls go to the old one");
        let ready = Event::Ready { worker: id(2), port: 5067 };
        assert_eq!(desk.tell(ready), [Command::Current(Some(5067)), Command::Drain { worker: id(1) }]);
        assert_eq!(desk.ended(1), [bury(1)]);
        assert_eq!(desk.live(100).iter().filter(|command| matches!(command, Command::Start { .. })).count(), 0);
    }
}

#[test]
fn a_replacement_that_fails_leaves_the_old_one_in_its_place() {
    let mut desk = Desk::running();
    desk.tell(Event::Recycle(Reason::Command));
    assert_eq!(desk.ended(2), [bury(2), Command::Replacing { worker: id(1), reason: Reason::Command }, start(3, 1)]);
    assert_eq!(desk.ended(3), [bury(3)], "the next one has to wait");
    assert_eq!(desk.machine.problem(desk.now), None);
    assert_eq!(desk.live(1).last(), Some(&start(4, 1)));
}

#[test]
fn a_second_recycle_waits_for_a_free_slot() {
    let mut desk = Desk::running();
    desk.tell(Event::Recycle(Reason::Command));
    desk.ready(2, 5067);
    assert_eq!(desk.tell(Event::Recycle(Reason::Command)), []);
    let replacing = Command::Replacing { worker: id(2), reason: Reason::Command };
    assert_eq!(desk.ended(1), [bury(1), replacing, start(3, 0)]);
}

#[test]
fn a_current_worker_that_dies_while_the_old_one_drains_is_replaced_on_its_own_slot() {
    let mut desk = Desk::running();
    desk.tell(Event::Recycle(Reason::Command));
    desk.ready(2, 5067);
    assert_eq!(desk.ended(2), [bury(2), Command::Current(None), start(3, 1)]);
}

#[test]
fn a_worker_that_was_told_to_drain_by_others_is_replaced() {
    let mut desk = Desk::running();
    let beat = Beat { draining: true, ..Beat::default() };
    assert_eq!(desk.tell(Event::Beat { worker: id(1), beat }), [Command::Current(None), start(2, 1)]);
}

#[test]
fn workers_of_an_earlier_node_are_taken_over() {
    let mut desk = Desk::begun(1);
    let left = WorkerId("left".to_owned());
    assert_eq!(desk.later(0.5), [], "it is waited for");
    desk.tell(greeting(left.clone(), 5067, false, Duration::from_secs(100)));
    assert_eq!(desk.tell(Event::Ready { worker: left.clone(), port: 5067 }), [Command::Current(Some(5067))]);
    assert_eq!(desk.machine.current().unwrap().0, &left);
    let replacing = Command::Replacing { worker: left, reason: Reason::Command };
    assert_eq!(desk.tell(Event::Recycle(Reason::Command)), [replacing, start(1, 0)]);
}

#[test]
fn a_worker_that_lives_and_does_not_come_is_not_waited_for_long() {
    let mut desk = Desk::begun(1);
    assert_eq!(desk.later(2.9), []);
    assert_eq!(desk.later(0.1), [start(1, 0)]);
}

#[test]
fn of_two_that_were_left_in_the_middle_of_a_change_the_younger_one_stays() {
    for younger_first in [true, false] {
        let mut desk = Desk::begun(2);
        let ages = [("old", 5065, 500), ("young", 5067, 5)];
        for (name, port, age) in if younger_first { [ages[1], ages[0]] } else { ages } {
            desk.tell(greeting(WorkerId(name.to_owned()), port, false, Duration::from_secs(age)));
            desk.tell(Event::Ready { worker: WorkerId(name.to_owned()), port });
        }
        let (current, _) = desk.machine.current().unwrap();
        assert_eq!(current.0, "young");
        let draining = desk.machine.workers().find(|(id, _)| id.0 == "old").unwrap().1;
        assert_eq!(draining.state, State::Draining);
    }
}

#[test]
fn one_that_drains_is_taken_over_too_and_another_is_started() {
    let mut desk = Desk::begun(1);
    let left = WorkerId("left".to_owned());
    let commands = desk.tell(greeting(left.clone(), 5065, true, Duration::from_secs(9)));
    assert_eq!(commands, [Command::Welcome { worker: left.clone() }, start(1, 1)]);
    assert_eq!(desk.tell(Event::Ready { worker: left, port: 5065 }), []);
}

#[test]
fn a_node_that_ends_starts_nobody() {
    let mut desk = Desk::running();
    desk.tell(Event::Retire);
    assert_eq!(desk.ended(1), [bury(1)]);
    assert_eq!(desk.later(100.0), []);
    assert_eq!(desk.machine.problem(desk.now), None);
    assert!(desk.now > desk.begun);
}
