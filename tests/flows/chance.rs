//! Calls nobody would think of: what callers do is drawn by lot. Whatever it was, each call that was answered is one
//! letter, and nothing is left of it.

mod keys;
mod links;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use ringpost::engine::Loss;
use ringpost::records::CallType;

use crate::caller::Caller;
use crate::sound::words;
use crate::world::World;

/// Seeds of worlds that have found something: they come first.
const FOUND: &[u64] = &[];
/// As many worlds, each with its own lots, are in each of the tests; `make explore` has more.
const WORLDS: u64 = 300;
/// Callers at once.
const CALLERS: usize = 3;

/// The worlds of a test: `WORLDS` and `FIRST` of the environment say which.
fn seeds() -> impl Iterator<Item = u64> {
    let said = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let first = said("FIRST").unwrap_or(1);
    FOUND.iter().copied().chain(first..first + said("WORLDS").unwrap_or(WORLDS))
}

#[test]
fn whatever_callers_do_each_call_is_one_letter_and_leaves_nothing_behind() {
    for seed in seeds() {
        let mut lots = Lots(seed);
        let world = World::with(|begin| begin.seed = seed);
        let mut callers: Vec<Caller> = (0..CALLERS).map(|_| dial(&world, &mut lots)).collect();
        let mut answered = CALLERS;
        for _ in 0..60 {
            let index = lots.below(CALLERS);
            let caller = &mut callers[index];
            if caller.is_over() {
                *caller = dial(&world, &mut lots);
                answered += 1;
            }
            act(caller, &mut lots);
            caller.note_bye();
        }
        for caller in &mut callers {
            if !caller.is_over() {
                caller.leave();
            }
        }
        drop(callers);
        // who held the call and vanished is waited for until MaxCallDuration, which is 30 minutes
        world.wait(Duration::from_secs(31 * 60), || world.load().is_idle());
        world.assert_idle();
        let letters = world.mailbox("alice").messages();
        let told: Vec<String> = letters.iter().map(|mail| mail.subject()).collect();
        assert_eq!(letters.len(), answered, "seed {seed}: {told:#?}");
        let records = world.records();
        assert_eq!(records.len(), answered, "seed {seed}: records of calls");
        let of = |call_type| records.iter().filter(|record| record.call_type == call_type).count();
        let voice = told.iter().filter(|subject| subject.starts_with("Voice Mail")).count();
        let recorded = [CallType::CallAnsweringVoiceMessage, CallType::CallAnsweringMissedCall].map(of);
        assert_eq!(recorded, [voice, answered - voice], "seed {seed}: {records:#?}");
        let metrics = world.block_on(world.engine().metrics_text(None));
        let counted = metrics.lines().filter(|line| line.starts_with("ringpost_calls_total{"));
        let counted: f64 = counted.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
        assert!((counted - answered as f64).abs() < 0.5, "seed {seed}: {counted} calls counted\n{metrics}");
        for mail in letters.iter().filter(|mail| mail.subject().starts_with("Voice Mail")) {
            assert!(mail.audio().seconds() >= 2.0, "seed {seed}: {} of {} s", mail.subject(), mail.audio().seconds());
        }
    }
}

#[test]
fn a_power_failure_in_the_midst_of_it_all_costs_and_doubles_no_letter() {
    for seed in seeds() {
        let mut lots = Lots(seed + 10_000);
        let world = World::with(|begin| begin.seed = seed);
        let mut callers: Vec<Caller> = (0..CALLERS).map(|_| dial(&world, &mut lots)).collect();
        for _ in 0..5 + lots.below(25) {
            let caller = &mut callers[lots.below(CALLERS)];
            if !caller.is_over() {
                act(caller, &mut lots);
                caller.note_bye();
            }
        }
        let ids = |world: &World| -> BTreeSet<String> {
            let delivered = world.mailbox("alice").messages().into_iter().map(|mail| mail.message_id());
            let id = |file: &Path| file.iter().nth(1).map(|id| format!("{}@um.example.test", id.to_string_lossy()));
            delivered.chain(world.spooled().iter().filter_map(|file| id(file))).collect()
        };
        let loss = [Loss::Process, Loss::Power, Loss::Torn(seed), Loss::Torn(seed + 1)][lots.below(4)];
        let known = ids(&world);
        drop(callers);
        let world = world.power_failure(loss);
        world.seconds(30);
        let letters: Vec<String> = world.mailbox("alice").messages().iter().map(|mail| mail.message_id()).collect();
        assert_eq!(letters.len(), known.len(), "seed {seed}: {loss:?}: a letter came twice, or not");
        assert_eq!(letters.into_iter().collect::<BTreeSet<_>>(), known, "seed {seed}");
        world.assert_idle();
    }
}

fn dial(world: &World, lots: &mut Lots) -> Caller {
    let network = [(0, 0), (0, 40), (30, 40), (100, 60)][lots.below(4)];
    let mut caller = world.gateway().call_for_alice().through(network.0, Duration::from_millis(network.1)).dial();
    caller.expect(200);
    if lots.below(3) > 0 {
        caller.press('5');
    }
    caller
}

fn act(caller: &mut Caller, lots: &mut Lots) {
    match lots.below(16) {
        0 => _ = caller.stay_silent(Duration::from_millis(lots.below(6000) as u64)),
        1..=3 => _ = caller.say(&words(200 + lots.below(4000))),
        4 => _ = caller.begin_to_say(&words(200 + lots.below(4000))),
        5..=7 => _ = caller.press(lots.key()),
        8 => {
            let body = format!("Signal={}\r\nDuration=100\r\n", lots.key());
            caller.ask("INFO", &[], Some(("application/dtmf-relay", &body)));
        }
        9 => {
            let keys: String = (0..1 + lots.below(4)).map(|_| lots.key()).collect();
            caller.press_quickly(&keys);
        }
        10 => {
            let direction = ["sendrecv", "sendonly", "recvonly", "inactive"][lots.below(4)];
            let offer = caller.offer(&format!("a={direction}\r\n"));
            let method = ["INVITE", "UPDATE"][lots.below(2)];
            caller.ask(method, &[], Some(("application/sdp", &offer)));
            caller.media().open = lots.below(4) > 0;
            caller.stay_silent(Duration::from_millis(lots.below(9000) as u64));
            caller.media().open = true;
        }
        11 => _ = caller.ask(["OPTIONS", "UPDATE", "INFO", "PRACK", "DANCE"][lots.below(5)], &[], None),
        12 => caller.acknowledge_again(),
        13 => caller.request_again(),
        14 => caller
            .send_octets([b"\r\n\r\n".as_slice(), b"BYE", b"\xff\0\xff", b"ACK sip:x SIP/2.0\r\n\r\n"][lots.below(4)]),
        _ if lots.below(3) == 0 => caller.leave(),
        _ => caller.vanish(),
    }
}

/// SplitMix64.
struct Lots(u64);

impl Lots {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    fn key(&mut self) -> char {
        let keys = "0123456789*##1122";
        keys.chars().nth(self.below(keys.len())).unwrap_or('#')
    }
}
