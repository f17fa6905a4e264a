//! Calls as tshark sees them: what the node sends is well formed, and its media leaves every 20 ms.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::node::{Node, pause, temporary_folder};
use crate::peers::{Sipp, require};
use crate::ports::Ports;

#[test]
fn sip_and_rtp_of_a_call_are_well_formed_and_rtp_is_even() {
    let node = Node::start();
    let sipp = Sipp::new(&node, "silence-until-timeout");
    let capture = Capture::start(&node, &sipp);
    sipp.run();
    let seen = capture.stop();

    seen.assert_well_formed();
    // INVITE, 100, 200, ACK, INFO, 200, BYE, 200
    assert!(seen.count("sip") >= 8, "{} SIP messages", seen.count("sip"));
    assert!(seen.count("rtcp") >= 2, "{} RTCP packets", seen.count("rtcp"));
    let rtp = seen.rtp_to(sipp.ports().get(2));
    assert!(rtp.len() > 500, "{} RTP packets", rtp.len());
    assert_even(&rtp, seen.lateness);
}

/// What an administrator gets of a traced call is a capture as good as one of the wire.
#[test]
fn the_trace_of_a_call_is_a_capture_that_tshark_reads() {
    require("tshark", "tshark");
    let node = Node::start();
    let run = |arguments: &[&str]| {
        let output = node.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for sipp in [Sipp::new(&node, "leave-message"), Sipp::new(&node, "leave-message").over_tcp()] {
        run(&["active-calls", "trace", "--next", "1"]);
        sipp.run();
        let file = temporary_folder("trace").join("call.pcap");
        run(&["active-calls", "trace", "--pcap", file.to_str().unwrap()]);
        let seen = Seen { lateness: 0.0, file, sip_port: node.sip().port() };
        seen.assert_well_formed();
        for (filter, messages) in [
            ("sip.Request-Line contains \"INVITE\"", 1),
            ("sip.Request-Line contains \"ACK\"", 1),
            ("sip.Request-Line contains \"INFO\"", 1),
            ("sip.Request-Line contains \"BYE\"", 1),
            ("sip.Status-Code == 200", 3),
            ("sdp", 2),
        ] {
            assert_eq!(seen.count(filter), messages, "{filter} of {}", seen.file.display());
        }
    }
}

#[test]
fn sip_over_tcp_is_well_formed() {
    let node = Node::start();
    let sipp = Sipp::new(&node, "re-record-and-send").over_tcp();
    let capture = Capture::start(&node, &sipp);
    sipp.run();
    let seen = capture.stop();

    seen.assert_well_formed();
    assert!(seen.count("tcp && sip") >= 20, "{} SIP messages", seen.count("tcp && sip"));
    assert_even(&seen.rtp_to(sipp.ports().get(2)), seen.lateness);
}

/// How late this machine wakes who sleeps: on a busy one the node is woken late, too.
struct Lateness {
    ended: Arc<AtomicBool>,
    sleepers: Vec<JoinHandle<Duration>>,
}

impl Lateness {
    fn measure() -> Lateness {
        const NAP: Duration = Duration::from_millis(5);
        let ended = Arc::new(AtomicBool::new(false));
        let sleep = |ended: Arc<AtomicBool>| {
            let mut worst = Duration::ZERO;
            while !ended.load(Ordering::Relaxed) {
                let lay_down = Instant::now();
                thread::sleep(NAP);
                worst = worst.max(lay_down.elapsed() - NAP);
            }
            worst
        };
        // one for each processor the node may run on
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let sleepers =
            (0..processors).map(|_| ended.clone()).map(|ended| thread::spawn(move || sleep(ended))).collect();
        Lateness { ended, sleepers }
    }

    /// The worst since it is measured, ms.
    fn worst(self) -> f64 {
        self.ended.store(true, Ordering::Relaxed);
        let worst = self.sleepers.into_iter().map(|sleeper| sleeper.join().unwrap()).max();
        worst.unwrap_or_default().as_secs_f64() * 1e3
    }
}

/// tshark, writing down what goes over the ports of a test.
struct Capture {
    tshark: Child,
    lateness: Option<Lateness>,
    file: PathBuf,
    sip_port: u16,
    /// A port of the test where nobody listens.
    unused: SocketAddr,
}

/// What was captured.
struct Seen {
    /// Of the machine, while it was captured, ms.
    lateness: f64,
    file: PathBuf,
    sip_port: u16,
}

struct RtpPacket {
    /// Seconds.
    at: f64,
    sequence: u16,
    timestamp: u32,
    ssrc: String,
}

impl Capture {
    /// Returns when it captures.
    fn start(node: &Node, sipp: &Sipp) -> Capture {
        require("tshark", "tshark");
        let file = temporary_folder("capture").join("lo.pcapng");
        let range = |ports: &Ports| format!("portrange {}", ports.range());
        let filter = format!("{} or {}", range(node.ports()), range(sipp.ports()));
        let mut tshark = Command::new("tshark")
            .args(["-i", "lo", "-q", "-f", &filter, "-w"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        let mut lines = BufReader::new(tshark.stderr.take().unwrap()).lines().map_while(Result::ok);
        let captures = lines.by_ref().any(|line| {
            let captures = line.contains("Capture started");
            said.push(line);
            captures
        });
        let allow = "run the tests as root, or allow it: sudo setcap cap_net_raw,cap_net_admin=ep /usr/bin/dumpcap";
        assert!(captures, "tshark cannot capture ({allow}): {}", said.join("\n"));
        // what it says at its end is read, so that it does not wait for a reader
        thread::spawn(move || lines.for_each(drop));
        let unused = SocketAddr::from(([127, 0, 0, 1], sipp.ports().get(9)));
        let lateness = Some(Lateness::measure());
        Capture { tshark, lateness, file, sip_port: node.ports().get(0), unused }
    }

    /// Ends when everything sent so far is in the file.
    fn stop(mut self) -> Seen {
        const LAST: &[u8] = b"the last packet of this capture";
        let deadline = Instant::now() + Duration::from_secs(10);
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(LAST, self.unused).unwrap();
        while !fs::read(&self.file).unwrap().windows(LAST.len()).any(|bytes| bytes == LAST) {
            assert!(Instant::now() < deadline, "tshark did not write what it captured");
            pause();
        }
        let interrupt = Command::new("kill").args(["-INT", &self.tshark.id().to_string()]).status().unwrap();
        assert!(interrupt.success() && self.tshark.wait().unwrap().success(), "tshark failed");
        let lateness = self.lateness.take().map_or(0.0, Lateness::worst);
        Seen { lateness, file: self.file.clone(), sip_port: self.sip_port }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.tshark.kill();
        let _ = self.tshark.wait();
    }
}

impl Seen {
    /// tshark's own judgement of every packet: malformed, or worth an error.
    fn assert_well_formed(&self) {
        let wrong =
            self.read("_ws.malformed || _ws.expert.severity == \"Error\"", &["frame.number", "_ws.expert.message"]);
        assert!(wrong.is_empty(), "{}:\n{}", self.file.display(), wrong.join("\n"));
    }

    fn count(&self, filter: &str) -> usize {
        self.read(filter, &["frame.number"]).len()
    }

    fn rtp_to(&self, port: u16) -> Vec<RtpPacket> {
        let fields = ["frame.time_epoch", "rtp.seq", "rtp.timestamp", "rtp.ssrc"];
        let lines = self.read(&format!("rtp && udp.dstport == {port}"), &fields);
        let packets = lines.iter().map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            RtpPacket {
                at: fields[0].parse().unwrap(),
                sequence: fields[1].parse().unwrap(),
                timestamp: fields[2].parse().unwrap(),
                ssrc: fields[3].to_owned(),
            }
        });
        packets.collect()
    }

    /// The fields of the packets that pass the filter, a line each.
    fn read(&self, filter: &str, fields: &[&str]) -> Vec<String> {
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(&self.file).args(["-Y", filter, "-T", "fields"]);
        for transport in ["udp", "tcp"] {
            // call router, UM service and worker: their ports may mean something else to it
            let (first, last) = (self.sip_port, self.sip_port + 2);
            tshark.args(["-d", &format!("{transport}.port=={first}-{last},sip")]);
        }
        for field in fields {
            tshark.args(["-e", field]);
        }
        let output = tshark.output().unwrap();
        assert!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(self.file.parent().unwrap());
        }
    }
}

