//! `ringpost replay` beside real sipp: the same scenarios, the same verdicts.

mod variants;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use crate::node::{Node, temporary_folder};
use crate::peers::require;
use crate::ports::Ports;
use crate::sound;
use variants::{To, VARIANTS, Variant};

/// What a program says of a call: it went as written, or failed, where it says so at a step.
#[derive(Debug, PartialEq, Eq, Clone)]
enum Verdict {
    Ok,
    Failed(Option<u64>),
}

impl Verdict {
    /// Whether two programs say the same; one of them may not say where.
    fn is_that_of(&self, other: &Verdict) -> bool {
        match (self, other) {
            (Verdict::Failed(one), Verdict::Failed(another)) => one == another || one.is_none() || another.is_none(),
            _ => self == other,
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scenarios() -> Vec<PathBuf> {
    let files = fs::read_dir(root().join("scenarios")).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|kind| kind == "xml")).collect();
    files.sort();
    files
}

fn replay(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringpost"));
    command.arg("replay").args(arguments).current_dir(root()).stdin(Stdio::null());
    command.output().unwrap()
}

fn json(output: &Output) -> Value {
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said()))
}

#[test]
fn every_scenario_goes_as_written_against_an_engine_in_a_moment() {
    let files = scenarios();
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let output = replay(&[&["--json"], &files[..]].concat());
    let all = json(&output);
    let failed: Vec<&Value> = all.as_array().unwrap().iter().filter(|played| played["ok"] != 1).collect();
    assert!(output.status.success() && failed.is_empty(), "{failed:#?}");
    assert_eq!(all.as_array().unwrap().len(), files.len());
    let total = |of: &str| all.as_array().unwrap().iter().map(|played| played[of].as_f64().unwrap()).sum::<f64>();
    assert!(total("elapsed_seconds") > 200.0, "what the scenarios last: {} s", total("elapsed_seconds"));
    assert!(total("clock_seconds") < 10.0, "{} s on the clock", total("clock_seconds"));
}

#[test]
fn one_seed_gives_one_run() {
    let run = |seed: &str| {
        let output = replay(&["scenarios/leave-message.xml", "-m", "3", "-r", "2", "--seed", seed, "--json"]);
        let mut played = json(&output)[0].clone();
        played["clock_seconds"] = Value::Null;
        played
    };
    assert_eq!(run("7")["ok"], 3);
    assert_eq!(run("7"), run("7"));
}

#[test]
fn a_failed_call_is_told_in_lines_json_junit_and_as_a_ladder() {
    let folder = temporary_folder("report");
    let (file, junit) = (folder.join("ping.xml"), folder.join("report.xml"));
    let text = fs::read_to_string(root().join("scenarios/options-ping.xml")).unwrap();
    fs::write(&file, text.replace("<recv response=\"200\">", "<recv response=\"404\">")).unwrap();
    let (name, junit) = (file.to_str().unwrap(), junit.to_str().unwrap());

    let output = replay(&[name, "--ladder", "--junit", junit]);
    let (said, why) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1), "{why}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("call 1 (1-") && lines[0].contains("failed at step 1, line "), "{said}");
    assert!(lines[2].contains("--> OPTIONS sip:") && lines[3].contains("<-- SIP/2.0 200 OK (1 OPTIONS)"), "{said}");
    assert!(lines[4].contains(": 1 call, 0 ok, 1 failed, "), "{said}");
    assert!(why.contains("1 of 1 scenarios did not go as written"), "{why}");

    let report = fs::read_to_string(junit).unwrap();
    let suite = format!("<testsuite name=\"{name}\" tests=\"1\" failures=\"1\"");
    assert!(
        report.contains(&suite) && report.contains("<failure type=\"unexpected-message\" message=\"call 1 ("),
        "{report}"
    );
    assert!(report.contains("&lt;-- SIP/2.0 200 OK"), "{report}");

    let failure = &json(&replay(&[name, "--json"]))[0]["failures"][0];
    assert_eq!(
        (&failure["call"], &failure["step"], &failure["kind"]),
        (&1.into(), &1.into(), &"unexpected-message".into())
    );
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn progress_is_shown_on_a_terminal() {
    let (node, ports) = (Node::start(), Ports::claim());
    let line = format!(
        "{} replay uac --to {} -s 1001 -p {} --media-port {} -m 25 -r 10",
        env!("CARGO_BIN_EXE_ringpost"),
        node.sip(),
        ports.get(0),
        ports.get(2)
    );
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]).current_dir(root()).stdin(Stdio::null());
    let output = terminal.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let progress = said.split(['\r', '\n']).find(|line| line.contains("in progress")).unwrap_or_default();
    assert!(progress.contains("calls/s") && progress.contains("0 failed, response 50 %"), "{said}");
}

