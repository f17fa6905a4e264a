//! Links that lose, double and turn around what passes, gateways that vanish for a while, disks that take nothing,
//! processes that die, and callers who do anything meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use ringpost::engine::{Impairment, Refused};

use super::{Lots, seeds};
use crate::caller::{Answers, Caller};
use crate::sound::words;
use crate::world::{GATEWAY, HOME, World};

/// So many at once.
const CALLERS: usize = 4;
const MOMENTS: usize = 20;

/// A caller, and what befell the world meanwhile.
struct Party {
    caller: Caller,
    /// The node could not do what it wanted: it may owe a letter less.
    excused: bool,
    /// Nobody could be reached for a while.
    cut_off: bool,
}

#[test]
fn whatever_is_lost_each_request_has_one_answer_and_each_call_one_letter() {
    for seed in seeds() {
        let mut lots = Lots(seed + 20_000);
        let world = World::with(|begin| begin.seed = seed);
        let link = impairment(&mut lots);
        impair(&world, Some(link));
        let mut parties: Vec<Party> = Vec::new();
        for _ in 0..MOMENTS {
            let open: Vec<usize> = (0..parties.len()).filter(|at| !parties[*at].caller.is_over()).collect();
            match lots.below(24) {
                0 => cut_off(&world, &mut lots, &mut parties, link),
                1 => disk_fails(&world, &mut lots, &mut parties),
                2 if open.len() < CALLERS => kill(&world, &mut lots, &mut parties),
                3 if !open.is_empty() => hang_up_on_a_failing_disk(&world, &mut lots, &mut parties, &open),
                4..=6 if open.len() < CALLERS => parties.extend(dial(&world, &mut lots)),
                _ if open.is_empty() => parties.extend(dial(&world, &mut lots)),
                _ => act(&world, &mut parties[open[lots.below(open.len())]].caller, &mut lots),
            }
            parties.iter_mut().for_each(|party| party.caller.attend());
        }
        impair(&world, None);
        for party in parties.iter_mut().filter(|party| !party.caller.is_over()) {
            party.caller.request("BYE", &[], None);
        }
        world.wait(Duration::from_secs(40), || {
            parties.iter_mut().for_each(|party| party.caller.attend());
            parties.iter().all(|party| !party.caller.is_waiting())
        });
        // who vanished is waited for until MaxCallDuration, which is 30 minutes; the disk is tried again every 30 s
        world.wait(Duration::from_secs(31 * 60), || world.load().is_idle());
        world.wait(Duration::from_secs(70), || world.spooled().is_empty());
        world.assert_idle();
        check(&world, &parties, &format!("seed {seed}, {link:?}"));
    }
}

fn impairment(lots: &mut Lots) -> Impairment {
    let part = |lots: &mut Lots, most: usize| lots.below(most + 1) as f64 / 100.0;
    Impairment {
        delay: Duration::from_millis(lots.below(80) as u64),
        jitter: Duration::from_millis(lots.below(40) as u64),
        loss: part(lots, 25),
        duplication: part(lots, 10),
        reordering: part(lots, 10),
        ..Impairment::default()
    }
}

fn impair(world: &World, impairment: Option<Impairment>) {
    world.environment().impair(GATEWAY, HOME, impairment);
    world.environment().impair(HOME, GATEWAY, impairment);
}

fn dial(world: &World, lots: &mut Lots) -> Option<Party> {
    if world.workers().iter().all(|worker| worker.state != "Current") {
        world.seconds(1);
        return None;
    }
    world.call_the_current_worker();
    let mut caller = world.gateway().call_for_alice().ready();
    caller.persist();
    caller.wrong_answer = [None, None, None, Some("404 Not Found"), Some("503 Later"), Some("299 Odd")][lots.below(6)];
    caller.dial();
    if lots.below(4) == 0 {
        world.wait(Duration::from_millis(lots.below(700) as u64), || caller.may_cancel());
        if caller.may_cancel() {
            caller.cancel();
        }
    } else {
        world.run(Duration::from_millis(lots.below(3000) as u64));
    }
    let disk = world.disk();
    Some(Party { caller, excused: disk.will_fail(), cut_off: false })
}

