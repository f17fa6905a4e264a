//! How a replay is shown: lines, JSON, JUnit XML, ladders.
//! Knows: summaries. Must not: play.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::replay::{Outcome, Passed, Summary};

/// A scenario that was played.
pub struct Played {
    pub name: String,
    pub summary: Summary,
    /// By the clock on the wall.
    pub took: Duration,
    /// Against an engine of its own.
    pub is_virtual: bool,
}

pub fn print(played: &Played, ladders: bool) {
    if ladders {
        for failed in &played.summary.failed {
            say!("{}", failed_call(&failed.outcome));
            say_part!("{}", ladder(&failed.ladder));
        }
    }
    say!("{}", line(played));
}

/// One line for a scenario.
fn line(Played { name, summary, took, is_virtual }: &Played) -> String {
    let (calls, failed) = (summary.calls(), summary.failed.len());
    let clock =
        if *is_virtual { format!(" of virtual time, {:.2} s on the clock", took.as_secs_f64()) } else { String::new() };
    let mut line = format!(
        "{name}: {calls} {}, {} ok, {failed} failed, {:.2} s{clock}",
        if calls == 1 { "call" } else { "calls" },
        summary.succeeded,
        summary.elapsed.as_secs_f64(),
    );
    if calls > 1 {
        // writing to a String does not fail
        let _ = write!(line, ", {:.1} calls/s", summary.calls_per_second());
    }
    for (timer, times) in &summary.times {
        if let Some(times) = times.percentiles() {
            let _ = write!(
                line,
                "; timer {timer}: 50 % {:.1} ms, 95 % {:.1}, 99 % {:.1}, max {:.1}",
                times.p50, times.p95, times.p99, times.max
            );
        }
    }
    line
}

pub fn print_total(all: &[Played]) {
    let ok = all.iter().filter(|played| played.summary.is_success()).count();
    let took: Duration = all.iter().map(|played| played.took).sum();
    say!("{} scenarios, {ok} ok, {} failed, {:.2} s on the clock", all.len(), all.len() - ok, took.as_secs_f64());
}

pub fn progress(summary: &Summary, in_progress: usize) -> String {
    let failed = summary.failed.len();
    let mut line = format!(
        "{:.1} calls/s, {in_progress} in progress, {} ok, {failed} failed",
        summary.calls_per_second(),
        summary.succeeded
    );
    let times = summary.times.values().next().and_then(|times| times.percentiles());
    if let Some(times) = times {
        // writing to a String does not fail
        let _ = write!(line, ", response 50 % {:.1} ms, 99 % {:.1} ms", times.p50, times.p99);
    }
    line
}

/// Why a call failed, and where.
pub fn failed_call(outcome: &Outcome) -> String {
    let Outcome { number, call_id, failure, .. } = outcome;
    match failure {
        Some(failed) => {
            format!("call {number} ({call_id}) failed at step {}, line {}: {}", failed.step, failed.line, failed.why)
        }
        None => format!("call {number} ({call_id}) went as written"),
    }
}

fn ladder(passed: &[Passed]) -> String {
    let mut text = String::from("        replay                                          peer\n");
    for Passed { at, sent, first_line, cseq } in passed {
        let what: String = format!("{first_line} ({cseq})").chars().take(60).collect();
        let arrow = if *sent { "-->" } else { "<--" };
        // writing to a String does not fail
        let _ = writeln!(text, "{:>9.3}  {arrow} {what}", at.as_secs_f64());
    }
    text
}

pub fn json(all: &[Played]) -> Value {
    all.iter()
        .map(|Played { name, summary, took, is_virtual }| {
            let failures = summary.failed.iter().map(|failed| failure(&failed.outcome)).collect::<Vec<_>>();
            let times: serde_json::Map<String, Value> = summary
                .times
                .iter()
                .filter_map(|(timer, times)| Some((timer.clone(), json!(times.percentiles()?))))
                .collect();
            json!({
                "scenario": name,
                "name": summary.scenario,
                "calls": summary.calls(),
                "ok": summary.succeeded,
                "failed": summary.failed.len(),
                "elapsed_seconds": summary.elapsed.as_secs_f64(),
                "clock_seconds": took.as_secs_f64(),
                "virtual": is_virtual,
                "calls_per_second": summary.calls_per_second(),
                "messages_sent": summary.messages_sent,
                "messages_received": summary.messages_received,
                "packets_sent": summary.packets_sent,
                "response_times_ms": times,
                "failures": failures,
            })
        })
        .collect()
}

fn failure(outcome: &Outcome) -> Value {
    let failed = outcome.failure.as_ref();
    json!({
        "call": outcome.number,
        "call_id": outcome.call_id,
        "step": failed.map(|failed| failed.step),
        "line": failed.map(|failed| failed.line),
        "kind": failed.map(|failed| failed.why.kind()),
        "reason": failed.map(|failed| failed.why.to_string()),
    })
}

/// One test suite a scenario, one test case a call that failed and one for those that did not.
pub fn junit(all: &[Played]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    // writing to a String does not fail
    for Played { name, summary, .. } in all {
        let (calls, failed, time) = (summary.calls(), summary.failed.len(), summary.elapsed.as_secs_f64());
        let suite = escaped(name);
        let _ =
            writeln!(xml, "  <testsuite name=\"{suite}\" tests=\"{calls}\" failures=\"{failed}\" time=\"{time:.3}\">");
        for failed in &summary.failed {
            let Outcome { number, duration, failure: Some(why), .. } = &failed.outcome else { continue };
            let (message, kind) = (escaped(&failed_call(&failed.outcome)), why.why.kind());
            let _ = writeln!(
                xml,
                "    <testcase classname=\"{suite}\" name=\"call {number}\" time=\"{:.3}\">\n      \
                 <failure type=\"{kind}\" message=\"{message}\">{}</failure>\n    </testcase>",
                duration.as_secs_f64(),
                escaped(&ladder(&failed.ladder)),
            );
        }
        for number in 1..=summary.succeeded {
            let _ = writeln!(xml, "    <testcase classname=\"{suite}\" name=\"call as written {number}\"/>");
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}
