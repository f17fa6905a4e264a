//! What a call costs: `cargo bench --bench calls` starts the node as built, calls it over loopback, and prints figures.
//! Knows: SIP and RTP as a gateway speaks them, /proc. Must not: use the code it measures.
//!
//! Every figure is of whole processes, the node's and its UM worker's together: CPU from /proc/PID/task/*/schedstat
//! (nanoseconds on a CPU), memory from VmRSS.
//! The media figure is set in proportion to a bare program, run in turn with the node, that receives the same packets
//! on one socket a call, answers each and stores what it got.

mod bare;
mod caller;
mod node;

use std::io::Write;
use std::time::{Duration, Instant};

use caller::{Calls, Spacing};
use node::{Held, Node, cpu_ns};

/// How long the calls of the media figure are recorded.
const RECORDED: Duration = Duration::from_secs(15);
const SIGNALLED_CALLS: usize = 2_000;
const SOAKED_CALLS: usize = 10_000;
const SOAKED_AT_ONCE: usize = 500;
/// Memory is given back at the worker's next beat.
const SETTLED: Duration = Duration::from_secs(3);
const DELIVERED_CALLS: usize = 100;
const DELIVERED_AT_ONCE: usize = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--bare") {
        return bare::run(&arguments[at + 1..]);
    }
    println!("one machine, both sides on it: {} CPUs", std::thread::available_parallelism().map_or(0, usize::from));
    // names of figures after `--` choose among them
    let wanted = |figure: &str| {
        let named = |name: &&str| arguments.iter().any(|argument| argument == name);
        !["signalling", "delivery", "soak", "media"].iter().any(named) || named(&figure)
    };
    let figures: [(&str, fn()); 4] =
        [("signalling", signalling), ("delivery", delivery), ("soak", soak), ("media", all_media)];
    for (figure, measure) in figures {
        if wanted(figure) {
            measure();
        }
    }
}

/// CPU for a call that is answered and hung up at once, nothing recorded or mailed.
fn signalling() {
    let node = Node::start();
    Calls::signal(&node, 200); // warm-up
    let processes = node.processes();
    let before = processes.cpu_ns();
    Calls::signal(&node, SIGNALLED_CALLS);
    node.wait_until_idle();
    let per_call = (processes.cpu_ns() - before) as f64 / SIGNALLED_CALLS as f64 / 1e3;
    println!("signalling: {per_call:.0} us of CPU a call (INVITE, 200, ACK, BYE), {SIGNALLED_CALLS} calls");
}

/// From BYE until the mail is in the mailbox.
fn delivery() {
    let node = Node::start();
    let batches = DELIVERED_CALLS / DELIVERED_AT_ONCE;
    let mut delays: Vec<Duration> =
        (0..batches).flat_map(|_| Calls::leave_messages(&node, DELIVERED_AT_ONCE)).collect();
    delays.sort();
    let at = |percent: usize| delays[(delays.len() * percent / 100).min(delays.len() - 1)].as_secs_f64() * 1e3;
    println!("BYE to mail delivered: p50 {:.1} ms, p99 {:.1} ms, {DELIVERED_CALLS} calls", at(50), at(99));
}

/// What is left of many calls: nothing.
fn soak() {
    let node = Node::start();
    Calls::signal(&node, 500); // threads and buffers that stay
    let before = Held::by(&node);
    Calls::signal(&node, SOAKED_CALLS);
    let mut recording = Calls::record(&node, SOAKED_AT_ONCE);
    recording.talk(Duration::from_secs(3));
    let during = Held::by(&node);
    recording.hang_up();
    node.wait_until_idle();
    std::thread::sleep(SETTLED);
    let once = Held::by(&node);
    // what the allocator keeps after the first crowd it keeps; a second crowd must not add to it
    let mut recording = Calls::record(&node, SOAKED_AT_ONCE);
    recording.talk(Duration::from_secs(3));
    recording.hang_up();
    node.wait_until_idle();
    std::thread::sleep(SETTLED);
    println!(
        "{SOAKED_CALLS} calls one after another, then {SOAKED_AT_ONCE} at once, twice:\n  before       {before}\n  \
         during       {during}\n  idle again   {once}\n  second time  {}",
        Held::by(&node)
    );
}

fn all_media() {
    [10, 100, 500].into_iter().for_each(media);
}

/// CPU for a minute of recording, with so many calls at once; beside it the bare program under the same packets.
fn media(calls: usize) {
    let node = Node::start();
    let processes = node.processes();
    let idle = processes.rss_kib();
    let mut recording = Calls::record(&node, calls);
    let before = processes.cpu_ns();
    let started = Instant::now();
    let spacing = recording.talk(RECORDED);
    let minutes = calls as f64 * started.elapsed().as_secs_f64() / 60.0;
    let node_cpu = (processes.cpu_ns() - before) as f64 / 1e9 / minutes;
    let memory = (processes.rss_kib().saturating_sub(idle)) as f64 / calls as f64;
    recording.hang_up();
    node.wait_until_idle();
    let (heard, missed) = node.packets();
    drop(node);

    let bare = bare::Bare::start(calls);
    let mut talking = bare.call();
    let before = cpu_ns(bare.pid());
    let started = Instant::now();
    talking.talk(RECORDED);
    let minutes = calls as f64 * started.elapsed().as_secs_f64() / 60.0;
    let bare_cpu = (cpu_ns(bare.pid()) - before) as f64 / 1e9 / minutes;

    let Spacing { p50, p99, received, lost, disordered, gaps } = spacing;
    println!(
        "recording, {calls:3} calls: {node_cpu:.4} s of CPU a call-minute, bare program {bare_cpu:.4}, ratio {:.2}; \
         {memory:.0} KiB a call; packets to us: {heard} heard, {missed} missed; from us: {received} received, {lost} lost, {disordered} out of order, {gaps} late by over 20 ms, \
         off their 20 ms by p50 {:.2} ms, p99 {:.2} ms",
        node_cpu / bare_cpu,
        p50.as_secs_f64() * 1e3,
        p99.as_secs_f64() * 1e3,
    );
    std::io::stdout().flush().ok();
}
