//! Processes of a world in memory: each worker's actors in a set of tasks of their own, which a kill drops in the
//! middle of whatever they do.
//! Knows: which sets there are. Must not: know what a worker does.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::LocalSet;

use super::Environment;
use super::placement::Placement;
use super::processes::{Processes, StartedWorker, WorkerOrder};
use super::worker::Worker;
use crate::link::WorkerId;

/// The process table of a world; clones are the same one.
#[derive(Clone, Default)]
pub struct VirtualProcesses(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    last_pid: u32,
    running: BTreeMap<u32, Running>,
    memory: BTreeMap<u32, u64>,
    program: String,
    refuse: Option<String>,
}

struct Running {
    worker: WorkerId,
    kill: Option<oneshot::Sender<()>>,
}

impl VirtualProcesses {
    /// What every process is said to use, or one of them.
    pub fn set_memory(&self, pid: u32, octets: u64) {
        self.table().memory.insert(pid, octets);
    }

    /// There is another program in the place of the one before.
    pub fn set_program(&self, mark: &str) {
        self.table().program = mark.to_owned();
    }

    /// Nothing can be started, for this reason; `None`: it can again.
    pub fn refuse_starts(&self, reason: Option<&str>) {
        self.table().refuse = reason.map(str::to_owned);
    }

    /// The processes that run.
    pub fn pids(&self) -> Vec<u32> {
        self.table().running.keys().copied().collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of a worker: whatever it spawns is in its set of tasks, and goes with it.
    async fn live(
        &self,
        environment: Arc<dyn Environment>,
        order: WorkerOrder,
        pid: u32,
        killed: oneshot::Receiver<()>,
    ) -> String {
        let set = LocalSet::new();
        let living = set.run_until(Worker::run(environment, Placement::here(), order, pid));
        let how = tokio::select! {
            ended = living => match ended {
                Ok(()) => "the process ended with status 0",
                Err(error) => {
                    tracing::error!(%error, "worker");
                    "the process ended with status 1"
                }
            },
            _ = killed => "the process was ended by signal 9",
        };
        how.to_owned()
    }

    fn ended(&self, pid: u32) {
        self.table().running.remove(&pid);
    }
}

impl Processes for VirtualProcesses {
    fn start(&self, order: WorkerOrder, environment: Arc<dyn Environment>) -> io::Result<StartedWorker> {
        let mut table = self.table();
        if let Some(reason) = &table.refuse {
            return Err(io::Error::other(reason.clone()));
        }
        table.last_pid += 1;
        let pid = table.last_pid;
        let (kill, killed) = oneshot::channel();
        table.running.insert(pid, Running { worker: order.worker.clone(), kill: Some(kill) });
        drop(table);
        let (tell, ended) = oneshot::channel();
        let table = self.clone();
        // not among the tasks of whoever started it: a process outlives its parent
        actix_rt::Arbiter::current().spawn_fn(move || {
            actix_rt::spawn(async move {
                let how = table.live(environment, order, pid, killed).await;
                table.ended(pid);
                // nobody may be left to hear it
                let _ = tell.send(how);
            });
        });
        Ok(StartedWorker { pid, ended: Box::pin(async move { ended.await.unwrap_or_default() }) })
    }

    fn kill(&self, pid: u32) {
        let kill = self.table().running.get_mut(&pid).and_then(|running| running.kill.take());
        if let Some(kill) = kill {
            let _ = kill.send(());
        }
    }

    fn claim(&self, _: &Path, _: &WorkerId) -> io::Result<Box<dyn Any + Send>> {
        Ok(Box::new(()))
    }

    fn lives(&self, _: &Path, worker: &WorkerId) -> bool {
        self.table().running.values().any(|running| running.worker == *worker)
    }

    fn living(&self, _: &Path) -> Vec<WorkerId> {
        self.table().running.values().map(|running| running.worker.clone()).collect()
    }

    fn memory(&self, pid: u32) -> u64 {
        self.table().memory.get(&pid).copied().unwrap_or(32 << 20)
    }

    fn program(&self) -> String {
        self.table().program.clone()
    }
}
