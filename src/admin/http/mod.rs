//! The administration by HTTP: `/metrics`, `/health/live`, `/health/ready`, and below `/api/v1` every object, setting and
//! command for programs that have a token.
//! Knows: HTTP, tokens, commands and their answers. Must not: touch the engine: it lives on another thread, and is asked
//! across a [`Desk`], so that no request, however many or slow, holds up a call.
//!
//! Start with [`start`]; [`operations`] is the list of everything that can be asked, the document of it is made by
//! [`openapi`].

mod answers;
mod desk;
mod openapi;
mod operations;
mod service;
mod tokens;

#[cfg(test)]
mod tests;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};

pub use desk::{Clerk, Desk, desk};
pub use openapi::document;
pub use operations::{Operation, operations};
pub use tokens::{Role, TokenError, Tokens, create_if_missing};

use self::service::{Office, routes};
use crate::metrics::Metrics;

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 256;

/// The server, up until the value is dropped.
pub struct Server {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Server {
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // the order is given by the call itself; what it returns would only wait
        drop(self.handle.stop(false));
    }
}

/// Serves on a thread of its own.
///
/// # Errors
/// The address cannot be had, or no thread.
pub fn start(address: SocketAddr, desk: Desk, tokens: PathBuf, metrics: Arc<Metrics>) -> io::Result<Server> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let office = web::Data::new(Office { desk, tokens, metrics });
    let (started, handle) = mpsc::channel();
    thread::Builder::new().name("admin-http".to_owned()).spawn(move || {
        actix_rt::System::new().block_on(async move {
            let server = HttpServer::new(move || App::new().configure(|app| routes(app, &office)))
                .workers(1)
                .max_connections(CONNECTIONS)
                .shutdown_timeout(1)
                .disable_signals()
                .listen(listener);
            match server {
                Ok(server) => {
                    let server = server.run();
                    let _ = started.send(Ok(server.handle()));
                    if let Err(error) = server.await {
                        tracing::error!(%error, "the administration by HTTP has ended");
                    }
                }
                Err(error) => drop(started.send(Err(error))),
            }
        });
    })?;
    let handle = handle.recv().map_err(|_| io::Error::other("the thread of the server ended"))??;
    Ok(Server { address, handle })
}
