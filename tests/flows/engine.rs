//! The engine as a library: scenarios over links of every kind, the same run for the same seed.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use ringpost::engine::{Beginning, Engine, Impairment};
use ringpost::replay::{Case, Summary};

use crate::sound::root;
use crate::world::{GATEWAY, HOME, organisation};

fn engine(seed: u64, impairment: Impairment) -> Engine {
    let mut beginning = Beginning::new(organisation());
    beginning.seed = seed;
    let engine = Engine::start(beginning).unwrap();
    engine.impair(GATEWAY, HOME, Some(impairment));
    engine
}

fn play(engine: &Engine, scenario: &str) -> Summary {
    let text = fs::read_to_string(root().join("scenarios").join(format!("{scenario}.xml"))).unwrap();
    Case::against(engine).play_in(engine, &text, |file| fs::read(root().join(file))).unwrap()
}

fn assert_ok(summary: &Summary, seed: u64) {
    assert!(summary.is_success(), "seed {seed}: {:#?}", summary.failed);
}

#[test]
fn calls_survive_links_that_lose_and_double_a_fifth() {
    let links = [
        Impairment { loss: 0.2, ..Impairment::default() },
        Impairment { duplication: 0.2, ..Impairment::default() },
        Impairment { delay: Duration::from_millis(150), bandwidth: Some(50_000), ..Impairment::default() },
        Impairment { loss: 0.1, duplication: 0.1, delay: Duration::from_millis(30), ..Impairment::default() },
    ];
    for (seed, link) in (1..=10).flat_map(|seed| links.map(|link| (seed, link))) {
        let engine = engine(seed, link);
        assert_ok(&play(&engine, "hang-up-during-greeting"), seed);
        assert!(engine.run_until_idle(Duration::from_secs(120)), "seed {seed}: {link:?}");
        engine.run(Duration::from_secs(5));
        assert_eq!(engine.mail("alice").len(), 1, "seed {seed}: {link:?}");
        let records = engine.records();
        assert_eq!(records.len(), 1, "seed {seed}: {link:?}: {records:?}");
    }
}

#[test]
fn nobody_is_reached_behind_a_partition_until_it_is_over() {
    let engine = engine(1, Impairment { partition: true, ..Impairment::default() });
    let summary = play(&engine, "options-ping");
    assert_eq!(summary.failed[0].outcome.failure.as_ref().unwrap().why.kind(), "retransmissions");
    engine.impair(GATEWAY, HOME, None);
    assert_ok(&play(&engine, "options-ping"), 1);
}

#[test]
fn one_seed_gives_one_run() {
    let run = |seed| {
        let engine = engine(seed, Impairment { loss: 0.05, delay: Duration::from_millis(20), ..Impairment::default() });
        let summary = play(&engine, "leave-message");
        engine.run(Duration::from_secs(10));
        // in no order
        let text = engine.metrics();
        let metrics: BTreeSet<_> = text.lines().map(str::to_owned).collect();
        (summary.elapsed, summary.messages_received, summary.packets_sent, engine.mail("alice"), metrics)
    };
    let (one, again, other) = (run(3), run(3), run(4));
    assert_eq!(one, again);
    assert_ne!(one.3, other.3);
}
