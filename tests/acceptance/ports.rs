//! Ports that tests running at the same time, in one process or many, do not take from each other.

use std::fs::{self, OpenOptions};
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

use nix::fcntl::{Flock, FlockArg};

/// Ports in a row, held while this lives: below those the kernel gives to clients, above them are the nodes' RTP ports.
pub struct Ports {
    first: u16,
    _claim: Flock<fs::File>,
}

const FIRST: u16 = 10_000;
const BLOCKS: u16 = 900;
const IN_A_BLOCK: u16 = 10;

impl Ports {
    pub fn claim() -> Ports {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let claims = std::env::temp_dir().join("ringpost-test-ports");
        fs::create_dir_all(&claims).unwrap();
        // processes begin at different places, so that they rarely meet
        let begin = (std::process::id() % u32::from(BLOCKS)) as u16;
        for _ in 0..BLOCKS {
            let block = (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % BLOCKS;
            let first = FIRST + block * IN_A_BLOCK;
            let file = OpenOptions::new().create(true).append(true).open(claims.join(first.to_string())).unwrap();
            if let Ok(claim) = Flock::lock(file, FlockArg::LockExclusiveNonblock)
                && (first..first + IN_A_BLOCK).all(is_free)
            {
                return Ports { first, _claim: claim };
            }
        }
        panic!("no free ports from {FIRST} on");
    }

    pub fn get(&self, number: u16) -> u16 {
        assert!(number < IN_A_BLOCK, "a block has {IN_A_BLOCK} ports");
        self.first + number
    }

    /// As a capture filter knows them.
    pub fn range(&self) -> String {
        format!("{}-{}", self.first, self.first + IN_A_BLOCK - 1)
    }
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind(("0.0.0.0", port)).is_ok() && TcpListener::bind(("0.0.0.0", port)).is_ok()
}
