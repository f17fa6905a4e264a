//! The least that could be done: receive each packet on one socket a call, answer it, store what it carried.
//! Knows: sockets and files. Must not: understand anything.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::caller::Calls;

/// Octets gathered before a write: a second of G.711.
const STORE_EVERY: usize = 8_000;

pub struct Bare {
    child: Child,
    ports: Vec<SocketAddr>,
}

impl Bare {
    /// Starts this program again, as the bare one.
    pub fn start(calls: usize) -> Bare {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--bare", &calls.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bare program starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ports = lines.take(calls).map(|line| line.expect("a line").parse().expect("an address")).collect();
        Bare { child, ports }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn call(&self) -> Calls {
        Calls::of(&self.ports)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        fs::remove_dir_all(folder(self.child.id())).ok();
    }
}

pub fn run(arguments: &[String]) {
    let calls: usize = arguments[0].parse().expect("a number of calls");
    let folder = folder(std::process::id());
    fs::create_dir_all(&folder).expect("a temporary folder");
    let sockets: Vec<UdpSocket> = (0..calls).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a port")).collect();
    let mut files: Vec<(File, Vec<u8>)> = (0..calls)
        .map(|number| (File::create(folder.join(number.to_string())).expect("a file"), Vec::with_capacity(STORE_EVERY)))
        .collect();
    for socket in &sockets {
        println!("{}", socket.local_addr().expect("an address"));
    }
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("epoll");
    for (number, socket) in sockets.iter().enumerate() {
        epoll.add(socket.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, number as u64)).expect("epoll");
    }
    let mut ready = vec![EpollEvent::empty(); 64];
    let mut buffer = [0; 2048];
    loop {
        let count = epoll.wait(&mut ready, EpollTimeout::NONE).expect("epoll");
        for number in ready[..count].iter().map(|event| event.data() as usize) {
            let (length, from) = sockets[number].recv_from(&mut buffer).expect("a packet");
            sockets[number].send_to(&buffer[..length], from).expect("loopback");
            let (file, gathered) = &mut files[number];
            gathered.extend_from_slice(&buffer[12.min(length)..length]);
            if gathered.len() >= STORE_EVERY {
                file.write_all(gathered).expect("room on the disk");
                gathered.clear();
            }
        }
    }
}

fn folder(pid: u32) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("ringpost-bench-bare-{pid}"))
}
