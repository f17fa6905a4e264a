//! Commands handed to the running node, or, where none runs, carried out on the files.
//! Knows: the control socket, where the files are. Must not: know what a command means.

use std::io;
use std::sync::Arc;

use super::Folders;
use super::organisation::{organisation, read_config};
use crate::admin::command::{Answer, Refusal, Request};
use crate::admin::control::{self, ControlError};
use crate::admin::execute::execute_without_node;
use crate::engine::disk::RealDisk;
use crate::records::RecordStore;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Refused(Refusal),
    #[error("{0}")]
    Control(#[from] ControlError),
    #[error("{0}")]
    Configuration(#[from] super::check::Faults),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the test call failed: {0}")]
    TestFailed(String),
    #[error("the node answered with something else")]
    Unexpected,
}

/// Gives a command; a refusal is a failure.
pub(super) fn ask(folders: &Folders, request: Request) -> Result<Answer, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = match runtime.block_on(control::ask(&folders.data, &request)) {
        Err(ControlError::NotRunning { error, .. }) if is_absent(&error) => {
            let records = RecordStore::at(Arc::new(RealDisk), folders.data.join("cdr"));
            execute_without_node(&organisation(&read_config(folders)?), &records, jiff::Timestamp::now(), request)
        }
        answered => answered?,
    };
    match answer {
        Answer::Refused(refusal) => Err(Failure::Refused(refusal)),
        answer => Ok(answer),
    }
}

/// Nobody is there; somebody we may not speak to is something else.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