/// All of them at once, each by a process of its own: as long as the longest one.
#[test]
fn every_scenario_goes_as_written_over_the_network() {
    let node = Node::start();
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for file in scenarios() {
            let (node, failed) = (&node, &failed);
            scope.spawn(move || {
                let text = fs::read_to_string(&file).unwrap();
                let needs = |key: &str| {
                    let needs = text.split("<!-- engine:").nth(1).and_then(|rest| rest.split("-->").next());
                    needs.unwrap_or_default().split_whitespace().find_map(|word| word.strip_prefix(key))
                };
                let to = match needs("to=") {
                    Some("router") => node.router(),
                    Some("service") => node.service(),
                    _ => node.sip(),
                };
                let ports = Ports::claim();
                let (to, media_port, local_port) = (to.to_string(), ports.get(2).to_string(), ports.get(0).to_string());
                let mut arguments = vec![file.to_str().unwrap(), "--to", &to, "--media-port", &media_port];
                arguments.extend(["-p", &local_port, "-s", needs("service=").unwrap_or("5000")]);
                arguments.extend(["-i", needs("local-ip=").unwrap_or("127.0.0.1")]);
                arguments.extend(needs("retransmission=").map(|_| "--no-retransmission"));
                let output = replay(&arguments);
                if !output.status.success() {
                    failed.lock().unwrap().push(String::from_utf8_lossy(&output.stderr).into_owned());
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_a_replay_says_arrives_over_udp_and_tcp() {
    for transport in ["udp", "tcp"] {
        let node = Node::start();
        let (to, ports) = (node.sip().to_string(), Ports::claim());
        let media_port = ports.get(2).to_string();
        let arguments = ["scenarios/leave-message.xml", "--to", &to, "--transport", transport];
        let output = replay(&[&arguments[..], &["--media-port", &media_port]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mails = node.mails_when_idle();
        let [mail] = mails.as_slice() else { panic!("{} mails", mails.len()) };
        let (said, delivered) = (sound::speech(), mail.audio());
        assert!((sound::seconds(&delivered) - sound::seconds(&said)).abs() <= 0.1);
        assert!(sound::correlation(&said, &delivered, 800) > 0.95);
    }
}

#[test]
fn the_verdict_on_scenarios_that_fail_is_that_of_sipp() {
    require("sipp", "sip-tester");
    assert!(VARIANTS.len() >= 40, "{} variants", VARIANTS.len());
    let node = Node::start();
    let (next, differences) = (Mutex::new(VARIANTS.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(variant) = { next.lock().unwrap().next() } {
                    let theirs = by_sipp(variant, &node);
                    let ours = [Some(by_replay(variant, &node)), in_memory(variant)];
                    for (ours, place) in ours.into_iter().zip(["over the network", "in memory"]) {
                        let Some((verdict, said)) = ours else { continue };
                        let is_expected = matches!(verdict, Verdict::Failed(_)) == variant.fails;
                        if !is_expected || !verdict.is_that_of(&theirs.0) {
                            let difference = format!(
                                "{}: replay {place} {verdict:?}, sipp {:?}\n--- replay\n{said}\n--- sipp\n{}",
                                variant.name, theirs.0, theirs.1
                            );
                            differences.lock().unwrap().push(difference);
                        }
                    }
                }
            });
        }
    });
    let differences = differences.into_inner().unwrap();
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n\n"));
}

/// Two scenarios that talk to each other: over the network, in memory, and two sipps.
#[test]
fn two_scenarios_side_by_side_tell_each_other_what_to_do() {
    require("sipp", "sip-tester");
    let node = Node::start();
    let folder = temporary_folder("together");
    let [tells, told] = ["tells.xml", "is-told.xml"].map(|name| root().join("tests/scenarios").join(name));
    let refusing = folder.join("refusing.xml");
    let text = fs::read_to_string(&told).unwrap();
    fs::write(&refusing, text.replace("X-State: answered", "X-State: refused")).unwrap();
    for (second, goes_well) in [(&told, true), (&refusing, false)] {
        let (first, second) = (tells.to_str().unwrap(), second.to_str().unwrap());
        let (ports, to) = (Ports::claim(), node.sip().to_string());
        let [local, media] = [0, 2].map(|port| ports.get(port).to_string());
        let network = ["--to", &to, "-s", "1001", "-p", &local, "--media-port", &media];
        for place in [&[][..], &network] {
            let output = replay(&[&[first, "--with", second, "--json"][..], place].concat());
            let all = json(&output);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!((output.status.success(), all[0]["ok"] == 1), (goes_well, goes_well), "{place:?}: {said}");
            assert_eq!(all[1]["ok"], 1, "{place:?}: {said}");
            let failure = &all[0]["failures"][0];
            assert_eq!(failure["kind"], if goes_well { Value::Null } else { "check".into() }, "{said}");
        }
        let by_sipp = [second, first].map(|scenario| {
            // its port, then that of audio; two further on is the one for pictures
            let at = if scenario == second { 5 } else { 0 };
            let mut sipp = Command::new("sipp");
            sipp.arg(&to).args(["-sf", scenario, "-s", "1001", "-i", "127.0.0.1", "-m", "1", "-nostdin"]);
            sipp.args(["-p", &ports.get(at).to_string(), "-mp", &ports.get(at + 1).to_string()]);
            sipp.args(["-3pcc", &format!("127.0.0.1:{}", ports.get(9)), "-timeout", "10s", "-timeout_error"]);
            sipp.env("TERM", "dumb").current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null());
            let sipp = sipp.stderr(Stdio::null()).spawn().unwrap();
            if scenario == second {
                // it is told: the other one connects to it
                while !is_listening(ports.get(9)) {
                    std::thread::yield_now();
                }
            }
            sipp
        });
        let [_, first_goes_well] = by_sipp.map(|mut sipp| sipp.wait().unwrap().success());
        assert_eq!(first_goes_well, goes_well, "sipp");
    }
    let output = replay(&[tells.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("tells.xml:43: needs a second scenario beside this one"), "{said}");
    fs::remove_dir_all(folder).unwrap();
}

/// Where a variant is played to.
fn target(variant: &Variant, node: &Node, ports: &Ports) -> SocketAddr {
    match variant.to {
        To::Worker => node.sip(),
        To::Router => node.router(),
        // nobody listens there
        To::Nobody => SocketAddr::from((Ipv4Addr::LOCALHOST, ports.get(9))),
        To::Us => unreachable!("it is called"),
    }
}

fn by_replay(variant: &Variant, node: &Node) -> (Verdict, String) {
    let (folder, ports) = (temporary_folder("variant"), Ports::claim());
    let file = folder.join("variant.xml");
    fs::write(&file, variant.text()).unwrap();
    let [local, media] = [0, 2].map(|port| ports.get(port).to_string());
    let mut arguments = vec![file.to_str().unwrap(), "--json", "-p", &local, "--media-port", &media];
    arguments.extend(["-i", variant.from, "--transport", if variant.tcp { "tcp" } else { "udp" }]);
    let to = (variant.to != To::Us).then(|| target(variant, node, &ports).to_string());
    arguments.extend(to.iter().flat_map(|to| ["--to", to]));
    let mut replay = Command::new(env!("CARGO_BIN_EXE_ringpost"));
    replay.arg("replay").args(&arguments).current_dir(root()).stdin(Stdio::null());
    let output = output(replay, variant, &ports, &folder);
    fs::remove_dir_all(folder).unwrap();
    verdict_of(variant, &output)
}

/// Against an engine of its own; `None`: there is nobody in it whom the variant could meet.
fn in_memory(variant: &Variant) -> Option<(Verdict, String)> {
    if !matches!(variant.to, To::Worker | To::Router) {
        return None;
    }
    let folder = temporary_folder("variant");
    let file = folder.join("variant.xml");
    fs::write(&file, variant.text()).unwrap();
    let transport = if variant.tcp { "tcp" } else { "udp" };
    let output = replay(&[file.to_str().unwrap(), "--json", "-i", variant.from, "--transport", transport]);
    fs::remove_dir_all(folder).unwrap();
    Some(verdict_of(variant, &output))
}

fn verdict_of(variant: &Variant, output: &Output) -> (Verdict, String) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let verdict = match serde_json::from_slice::<Value>(&output.stdout) {
        Ok(all) if all[0]["ok"] == 1 && output.status.success() => Verdict::Ok,
        Ok(all) => Verdict::Failed(all[0]["failures"][0]["step"].as_u64().filter(|_| variant.says_where)),
        // it could not even begin
        Err(_) => Verdict::Failed(None),
    };
    (verdict, said)
}

fn by_sipp(variant: &Variant, node: &Node) -> (Verdict, String) {
    let (folder, ports) = (temporary_folder("variant"), Ports::claim());
    let file = folder.join("variant.xml");
    fs::write(&file, variant.text()).unwrap();
    let mut sipp = Command::new("sipp");
    if variant.to != To::Us {
        sipp.arg(target(variant, node, &ports).to_string());
    }
    sipp.arg("-sf").arg(&file).args(["-s", "5000", "-t", if variant.tcp { "t1" } else { "u1" }]);
    sipp.args(["-i", variant.from, "-p", &ports.get(0).to_string(), "-mi", variant.from]);
    sipp.args(["-mp", &ports.get(2).to_string(), "-m", "1", "-nostdin", "-timeout", "30s", "-timeout_error"]);
    sipp.args(["-trace_err", "-error_file"]).arg(folder.join("errors"));
    sipp.env("TERM", "dumb").current_dir(&folder).stdin(Stdio::null());
    let output = output(sipp, variant, &ports, &folder);
    let errors = fs::read_to_string(folder.join("errors")).unwrap_or_default();
    fs::remove_dir_all(folder).unwrap();
    let verdict = match output.status.success() {
        true => Verdict::Ok,
        false => Verdict::Failed(step_in(&errors).filter(|_| variant.says_where)),
    };
    (verdict, errors)
}

/// `… (index 3), received …`, or `receive timeout on message Name:3 without …`.
fn step_in(errors: &str) -> Option<u64> {
    let after = |mark: &str| errors.split(mark).nth(1);
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    let unexpected = after("(index ").and_then(number);
    let timeout = || {
        after("timeout on message").and_then(|rest| rest.split(" without").next()?.rsplit(':').next().and_then(number))
    };
    unexpected.or_else(timeout)
}

/// Runs a program, and calls it if the variant is called.
fn output(mut program: Command, variant: &Variant, ports: &Ports, folder: &Path) -> Output {
    if variant.to != To::Us {
        return program.output().unwrap();
    }
    let program = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.get(0)));
    while !is_open(at.port()) {
        std::thread::yield_now();
    }
    // beside the port for audio sipp takes the one two further on, for pictures
    let mut caller = Command::new("sipp");
    caller.arg(at.to_string()).args(["-sn", "uac", "-i", "127.0.0.1", "-p", &ports.get(6).to_string()]);
    caller.args(["-mp", &ports.get(7).to_string(), "-m", "1", "-nostdin", "-timeout", "20s"]);
    caller.env("TERM", "dumb").current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut caller = caller.spawn().unwrap();
    let output = program.wait_with_output().unwrap();
    // it may have ended by itself
    let _ = caller.kill();
    caller.wait().unwrap();
    output
}

/// Somebody takes connections on this port.
fn is_listening(port: u16) -> bool {
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let places = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    places.into_iter().any(|line| line.len() > 3 && line[1].ends_with(&format!(":{port:04X}")) && line[3] == "0A")
}

/// Somebody receives on this UDP port. (To try to bind it could take it from who is about to.)
fn is_open(port: u16) -> bool {
    let sockets = fs::read_to_string("/proc/net/udp").unwrap();
    sockets.lines().filter_map(|line| line.split_whitespace().nth(1)).any(|at| at.ends_with(&format!(":{port:04X}")))
}
