//! `ringpost status`: is the node up and healthy, and why does each message wait?
//! Knows: the control socket, the spool folder. Must not: change anything.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Folders;
use crate::admin::control;
use crate::admin::status::NodeStatus;
use crate::engine::disk::RealDisk;
use crate::mailbox::spool::{Spool, SpoolStatus};

/// How often a node that is waited for is asked.
const ASK_EVERY: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(super) struct Options {
    /// Wait up to so many seconds for a node that is up and healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(folders: &Folders, options: &Options) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let deadline = Instant::now() + Duration::from_secs(options.wait);
    let answer = runtime.block_on(async {
        loop {
            let answer = control::status(&folders.data).await;
            let healthy = answer.as_ref().is_ok_and(|status| status.problems.is_empty());
            if healthy || Instant::now() >= deadline {
                return answer;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    });
    // read from the disk itself: what waits is worth knowing also while the node is down
    let spool = Spool::at(Arc::new(RealDisk), folders.data.join("spool")).status();
    let status = match answer {
        Ok(status) => status,
        Err(error) => {
            if let Ok(spool) = &spool {
                print_spool(spool);
            }
            return Err(error.into());
        }
    };
    let spool = spool?;
    match options.json {
        true => say!("{}", serde_json::to_string_pretty(&serde_json::json!({ "node": status, "spool": spool }))?),
        false => print_status(&status, &spool),
    }
    match status.problems.as_slice() {
        [] => Ok(()),
        problems => Err(problems.join("; ").into()),
    }
}

fn print_status(status: &NodeStatus, spool: &SpoolStatus) {
    say!("Ringpost {}: up for {} s", status.version, status.uptime_s);
    for listener in &status.listeners {
        say!("  listens on {listener}");
    }
    for worker in &status.workers {
        let mib = worker.rss >> 20;
        say!(
            "  worker {} (process {}): {}, port {}, {} calls, {mib} MiB, {} s old",
            worker.id,
            worker.pid,
            worker.state,
            worker.port,
            worker.calls,
            worker.age_s
        );
    }
    for why in &status.out_of_service {
        say!("  out of service: {why}");
    }
    say!("  calls: {}, transactions: {}", status.load.calls, status.load.transactions);
    print_spool(spool);
}

fn print_spool(spool: &SpoolStatus) {
    say!("  messages: {} waiting, {} failed", spool.ready.len(), spool.failed.len());
    for waiting in &spool.ready {
        if let Some(error) = &waiting.last_error {
            let next = waiting.next_attempt.map_or("at once".to_owned(), |at| at.to_string());
            say!(
                "  waits: {} for {}, {} attempts, next {next}: {error}",
                waiting.id,
                waiting.mailbox,
                waiting.attempts
            );
        }
    }
    for parked in &spool.failed {
        let mailbox = parked.mailbox.as_deref().unwrap_or("an unknown mailbox");
        say!("  failed: {} for {mailbox}, {} attempts: {}", parked.id, parked.attempts, parked.reason);
    }
}
