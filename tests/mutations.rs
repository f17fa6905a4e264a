//! Faults that are put into the engine on purpose, each of which the worlds drawn by lot (`tests/flows/chance`) must
//! find within a minute. `make mutants` builds and explores each of them; `make test` sees to it that each still has its
//! place in the source.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

struct Mutation {
    fault: &'static str,
    file: &'static str,
    /// Occurs once in the file.
    right: &'static str,
    wrong: &'static str,
    /// Which worlds find it.
    explored_by: &'static str,
}

const MUTATIONS: &[Mutation] = &[
    Mutation {
        fault: "a lost retransmission",
        file: "src/protocol/sip/transaction/non_invite_server.rs",
        right: "            (state @ (Proceeding | Completed), Request) => {
                out.push(Send);
                state
            }
",
        wrong: "            (state @ (Proceeding | Completed), Request) => state,
",
        explored_by: "chance::links",
    },
    Mutation {
        fault: "a forgotten timer",
        file: "src/protocol/sip/transaction/non_invite_server.rs",
        right: "out.extend([Send, Disarm(Timer::F), Arm(Timer::J, self.linger.of(GIVE_UP))]);",
        wrong: "out.extend([Send, Disarm(Timer::F)]);",
        explored_by: "chance::links",
    },
    Mutation {
        fault: "a double delivery",
        file: "src/mailbox/store/maildir.rs",
        right: "    let mut name = format!(\"{}.\", letter.sent.as_second());",
        wrong: "    let mut name = format!(\"{}.\", jiff::Timestamp::now().as_nanosecond());",
        explored_by: "chance::links",
    },
    Mutation {
        fault: "an unsynced rename",
        file: "src/mailbox/store/maildir.rs",
        right: "        disk.rename(&temporary, &new.join(format!(\"{unique},S={}\", bytes.len())))?;
        disk.sync_dir(&new)
",
        wrong: "        disk.rename(&temporary, &new.join(format!(\"{unique},S={}\", bytes.len())))
",
        explored_by: "chance::a_power_failure",
    },
    Mutation {
        fault: "a digit counted twice",
        file: "src/media/telephone_event.rs",
        right: "        if moved == 0 {
            return Some(self.restamped);
        }
",
        wrong: "        if moved == 0 {
            return (!event.end || self.ended).then_some(self.restamped);
        }
",
        explored_by: "chance::keys",
    },
];

/// So long may it take to find a fault.
const PATIENCE: Duration = Duration::from_secs(60);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn each_mutation_still_has_its_place() {
    for mutation in MUTATIONS {
        let text = fs::read_to_string(root().join(mutation.file)).unwrap();
        let places = text.matches(mutation.right).count();
        assert_eq!(places, 1, "{}: its place in {}", mutation.fault, mutation.file);
    }
}

#[test]
#[ignore = "builds the crate once for each: make mutants"]
fn each_mutation_is_found_by_exploration_within_a_minute() {
    let place = root().join("target/mutants");
    let tree = place.join("tree");
    copy_sources(&tree);
    let mut missed = Vec::new();
    let wanted = std::env::var("MUTATION").unwrap_or_default();
    for mutation in MUTATIONS.iter().filter(|mutation| mutation.fault.contains(&wanted)) {
        let file = tree.join(mutation.file);
        let right = fs::read_to_string(&file).unwrap();
        fs::write(&file, right.replace(mutation.right, mutation.wrong)).unwrap();
        let flows = build(&tree, &place.join("build"));
        let began = Instant::now();
        let found = explore(&tree, &flows, mutation.explored_by);
        let seconds = began.elapsed().as_secs_f64();
        match &found {
            Some(how) => eprintln!("{}: found after {seconds:.1} s: {how}", mutation.fault),
            None => missed.push(mutation.fault),
        }
        fs::write(&file, right).unwrap();
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// What git knows of, as it lies here. Files that have not changed keep their time, so that little is built again.
fn copy_sources(tree: &Path) {
    let listed = Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root()).output();
    let listed = String::from_utf8(listed.expect("git").stdout).unwrap();
    for name in listed.lines() {
        let (from, to) = (root().join(name), tree.join(name));
        let Ok(octets) = fs::read(&from) else { continue };
        if fs::read(&to).ok().as_ref() != Some(&octets) {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(&to, octets).unwrap();
        }
    }
}

/// The program of the flows.
fn build(tree: &Path, target: &Path) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--locked", "--no-run", "--test", "flows", "--message-format", "json", "--target-dir"]);
    let built = cargo.arg(target).current_dir(tree).stderr(Stdio::inherit()).output().expect("cargo");
    assert!(built.status.success(), "a mutation must compile");
    let messages = String::from_utf8(built.stdout).unwrap();
    let is_flows = |line: &&str| line.contains("\"name\":\"flows\"") && line.contains("\"executable\":\"");
    let line = messages.lines().rfind(is_flows).expect("cargo names the program");
    let program = line.split("\"executable\":\"").nth(1).and_then(|rest| rest.split('"').next());
    PathBuf::from(program.expect("a path"))
}

/// How the fault showed, if it did.
fn explore(tree: &Path, flows: &Path, filter: &str) -> Option<String> {
    let output = tree.join("exploration.log");
    let log = fs::File::create(&output).unwrap();
    let mut exploring = Command::new(flows);
    exploring.arg(filter).env("WORLDS", "1000000").env("RUST_BACKTRACE", "0").current_dir(tree);
    let mut exploring = exploring.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(status) = exploring.try_wait().unwrap() {
            assert!(!status.success(), "a million worlds in a minute?");
            let said = fs::read_to_string(&output).unwrap_or_default();
            let panic = said.split("panicked at ").nth(1)?;
            return Some(panic.lines().nth(1).unwrap_or_default().chars().take(160).collect());
        }
        // there is no waiting for a child with a limit
        std::thread::sleep(Duration::from_millis(50));
    }
    exploring.kill().unwrap();
    exploring.wait().unwrap();
    None
}
