//! The engine as a library: scenarios over links of every kind, the same run for the same seed.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use ringpost::directory::SourceFile;
use ringpost::engine::{Beginning, Engine, Impairment, TestTarget};
use ringpost::protocol::sip::Transport;
use ringpost::replay::{Case, Summary, builtin};

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
fn a_scenario_that_is_called_answers_the_node() {
    let beginning = Beginning::new(organisation());
    let text = "[[ip_gateway]]\nname = \"PBX\"\naddress = \"192.0.2.9\"\nport = 5070\n";
    beginning.files.edit(|sources| sources.push(SourceFile::new("pbx.toml", text)));
    let engine = Engine::start(beginning).unwrap();
    let local: SocketAddr = "192.0.2.9:5070".parse().unwrap();
    let pbx = Case { local, media_ip: local.ip(), remote: None, ..Case::against(&engine) };
    let called = pbx.playing_in(&engine, builtin("uas").unwrap(), |file| fs::read(file)).unwrap();
    let (node, target) = (engine.node(), TestTarget::Gateway { name: "PBX".to_owned(), phone: "1234".to_owned() });
    let calling = node.test(target, None, None, Some(Duration::from_secs(20)));
    let (summary, outcome) = engine.block_on(async { tokio::join!(called, calling) });
    assert!(summary.unwrap().is_success());
    let outcome = outcome.unwrap();
    assert!(outcome.latency_ms.is_some() && outcome.packets_sent > 0, "{outcome:?}");
    let ladder = engine.ladder().join("\n");
    assert!(ladder.contains("192.0.2.9:5070        INVITE sip:1234@192.0.2.9:5070;"), "{ladder}");
}

#[test]
fn a_connection_loses_nothing_over_a_bad_link_and_waits_for_one_that_is_parted() {
    let bad = Impairment { delay: Duration::from_millis(300), loss: 0.5, ..Impairment::default() };
    let engine = engine(1, bad);
    let began = engine.now();
    let over_tcp = || Case { transport: Transport::Tcp, ..Case::against(&engine) };
    let text = fs::read_to_string(root().join("scenarios/hang-up-during-greeting.xml")).unwrap();
    let summary = over_tcp().play_in(&engine, &text, |file| fs::read(root().join(file))).unwrap();
    assert_ok(&summary, 1);
    assert!(engine.now() - began > Duration::from_millis(1200), "four messages, 300 ms each");

    engine.impair(GATEWAY, HOME, Some(Impairment { partition: true, ..bad }));
    let case = Case { process: 2, receive_timeout: Some(Duration::from_secs(20)), ..over_tcp() };
    let playing = case.playing_in(&engine, &text, |file| fs::read(root().join(file))).unwrap();
    let mended = async {
        tokio::time::sleep(Duration::from_secs(9)).await;
        engine.impair(GATEWAY, HOME, None);
    };
    let (summary, ()) = engine.block_on(async { tokio::join!(playing, mended) });
    assert_ok(&summary.unwrap(), 1);
}

#[test]
fn the_time_of_day_leaps_and_calls_go_on() {
    let engine = engine(1, Impairment::default());
    let leaping = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        engine.step_wall(jiff::SignedDuration::from_hours(-24));
    };
    let text = fs::read_to_string(root().join("scenarios/leave-message.xml")).unwrap();
    let playing = Case::against(&engine).playing_in(&engine, &text, |file| fs::read(root().join(file))).unwrap();
    let (summary, ()) = engine.block_on(async { tokio::join!(playing, leaping) });
    assert_ok(&summary.unwrap(), 1);
    engine.run(Duration::from_secs(5));
    assert_eq!(engine.mail("alice").len(), 1);
    let records = engine.records();
    assert_eq!(records.len(), 1);
    assert!(records[0].call_duration_s >= 5, "by the clock that does not leap: {records:?}");
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
