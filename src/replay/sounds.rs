//! The files a scenario plays, read before the first call.
//! Knows: which there are, and what is in them. Must not: play them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pcap::Capture;
use super::scenario::{Action, Scenario};

/// Sound files by the names that the scenario has for them.
#[derive(Debug, Default)]
pub struct Sounds {
    audio: BTreeMap<PathBuf, Arc<[u8]>>,
    captures: BTreeMap<PathBuf, Arc<Capture>>,
}

impl Sounds {
    /// Reads every file of the scenario with `read`.
    ///
    /// # Errors
    /// One cannot be read, or is of another kind; a sentence with the line in the scenario.
    pub fn load(scenario: &Scenario, read: impl Fn(&Path) -> io::Result<Vec<u8>>) -> Result<Sounds, String> {
        let mut sounds = Sounds::default();
        for step in scenario.first.iter().chain(&scenario.steps) {
            for action in &step.actions {
                let fault =
                    |path: &Path, why: &dyn std::fmt::Display| format!("line {}: {}: {why}", step.line, path.display());
                match action {
                    Action::Stream { file, .. } if !sounds.audio.contains_key(file) => {
                        let octets = read(file).map_err(|error| fault(file, &error))?;
                        sounds.audio.insert(file.clone(), Arc::from(octets));
                    }
                    Action::PlayPcap(file) if !sounds.captures.contains_key(file) => {
                        let octets = read(file).map_err(|error| fault(file, &error))?;
                        let capture = Capture::read(&octets).map_err(|why| fault(file, &why))?;
                        sounds.captures.insert(file.clone(), Arc::new(capture));
                    }
                    _ => {}
                }
            }
        }
        Ok(sounds)
    }

    pub fn audio(&self, file: &Path) -> Option<Arc<[u8]>> {
        self.audio.get(file).cloned()
    }

    pub fn capture(&self, file: &Path) -> Option<Arc<Capture>> {
        self.captures.get(file).cloned()
    }
}
