//! The control socket: a Unix socket in the data folder. Whoever may connect is the node's owner: each frame is a
//! [`Request`], each is answered by one [`Answer`].
//! Knows: the socket and the framing. Must not: know what a command does.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::net::{UnixListener, UnixStream};

use super::command::{Answer, Request};
use super::execute::{Administered, execute};
use super::status::NodeStatus;
use crate::link::{self, LinkError};

/// A node that does not say how it is for so long is not healthy.
const STATUS_WITHIN: Duration = Duration::from_secs(5);
/// Commands may wait for files, for a refresh, or for a call.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Why a node's status could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("no node is running here ({}: {error})", path.display())]
    NotRunning { path: PathBuf, error: io::Error },
    #[error("another node runs with the data folder {}", data.display())]
    Taken { data: PathBuf },
    #[error("the node does not answer on {} within {} s", path.display(), within.as_secs())]
    Silent { path: PathBuf, within: Duration },
    #[error("the node on {} does not answer: {error}", path.display())]
    Answer { path: PathBuf, error: LinkError },
    #[error("the node on {} answered with something else", path.display())]
    Unexpected { path: PathBuf },
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
    pub async fn serve(&self, here: &Administered) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let here = here.clone();
                    // one who asks and does not listen holds up nobody else
                    actix_rt::spawn(async move {
                        if let Err(error) = answer(stream, &here).await {
                            tracing::debug!(%error, "control socket");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "control socket");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn answer(stream: UnixStream, here: &Administered) -> Result<(), LinkError> {
    let (mut reader, mut writer) = link::split(stream);
    loop {
        match reader.next::<Request>().await {
            Ok(request) => writer.send(&execute(here, request).await).await?,
            Err(LinkError::Closed) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // left behind, it would only be replaced at the next start
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Asks the node that runs with this data folder how it is.
pub async fn status(data: &Path) -> Result<NodeStatus, ControlError> {
    match ask_within(data, &Request::Status, STATUS_WITHIN).await? {
        Answer::Status(status) => Ok(*status),
        _ => Err(ControlError::Unexpected { path: socket_path(data) }),
    }
}

/// Gives a command to the node that runs with this data folder.
pub async fn ask(data: &Path, request: &Request) -> Result<Answer, ControlError> {
    ask_within(data, request, ANSWER_WITHIN).await
}

async fn ask_within(data: &Path, request: &Request, within: Duration) -> Result<Answer, ControlError> {
    let path = socket_path(data);
    let answered = tokio::time::timeout(within, async {
        let not_running = |error| ControlError::NotRunning { path: path.clone(), error };
        let stream = UnixStream::connect(&path).await.map_err(not_running)?;
        let (mut reader, mut writer) = link::split(stream);
        let failed = |error| ControlError::Answer { path: path.clone(), error };
        writer.send(request).await.map_err(failed)?;
        reader.next().await.map_err(failed)
    });
    answered.await.unwrap_or(Err(ControlError::Silent { path: path.clone(), within }))
}

fn socket_path(data: &Path) -> PathBuf {
    data.join("ringpost.sock")
}
