//! The command line as an administrator uses it: the real program on a copy of the sample organisation, without a node
//! and with one.

mod exchange;
mod node;
mod objects;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder with the sample organisation; gone when the value is dropped.
pub struct Site {
    folder: PathBuf,
}

/// What a command said.
pub struct Said {
    pub out: String,
    pub err: String,
    pub status: i32,
}

impl Site {
    pub fn with_the_sample() -> Site {
        static SITES: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ringpost-administration-{}-{}", std::process::id(), SITES.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let directory = folder.join("config/directory");
        std::fs::create_dir_all(&directory).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        for name in ["dial-plans.toml", "gateways.toml", "mailboxes.toml"] {
            std::fs::copy(shipped.join("directory").join(name), directory.join(name)).unwrap();
        }
        std::fs::write(folder.join("config/ringpost.toml"), "name = \"um1.example.test\"\n").unwrap();
        Site { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.path("config/directory").join(name)).unwrap()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringpost"));
        command.current_dir(&self.folder).env_remove("RINGPOST_CONFIG").env_remove("RINGPOST_DATA");
        command
    }

    pub fn ringpost(&self, arguments: &[&str]) -> Said {
        Said::of(self.command().args(arguments).output().unwrap())
    }

    /// Runs a script of Exchange's lines.
    pub fn script(&self, text: &str) -> Said {
        std::fs::write(self.path("script.ps1"), text).unwrap();
        self.ringpost(&["run", "script.ps1"])
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Said {
    fn of(output: Output) -> Said {
        Said {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: output.status.code().unwrap_or(-1),
        }
    }

    /// What was put out by a command that did what it was told.
    pub fn done(self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// What was said by a command that refused.
    pub fn refused(self) -> String {
        assert_eq!(self.status, 1, "{}{}", self.out, self.err);
        self.err
    }

    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.done()).expect("the command prints JSON")
    }
}
