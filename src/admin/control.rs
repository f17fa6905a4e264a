//! The control socket: a Unix socket in the data folder; whoever connects is told the node's status as JSON.
//! Knows: the socket and the engine. Must not: change anything; commands come with the administration.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::status::NodeStatus;
use crate::engine::Engine;

/// A node that does not answer for so long is not healthy.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Why a node's status could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("no node is running here ({}: {error})", path.display())]
    NotRunning { path: PathBuf, error: io::Error },
    #[error("another node runs with the data folder {}", data.display())]
    Taken { data: PathBuf },
    #[error("the node does not answer on {} within {ANSWER_WITHIN:?}", path.display())]
    Silent { path: PathBuf },
    #[error("the node on {} answered with something else: {error}", path.display())]
    Answer { path: PathBuf, error: serde_json::Error },
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// The control socket, bound; its file goes when the value is dropped.
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Held for as long as the node lives: the data folder is this process's alone.
    _lock: Flock<File>,
}

impl ControlSocket {
    /// Takes the data folder for this process and binds its socket.
    ///
    /// # Errors
    /// Another node has the folder; or the socket cannot be bound.
    pub fn bind(data: &Path) -> Result<ControlSocket, ControlError> {
        let lock_path = data.join("ringpost.lock");
        let opened = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let file = opened.map_err(|error| ControlError::Io { path: lock_path.clone(), error })?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
            Errno::EWOULDBLOCK => ControlError::Taken { data: data.to_owned() },
            error => ControlError::Io { path: lock_path, error: error.into() },
        })?;
        let path = socket_path(data);
        let io = |error| ControlError::Io { path: path.clone(), error };
        // who has the lock may remove what an earlier process left
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(io)?;
        Ok(ControlSocket { listener, path, _lock: lock })
    }

    /// Answers until dropped.
    pub async fn serve(&self, engine: &Engine) {
        loop {
            match self.listener.accept().await {
                Ok((mut stream, _)) => {
                    let status = engine.status().await;
                    let answer = serde_json::to_vec(&status).unwrap_or_default();
                    if let Err(error) = stream.write_all(&answer).await {
                        tracing::debug!(%error, "status asked for but not read");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "control socket");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // left behind, it would only be replaced at the next start
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Asks the node that runs with this data folder.
pub async fn ask(data: &Path) -> Result<NodeStatus, ControlError> {
    let path = socket_path(data);
    let answered = tokio::time::timeout(ANSWER_WITHIN, async {
        let mut stream = UnixStream::connect(&path).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer)
    });
    match answered.await {
        Err(_) => Err(ControlError::Silent { path }),
        Ok(Err(error)) => Err(ControlError::NotRunning { path, error }),
        Ok(Ok(answer)) => serde_json::from_slice(&answer).map_err(|error| ControlError::Answer { path, error }),
    }
}

fn socket_path(data: &Path) -> PathBuf {
    data.join("ringpost.sock")
}
