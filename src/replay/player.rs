//! Plays the calls of a scenario: messages, packets and time between the environment and the crowd of calls.
//! Knows: sockets, tokio's clock. Must not: decide what a call does.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::{Command, MediaOrder};
use super::crowd::{Crowd, Ordered};
use super::line::{Arrival, Line};
use super::message;
use super::outcome::Outcome;
use super::partner::Partner;
use super::sounds::Sounds;
use super::summary::{FailedCall, Passed, Summary};
use super::voice::Voice;
use crate::engine::Environment;
use crate::engine::environment::MediaSocket;

/// A call that echoes looks so often for what came.
const ECHO_EVERY: Duration = Duration::from_millis(10);
/// A call whose messages are kept keeps no more than so many.
const LONGEST_LADDER: usize = 500;

/// What whoever has a replay played wants of it.
pub struct Terms<'t> {
    /// Keep the messages of calls that fail.
    pub keep_ladders: bool,
    /// What `<exec command>` runs, if it may.
    pub run: Option<&'t mut dyn FnMut(&str)>,
    /// What a scenario logs, and what it warns of.
    pub note: &'t mut dyn FnMut(bool, &str),
    /// A call has failed.
    pub failed: &'t mut dyn FnMut(&Outcome),
    /// Told each second how far it is.
    pub progress: &'t mut dyn FnMut(&Summary, usize),
    /// No more calls begin when this comes.
    pub stop: Pin<&'t mut dyn Future<Output = ()>>,
}

pub struct Player {
    environment: Arc<dyn Environment>,
    line: Line,
    crowd: Crowd,
    sounds: Sounds,
    local_media: std::net::IpAddr,
    voices: HashMap<u64, Voice>,
    /// Those that say something, or echo.
    busy: BTreeSet<u64>,
    sockets: HashMap<u16, MediaEnd>,
    ladders: Option<HashMap<u64, Vec<Passed>>>,
    began: Instant,
    summary: Summary,
    packet: Vec<u8>,
    /// Who plays a scenario beside this one.
    partner: Option<Partner>,
}

/// A socket that calls send their audio from.
struct MediaEnd {
    socket: Box<dyn MediaSocket>,
    calls: usize,
}

impl Player {
    pub fn new(
        environment: Arc<dyn Environment>,
        line: Line,
        crowd: Crowd,
        sounds: Sounds,
        local_media: std::net::IpAddr,
    ) -> Player {
        let began = environment.now();
        Player {
            environment,
            line,
            crowd,
            sounds,
            local_media,
            voices: HashMap::new(),
            busy: BTreeSet::new(),
            sockets: HashMap::new(),
            ladders: None,
            began,
            summary: Summary::default(),
            packet: Vec::new(),
            partner: None,
        }
    }

    /// Beside a player of another scenario.
    pub fn beside(self, partner: Partner) -> Player {
        Player { partner: Some(partner), ..self }
    }

    /// Plays until every call is over.
    pub async fn play(mut self, mut terms: Terms<'_>) -> Summary {
        self.began = self.environment.now();
        self.ladders = terms.keep_ladders.then(HashMap::new);
        let mut orders: Vec<Ordered> = Vec::new();
        let mut arrivals = Vec::new();
        let mut next_progress = self.began + Duration::from_secs(1);
        let mut is_stopped = false;
        loop {
            let more_may_come = self.line.take(|arrival| arrivals.push(arrival));
            for arrival in arrivals.drain(..) {
                self.arrived(arrival, &mut orders);
                self.obey(&mut orders, &mut terms);
            }
            let now = self.environment.now();
            self.crowd.tick(now, self.environment.wall(), &mut orders);
            self.obey(&mut orders, &mut terms);
            self.send_audio(now);
            if self.crowd.is_over() {
                break;
            }
            if now >= next_progress {
                self.summary.elapsed = now.saturating_duration_since(self.began);
                (terms.progress)(&self.summary, self.crowd.in_progress());
                next_progress = now + Duration::from_secs(1);
            }
            let deadline = self.deadline(next_progress);
            if more_may_come {
                // the runtime's other work gets its turn
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                arrival = self.line.readable() => arrivals.extend(arrival),
                () = tokio::time::sleep_until(deadline.into()) => {}
                told = told(&mut self.partner) => {
                    let now = self.environment.now();
                    match told {
                        Some(text) => self.crowd.told(now, self.environment.wall(), text, &mut orders),
                        None => self.crowd.nobody_tells(now, &mut orders),
                    }
                    self.obey(&mut orders, &mut terms);
                }
                () = &mut terms.stop, if !is_stopped => {
                    is_stopped = true;
                    self.crowd.start_no_more();
                }
            }
        }
        self.summary.elapsed = self.environment.now().saturating_duration_since(self.began);
        self.summary
    }

