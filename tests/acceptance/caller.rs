//! A gateway's caller, small enough that many call at once: SIP and RTP over UDP, talking all the time.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::sound;

/// One call, from its answer on. Whatever it waits for, its RTP goes on: a packet of speech each 20 ms.
pub struct Call {
    sip: UdpSocket,
    rtp: UdpSocket,
    remote_rtp: SocketAddr,
    id: String,
    to: String,
    cseq: u32,
    sequence: u16,
    next_packet: Instant,
    /// What came back: samples as they arrived.
    heard: Vec<i16>,
    line: Line,
    /// The server has ended the call.
    ended: bool,
}

/// Tells callers that the node they talk to was killed.
#[derive(Clone, Default)]
pub struct Line(Arc<AtomicBool>);

impl Line {
    pub fn cut(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_cut(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The node is gone.
#[derive(Debug)]
pub struct Cut;

/// What a call did not do in this time, it will not do.
const PATIENCE: Duration = Duration::from_secs(60);
const FRAME: Duration = Duration::from_millis(20);

impl Call {
    /// Calls a diverted extension, and returns when the call is answered.
    pub fn dial(node: SocketAddr, extension: &str, line: Line) -> Result<Call, Cut> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let socket = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (sip, rtp) = (socket(), socket());
        sip.connect(node).unwrap();
        rtp.set_nonblocking(true).unwrap();
        let (address, port) = (rtp.local_addr().unwrap().ip(), rtp.local_addr().unwrap().port());
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\n"
        );
        let mut call = Call {
            sip,
            remote_rtp: node,
            rtp,
            id: format!("{number}-{}@caller", std::process::id()),
            to: "<sip:5000@127.0.0.1>".to_owned(),
            cseq: 1,
            sequence: 0,
            next_packet: Instant::now(),
            heard: Vec::new(),
            line,
            ended: false,
        };
        let diversion = format!("Diversion: <sip:{extension}@127.0.0.1>;reason=no-answer\r\n");
        let answer = call.request("INVITE", &format!("{diversion}Content-Type: application/sdp\r\n"), &sdp)?;
        call.to = field(&answer, "To").to_owned();
        let port = answer.lines().find_map(|line| line.strip_prefix("m=audio ")).expect("an SDP answer");
        call.remote_rtp.set_port(port.split(' ').next().unwrap().parse().unwrap());
        call.send("ACK", "", "");
        Ok(call)
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// Presses a key, by INFO; returns when it has been taken.
    pub fn press(&mut self, key: char) -> Result<(), Cut> {
        self.cseq += 1;
        let body = format!("Signal={key}\r\nDuration=160\r\n");
        self.request("INFO", "Content-Type: application/dtmf-relay\r\n", &body).map(drop)
    }

    /// Skips what is said, waits for the tone, and returns when it has ended: what is said now is recorded.
    pub fn reach_recording(&mut self) -> Result<(), Cut> {
        self.press('1')?;
        self.heard.clear();
        self.talk_until(|call| tone_has_ended(&call.heard))
    }

    pub fn talk(&mut self, duration: Duration) -> Result<(), Cut> {
        let until = Instant::now() + duration;
        self.talk_until(|_| Instant::now() >= until)
    }

    /// Ends the call; returns when that is confirmed.
    pub fn hang_up(&mut self) -> Result<(), Cut> {
        if self.ended {
            return Ok(());
        }
        self.cseq += 1;
        self.request("BYE", "", "").map(drop)
    }

    /// Returns when the server has ended the call.
    pub fn wait_for_bye(&mut self) -> Result<(), Cut> {
        self.talk_until(|call| call.ended)
    }

    /// Forgets what was heard.
    pub fn listen_anew(&mut self) {
        self.heard.clear();
    }

    /// Whether the caller has been told that the message was sent.
    pub fn was_told(&self) -> bool {
        // the first word is enough to know the sentence by
        static BEGINNING: LazyLock<Vec<i16>> = LazyLock::new(|| {
            sound::prompt("message-sent").into_iter().skip_while(|sample| sample.abs() < 500).take(2000).collect()
        });
        self.ended || sound::find(&self.heard, &BEGINNING, 0.9).is_some()
    }

    fn talk_until(&mut self, mut over: impl FnMut(&mut Call) -> bool) -> Result<(), Cut> {
        let deadline = Instant::now() + PATIENCE;
        while !over(self) {
            self.take_turn(|_| ())?;
            assert!(Instant::now() < deadline, "{}: what was waited for did not come", self.id);
        }
        Ok(())
    }

    /// Sends a request until its final answer, which must be a good one, has come.
    fn request(&mut self, method: &str, headers: &str, body: &str) -> Result<String, Cut> {
        let expected = format!("{} {method}", self.cseq);
        let mut answer = None;
        for _ in 0..20 {
            self.send(method, headers, body);
            let again = Instant::now() + Duration::from_millis(500);
            while Instant::now() < again && answer.is_none() {
                self.take_turn(|message| {
                    let is_final = message.starts_with("SIP/2.0") && !message.starts_with("SIP/2.0 1");
                    if is_final && field(message, "CSeq") == expected {
                        answer = Some(message.to_owned());
                    }
                })?;
            }
            if let Some(answer) = answer {
                assert!(answer.starts_with("SIP/2.0 200"), "{method} refused: {answer}");
                return Ok(answer);
            }
        }
        panic!("{}: no answer to {method}", self.id)
    }

    /// Twenty milliseconds, or less: a packet when it is due, all that has arrived, and SIP until the next packet.
    fn take_turn(&mut self, mut on_response: impl FnMut(&str)) -> Result<(), Cut> {
        if self.line.is_cut() {
            return Err(Cut);
        }
        while Instant::now() >= self.next_packet {
            self.next_packet += FRAME;
            self.speak();
        }
        self.listen();
        let wait = self.next_packet.saturating_duration_since(Instant::now());
        self.sip.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).unwrap();
        let mut buffer = [0; 4096];
        match self.sip.recv(&mut buffer) {
            Ok(length) => {
                let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if message.starts_with("BYE ") {
                    self.answer_bye(&message);
                }
                on_response(&message);
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(()),
            // nobody listens there: it was killed, and this is heard before the killer says so
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => panic!("{error}"),
        }
    }

    fn answer_bye(&mut self, bye: &str) {
        let copied = ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| format!("{name}: {}\r\n", field(bye, name)));
        let answer = format!("SIP/2.0 200 OK\r\n{}Content-Length: 0\r\n\r\n", copied.concat());
        // its sender may be dead by now
        let _ = self.sip.send(answer.as_bytes());
        self.ended = true;
    }

    fn send(&self, method: &str, headers: &str, body: &str) {
        let local = self.sip.local_addr().unwrap();
        let text = format!(
            "{method} sip:5000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{cseq}{method}{id};rport\r\n\
             From: <sip:+14255550100@{local}>;tag={id}\r\nTo: {to}\r\nCall-ID: {id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:caller@{local}>\r\nMax-Forwards: 70\r\n{headers}Content-Length: {length}\r\n\r\n{body}",
            id = self.id,
            to = self.to,
            cseq = self.cseq,
            length = body.len()
        );
        // to a node that was killed nothing can be sent
        let _ = self.sip.send(text.as_bytes());
    }

    fn speak(&mut self) {
        static SPEECH: LazyLock<Vec<u8>> = LazyLock::new(sound::encoded_speech);
        if self.remote_rtp == self.sip.peer_addr().unwrap() {
            return; // not answered yet
        }
        let mut packet = [0u8; 172];
        packet[0] = 0x80;
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(self.sequence) * 160).to_be_bytes());
        packet[8..12].copy_from_slice(&[1, 2, 3, 4]);
        let frames = SPEECH.len() / 160;
        let at = usize::from(self.sequence) % frames * 160;
        packet[12..].copy_from_slice(&SPEECH[at..at + 160]);
        self.sequence += 1;
        let _ = self.rtp.send_to(&packet, self.remote_rtp);
    }

    fn listen(&mut self) {
        let mut buffer = [0; 512];
        while let Ok(length) = self.rtp.recv(&mut buffer) {
            if length > 12 {
                self.heard.extend(buffer[12..length].iter().map(|octet| sound::mu_law(*octet)));
            }
        }
    }
}

/// The tone before recording: loud for a while, then nothing. Words that were being said when the key was pressed are
/// shorter than it by then.
fn tone_has_ended(heard: &[i16]) -> bool {
    let frames: Vec<bool> = heard.chunks_exact(160).map(|frame| frame.iter().all(|sample| *sample == 0)).collect();
    let loud = frames.split(|silent| *silent).map(<[bool]>::len).max().unwrap_or_default();
    loud >= 20 && frames.last() == Some(&true)
}

pub fn field<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find(|line| line.split(':').next().is_some_and(|n| n.eq_ignore_ascii_case(name)));
    line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
}
