//! The organisation's files change while the node runs.

use std::time::Duration;

use ringpost::actors::config_poller::{Origin, RefreshError};
use ringpost::directory::{Directory, SourceFile};

use crate::world::World;

const ANN: &str = "\n[[mailbox]]\nalias = \"ann-new\"\nextensions = [\"7001\"]\npolicy = \"POLICY\"\nsmtp_address = \"ann@example.test\"\n";

fn aliases(directory: &Directory) -> Vec<String> {
    directory.mailboxes().iter().map(|mailbox| mailbox.alias.to_string()).collect()
}

/// The sample with a comment of this number, which is another text and the same organisation.
fn commented(sources: &[SourceFile], number: usize) -> Vec<SourceFile> {
    let mut sources = sources.to_vec();
    sources[0].text.push_str(&format!("\n# {number}\n"));
    sources
}

fn without(sources: &[SourceFile], alias: &str) -> Vec<SourceFile> {
    let mut sources = sources.to_vec();
    for source in &mut sources {
        let parts = source.text.split("\n\n").filter(|part| !part.contains(&format!("\"{alias}\"")));
        source.text = parts.collect::<Vec<_>>().join("\n\n");
    }
    sources
}

fn files(world: &World) -> Vec<SourceFile> {
    let mut all = Vec::new();
    world.files().edit(|sources| all = sources.clone());
    all
}

#[test]
fn what_is_changed_at_9_59_is_in_force_at_10_00() {
    let world = World::new();
    let engine = world.engine();
    assert!(engine.directory().mailbox("alice").is_some());
    world.run(Duration::from_secs(599) - world.now());
    world.files().write(without(&files(&world), "alice"));
    world.run(Duration::from_millis(800));
    assert_eq!(engine.configuration().generation, 1);
    assert!(engine.directory().mailbox("alice").is_some(), "nobody has looked yet");
    world.run(Duration::from_millis(500));
    assert_eq!(engine.configuration().generation, 2);
    assert!(engine.directory().mailbox("alice").is_none());
}

#[test]
fn a_refresh_names_what_changed_and_an_invalid_one_what_is_wrong() {
    let world = World::new();
    let engine = world.engine();
    let sample = files(&world);
    assert!(world.block_on(engine.refresh()).unwrap().unchanged);
    world.files().write(without(&sample, "alice"));
    let refreshed = world.block_on(engine.refresh()).unwrap();
    assert_eq!((refreshed.generation, refreshed.removed), (2, vec!["mailbox/alice".to_owned()]));
    assert_eq!((refreshed.added, refreshed.changed), (vec![], vec![]));

    world.files().edit(|sources| sources.push(SourceFile::new("late.toml", ANN)));
    let Err(RefreshError::Invalid(faults)) = world.block_on(engine.refresh()) else { panic!("it is not valid") };
    assert!(faults.iter().any(|fault| fault.starts_with("late.toml:")), "{faults:?}");
    assert_eq!(engine.configuration().faults, faults);
    assert!(world.status().problems.iter().any(|problem| problem.contains("late.toml:")));

    world.files().write(sample);
    assert_eq!(world.block_on(engine.refresh()).unwrap().added, ["mailbox/alice"]);
    assert_eq!(world.status().problems, [""; 0]);
}

#[test]
fn a_node_whose_files_are_gone_starts_with_what_it_remembers() {
    let world = World::new();
    world.files().write(without(&files(&world), "alice"));
    world.block_on(world.engine().refresh()).unwrap();
    let last = files(&world);
    let before = aliases(&world.engine().directory());
    world.files().lose();
    world.kill_node();
    world.start_node();
    let status = world.engine().configuration();
    assert_eq!((status.generation, status.source), (2, Origin::Store));
    assert_eq!(aliases(&world.engine().directory()), before);
    assert!(world.status().problems.iter().any(|problem| problem.contains("remembers")));
    world.files().write(last);
    assert!(world.block_on(world.engine().refresh()).unwrap().unchanged);
    assert_eq!(world.engine().configuration().source, Origin::Provider);
    assert_eq!(world.status().problems, [""; 0]);
}

/// The state is that of the last valid text, whatever was written in between.
#[test]
fn a_thousand_edits_and_the_last_valid_one_is_in_force() {
    let world = World::new();
    let engine = world.engine();
    let sample = files(&world);
    let reduced = without(&sample, "alice");
    let (mut valid, mut generation) = (sample.clone(), 1);
    let mut refused = 0;
    for number in 0..1000_usize {
        let random = number.wrapping_mul(2_654_435_761) >> 7;
        let mut text = commented(if random % 2 == 0 { &sample } else { &reduced }, number);
        if random % 3 == 0 {
            // an editor was half through
            let file = random % text.len();
            let mut half = text[file].text.len() * (random % 97) / 97;
            while !text[file].text.is_char_boundary(half) {
                half -= 1;
            }
            text[file].text.truncate(half);
        } else if random % 7 == 0 {
            text[0].text.push_str("[[mailbox]]\nalias = \"b\"\nnonsense = 1\n");
        }
        world.files().write(text.clone());
        let outcome = world.block_on(engine.refresh());
        assert_eq!(outcome.is_ok(), Directory::load(&text).is_ok(), "edit {number}: {outcome:?}");
        match outcome {
            Ok(refreshed) => {
                generation += u64::from(text != valid);
                valid = text;
                assert_eq!(refreshed.generation, generation);
            }
            Err(_) => refused += 1,
        }
        assert_eq!(engine.configuration().generation, generation);
        assert_eq!(aliases(&engine.directory()), aliases(&Directory::load(&valid).unwrap()));
    }
    assert!((100..900).contains(&refused), "{refused} edits were refused");
}