    fn deadline(&self, next_progress: Instant) -> Instant {
        let busy = || self.busy.iter().filter_map(|number| self.voices.get(number));
        let echo = busy().any(|voice| voice.echoes).then(|| self.environment.now() + ECHO_EVERY);
        busy()
            .filter_map(Voice::deadline)
            .chain(self.crowd.deadline())
            .chain(echo)
            .chain([next_progress])
            .min()
            .unwrap_or(next_progress)
    }

    fn arrived(&mut self, arrival: Arrival, orders: &mut Vec<Ordered>) {
        let now = self.environment.now();
        match arrival {
            Arrival::Message(text, from) => {
                self.summary.messages_received += 1;
                let before = orders.len();
                self.crowd.received(now, self.environment.wall(), &text, from, orders);
                if let Some(ladders) = &mut self.ladders {
                    // whose it was shows in what came of it, or in its Call-ID
                    let number = orders.get(before).map(|(number, _)| *number);
                    let number = number.or_else(|| message::call_id(&text).and_then(|id| self.crowd.number_of(id)));
                    number.into_iter().for_each(|number| keep(ladders, number, now - self.began, false, &text));
                }
            }
            Arrival::Closed => self.crowd.closed(now, orders),
        }
    }

    fn obey(&mut self, orders: &mut Vec<Ordered>, terms: &mut Terms) {
        for (number, command) in orders.drain(..) {
            match command {
                Command::Send(text, to) => self.send(number, &text, to, terms),
                Command::Tell(text) => self.partner.iter().for_each(|partner| partner.tell(text.clone())),
                Command::Media(order) => self.media(number, order, terms),
                Command::Note { warning, text } => (terms.note)(warning, &text),
                Command::Run(command) => {
                    if let Some(run) = &mut terms.run {
                        run(&command);
                    }
                }
                Command::Measured { timer, time } => self.summary.times.entry(timer).or_default().add(time),
                Command::Ended(outcome) => self.ended(*outcome, terms),
                Command::StartNoMoreCalls | Command::StopEverything => {}
            }
        }
    }

    fn send(&mut self, number: u64, text: &str, to: SocketAddr, terms: &mut Terms) {
        if let Some(ladders) = &mut self.ladders {
            let at = self.environment.now() - self.began;
            keep(ladders, number, at, true, text);
        }
        self.summary.messages_sent += 1;
        if let Err(why) = self.line.send(text.as_bytes(), to) {
            (terms.note)(true, &format!("call {number}: cannot send to {to}: {why}"));
        }
    }

    fn ended(&mut self, outcome: Outcome, terms: &mut Terms) {
        let number = outcome.number;
        self.busy.remove(&number);
        if self.voices.remove(&number).is_some() {
            let port = self.crowd.media_port(number);
            let last = self.sockets.get_mut(&port).is_some_and(|end| {
                end.calls -= 1;
                end.calls == 0
            });
            if last {
                self.sockets.remove(&port);
            }
        }
        let ladder = self.ladders.as_mut().and_then(|ladders| ladders.remove(&number)).unwrap_or_default();
        if outcome.failure.is_none() {
            self.summary.succeeded += 1;
            return;
        }
        (terms.failed)(&outcome);
        self.summary.failed.push(FailedCall { outcome, ladder });
    }

