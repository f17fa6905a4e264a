//! Processes of this machine.
//! Knows: how a child is started, what /proc and a lock file tell. Must not: know why one is started.

use std::any::Any;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, OnceLock};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Environment;
use super::processes::{Processes, StartedWorker, WorkerOrder};
use crate::link::WorkerId;

#[derive(Debug, Clone, Copy, Default)]
pub struct RealProcesses;

impl Processes for RealProcesses {
    fn start(&self, order: WorkerOrder, _: Arc<dyn Environment>) -> io::Result<StartedWorker> {
        let order = serde_json::to_vec(&order)?;
        let program = program_path().ok_or_else(|| io::Error::other("the program's own file is not known"))?;
        let mut child = tokio::process::Command::new(program)
            .arg("worker")
            // a terminal's interrupt is for the node: it lets calls end
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        let told = match child.stdin.take() {
            // an order is far smaller than what a pipe holds: this does not wait for the child
            Some(stdin) => stdin.into_owned_fd().and_then(|stdin| File::from(stdin).write_all(&order)),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        if let Err(error) = told {
            self.kill(pid);
            return Err(error);
        }
        let ended = async move {
            match child.wait().await {
                Ok(status) => match (status.signal(), status.code()) {
                    (Some(signal), _) => format!("the process was ended by signal {signal}"),
                    (None, Some(code)) => format!("the process ended with status {code}"),
                    (None, None) => status.to_string(),
                },
                Err(error) => format!("the process cannot be waited for: {error}"),
            }
        };
        Ok(StartedWorker { pid, ended: Box::pin(ended) })
    }

    fn kill(&self, pid: u32) {
        // 0 and negative numbers mean groups of processes
        if let Some(pid) = i32::try_from(pid).ok().filter(|pid| *pid > 0)
            && let Err(error) = kill(Pid::from_raw(pid), Signal::SIGKILL)
        {
            tracing::debug!(pid, %error, "process not ended");
        }
    }

    fn claim(&self, data: &Path, worker: &WorkerId) -> io::Result<Box<dyn Any + Send>> {
        fs::create_dir_all(run_folder(data))?;
        let file = File::options().create(true).truncate(false).write(true).open(lock_path(data, worker))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| io::Error::from(error))?;
        Ok(Box::new(lock))
    }

    fn lives(&self, data: &Path, worker: &WorkerId) -> bool {
        let path = lock_path(data, worker);
        let Ok(file) = File::options().write(true).open(&path) else { return false };
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(_lock) => {
                // removed while it is ours: nobody else claims the name of a dead worker
                let _ = fs::remove_file(&path);
                false
            }
            Err(_) => true,
        }
    }

    fn living(&self, data: &Path) -> Vec<WorkerId> {
        let files = fs::read_dir(run_folder(data)).into_iter().flatten().flatten();
        let names = files.filter_map(|file| file.file_name().into_string().ok());
        let names = names.filter_map(|name| Some(WorkerId(name.strip_suffix(LOCK)?.strip_prefix(WORKER)?.to_owned())));
        names.filter(|worker| self.lives(data, worker)).collect()
    }

    fn memory(&self, pid: u32) -> u64 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        resident.and_then(|kib| kib.parse::<u64>().ok()).map_or(0, |kib| kib << 10)
    }

    fn program(&self) -> String {
        let seen = program_path().and_then(|path| fs::metadata(path).ok());
        seen.map_or_else(String::new, |seen| {
            format!("{}-{}.{}-{}", seen.ino(), seen.mtime(), seen.mtime_nsec(), seen.len())
        })
    }
}

const WORKER: &str = "worker-";
const LOCK: &str = ".lock";

fn run_folder(data: &Path) -> PathBuf {
    data.join("run")
}

fn lock_path(data: &Path, worker: &WorkerId) -> PathBuf {
    run_folder(data).join(format!("{WORKER}{}{LOCK}", worker.0))
}

/// Where the program lies: what a new version of it is put in the place of. As it was called when this was asked first.
fn program_path() -> Option<&'static Path> {
    static PATH: OnceLock<Option<PathBuf>> = OnceLock::new();
    PATH.get_or_init(|| std::env::current_exe().ok()).as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_lives_for_as_long_as_its_name_is_claimed() {
        let data = std::env::temp_dir().join(format!("ringpost-processes-{}", std::process::id()));
        let worker = WorkerId("one".to_owned());
        assert!(!RealProcesses.lives(&data, &worker));
        let claim = RealProcesses.claim(&data, &worker).unwrap();
        assert!(RealProcesses.lives(&data, &worker));
        assert_eq!(RealProcesses.living(&data), std::slice::from_ref(&worker));
        assert!(RealProcesses.claim(&data, &worker).is_err());
        drop(claim);
        assert!(!RealProcesses.lives(&data, &worker));
        assert_eq!(RealProcesses.living(&data), []);
        fs::remove_dir_all(&data).unwrap();
    }

    #[test]
    fn a_process_has_memory_and_a_program() {
        assert!(RealProcesses.memory(std::process::id()) > 1 << 20);
        assert_eq!(RealProcesses.memory(0), 0);
        assert!(!RealProcesses.program().is_empty());
        assert_eq!(RealProcesses.program(), RealProcesses.program());
    }
}