fn act(world: &World, caller: &mut Caller, lots: &mut Lots) {
    let wait = Duration::from_millis(lots.below(4000) as u64);
    if !caller.is_answered() {
        return world.run(wait);
    }
    match lots.below(14) {
        0..=3 => _ = caller.begin_to_say(&words(200 + lots.below(4000))).stay_silent(wait),
        4 | 5 => caller.media().press(lots.key(), Duration::from_millis(100)),
        6 => {
            let body = format!("Signal={}\r\nDuration=100\r\n", lots.key());
            caller.request("INFO", &[], Some(("application/dtmf-relay", &body)));
        }
        7 => {
            let direction = ["sendrecv", "sendonly", "recvonly", "inactive"][lots.below(4)];
            let offer = caller.offer(&format!("a={direction}\r\n"));
            caller.request(["INVITE", "UPDATE"][lots.below(2)], &[], Some(("application/sdp", &offer)));
        }
        8 => caller.request(["OPTIONS", "INFO", "PRACK", "DANCE"][lots.below(4)], &[], None),
        9 => caller.acknowledge_again(),
        10 => caller.request("BYE", &[], None),
        11 if lots.below(3) == 0 => caller.vanish(),
        _ => world.run(wait),
    }
}

/// The gateway cannot be reached for a while.
fn cut_off(world: &World, lots: &mut Lots, parties: &mut [Party], link: Impairment) {
    parties.iter_mut().for_each(|party| party.cut_off = true);
    impair(world, Some(Impairment { partition: true, ..link }));
    world.run(Duration::from_millis(100 + lots.below(40_000) as u64));
    impair(world, Some(link));
}

fn disk_fails(world: &World, lots: &mut Lots, parties: &mut [Party]) {
    parties.iter_mut().for_each(|party| party.excused = true);
    let disk = world.disk();
    if lots.below(2) == 0 {
        return disk.fail_at(disk.operations() + lots.below(40));
    }
    disk.refuse(Some([Refused::Changes, Refused::NewFiles, Refused::Truncation][lots.below(3)]));
    world.run(Duration::from_millis(lots.below(5000) as u64));
    disk.refuse(None);
}

/// What a message takes from its end to its delivery is some thirty changes: one of them fails.
fn hang_up_on_a_failing_disk(world: &World, lots: &mut Lots, parties: &mut [Party], open: &[usize]) {
    parties.iter_mut().for_each(|party| party.excused = true);
    world.disk().fail_at(world.disk().operations() + lots.below(40));
    let caller = &mut parties[open[lots.below(open.len())]].caller;
    if caller.is_answered() {
        caller.request("BYE", &[], None);
    }
    world.run(Duration::from_millis(300));
}

fn kill(world: &World, lots: &mut Lots, parties: &mut [Party]) {
    if world.disk().will_fail() {
        // what cannot start for it is started again, but not here
        return;
    }
    if lots.below(2) == 0 {
        world.kill_node();
        world.run(Duration::from_millis(lots.below(4000) as u64));
        return world.start_node();
    }
    let workers = world.workers();
    if let Some(worker) = workers.iter().find(|worker| worker.state == "Current") {
        parties.iter_mut().for_each(|party| party.excused = true);
        world.kill_worker(worker);
    }
}

fn check(world: &World, parties: &[Party], what: &str) {
    let count = |ids: Vec<String>| {
        ids.into_iter().fold(BTreeMap::<String, usize>::new(), |mut all, id| {
            *all.entry(id).or_default() += 1;
            all
        })
    };
    let letters = count(world.mailbox("alice").messages().iter().map(|mail| mail.call_id()).collect());
    let records = count(world.records().into_iter().map(|record| record.call_identity).collect());
    for Party { caller, excused, cut_off } in parties {
        let id = caller.call_id();
        let Answers { finals, missing } = caller.answers();
        for (asked, said) in &finals {
            assert_eq!(said.len(), 1, "{what}: {id}: {asked:?} has more than one answer: {said:?}");
        }
        assert!(*cut_off || *excused || missing.is_empty(), "{what}: {id}: no answer to {missing:?}");
        let [letters, records] = [&letters, &records].map(|all| all.get(id).copied().unwrap_or(0));
        assert!(letters <= 1 && records <= 1, "{what}: {id} has {letters} letters, {records} records");
        let told = caller.has_heard("message-sent");
        assert!(!told || letters == 1, "{what}: {id} was told that the message is sent");
        if caller.is_answered() && !excused {
            assert_eq!((letters, records), (1, 1), "{what}: letters and records of {id}");
        }
    }
    let ids: Vec<&str> = parties.iter().map(|party| party.caller.call_id()).collect();
    for id in letters.keys().chain(records.keys()) {
        assert!(ids.contains(&id.as_str()), "{what}: nobody made the call {id}");
    }
}