    fn media(&mut self, number: u64, order: MediaOrder, terms: &mut Terms) {
        let now = self.environment.now();
        if !self.voices.contains_key(&number)
            && let Err(error) = self.open(number)
        {
            let port = self.crowd.media_port(number);
            return (terms.note)(true, &format!("call {number}: no audio from port {port}: {error}"));
        }
        let Some(voice) = self.voices.get_mut(&number) else { return };
        match order {
            MediaOrder::To(address) => voice.turn_to(address),
            MediaOrder::Stream { file, loops, payload } => {
                // all files were read before the first call
                if let Some(audio) = self.sounds.audio(&file) {
                    voice.stream(now, audio, payload, loops);
                }
            }
            MediaOrder::Pause => voice.pause(),
            MediaOrder::Resume => voice.resume(now),
            MediaOrder::Pcap(file) => {
                if let Some(capture) = self.sounds.capture(&file) {
                    voice.capture(now, capture);
                }
            }
            MediaOrder::Keys(keys) => voice.press(now, &keys),
            MediaOrder::Echo(on) => voice.echoes = on,
        }
        if voice.is_busy() {
            self.busy.insert(number);
        }
    }

    fn open(&mut self, number: u64) -> std::io::Result<()> {
        let port = self.crowd.media_port(number);
        if !self.sockets.contains_key(&port) {
            let socket = self.environment.bind_media(SocketAddr::new(self.local_media, port))?;
            self.sockets.insert(port, MediaEnd { socket, calls: 0 });
        }
        if let Some(end) = self.sockets.get_mut(&port) {
            end.calls += 1;
        }
        self.voices.insert(number, Voice::new(self.environment.random_u64() as u32));
        Ok(())
    }

    /// Sends every packet that is due; what came meanwhile is echoed or forgotten.
    fn send_audio(&mut self, now: Instant) {
        let mut quiet = Vec::new();
        for number in &self.busy {
            let Some(voice) = self.voices.get_mut(number) else { continue };
            if !voice.echoes && voice.deadline().is_none_or(|at| at > now) {
                continue;
            }
            let Some(end) = self.sockets.get_mut(&self.crowd.media_port(*number)) else { continue };
            let mut echoed = Vec::new();
            end.socket.receive(&mut |from, packet| {
                if voice.echoes {
                    echoed.push((from, packet.to_vec()));
                }
            });
            for (from, packet) in echoed {
                end.socket.send(&packet, from);
                self.summary.packets_sent += 1;
            }
            while voice.deadline().is_some_and(|at| at <= now) {
                if let Some(to) = voice.packet(now, &mut self.packet) {
                    end.socket.send(&self.packet, to);
                    self.summary.packets_sent += 1;
                }
            }
            if !voice.is_busy() {
                quiet.push(*number);
            }
        }
        quiet.iter().for_each(|number| _ = self.busy.remove(number));
    }
}

/// What the scenario beside this one tells; for ever nothing, if there is none.
async fn told(partner: &mut Option<Partner>) -> Option<Rc<str>> {
    match partner {
        Some(partner) => partner.told().await,
        None => std::future::pending().await,
    }
}

fn keep(ladders: &mut HashMap<u64, Vec<Passed>>, number: u64, at: Duration, sent: bool, text: &str) {
    let ladder = ladders.entry(number).or_default();
    if ladder.len() < LONGEST_LADDER {
        let cseq = message::header(text, "CSeq").unwrap_or_default().to_owned();
        ladder.push(Passed { at, sent, first_line: message::first_line(text).to_owned(), cseq });
    }
}