/// One stream, no packet missing, each 20 ms after the one before.
fn assert_even(packets: &[RtpPacket], lateness: f64) {
    for (before, packet) in packets.iter().zip(packets.iter().skip(1)) {
        assert_eq!(packet.ssrc, before.ssrc, "another SSRC");
        assert_eq!(packet.sequence, before.sequence.wrapping_add(1), "a hole in the sequence numbers");
        assert_eq!(packet.timestamp, before.timestamp.wrapping_add(160), "a hole in the timestamps");
    }
    let mut spacing: Vec<f64> = packets.windows(2).map(|pair| (pair[1].at - pair[0].at) * 1e3).collect();
    let mean = spacing.iter().sum::<f64>() / spacing.len() as f64;
    spacing.sort_by(f64::total_cmp);
    let at = |percent: usize| spacing[(spacing.len() - 1) * percent / 100];
    let (low, high, longest) = (at(2), at(98), at(100));
    let measured = format!(
        "spacing in ms: mean {mean:.3}, 2nd to 98th percentile {low:.1} to {high:.1}, longest {longest:.1}; \
         the machine was late by up to {lateness:.1}"
    );
    println!("{measured}");
    assert!((mean - 20.0).abs() < 0.1, "{measured}");
    assert!(low > 12.0 && high < 28.0, "{measured}");
    assert!(longest < 40.0 + 2.0 * lateness, "a gap; {measured}");
}
