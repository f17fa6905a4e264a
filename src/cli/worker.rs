//! `ringpost worker`: a UM worker, as `ringpost serve` starts it; what it is to do stands on standard input.
//! Knows: signals, the worker. Must not: read any configuration: the node tells it everything.

use std::error::Error;
use std::io::Read;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::log::start_log;
use crate::engine::Placement;
use crate::engine::processes::WorkerOrder;
use crate::engine::real::RealEnvironment;
use crate::engine::worker::Worker;

pub(super) fn run() -> Result<(), Box<dyn Error>> {
    let mut order = Vec::new();
    std::io::stdin().read_to_end(&mut order)?;
    let order: WorkerOrder = serde_json::from_slice(&order)
        .map_err(|error| format!("a worker is started by \"ringpost serve\", which tells it what to do: {error}"))?;
    start_log(&order.log_level, order.log_json);
    actix_rt::System::new().block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut hangup = signal(SignalKind::hangup())?;
        let worker =
            Worker::begin(Arc::new(RealEnvironment::default()), Placement::of_worker(), order, std::process::id())
                .await?;
        let told = worker.terminator();
        let listen = async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => told(),
                    _ = interrupt.recv() => told(),
                    // the directory is the node's to read
                    _ = hangup.recv() => {}
                }
            }
        };
        tokio::select! {
            () = worker.until_over() => Ok(()),
            () = listen => Ok(()),
        }
    })
}
