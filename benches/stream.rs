//! What one packet of a call costs in the media room: a packet in, a packet out, 20 ms recorded. No sockets.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use ringpost::media::recorder::RecordRules;
use ringpost::media::stream::{Input, Order, Output, Stream, StreamConfig};
use ringpost::protocol::rtp::Packet;
use ringpost::protocol::sdp::{Codec, MediaPlan};

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 4000);

/// A call whose peer talks, tick by tick.
struct Call {
    stream: Stream,
    now: Instant,
    packets: Vec<Vec<u8>>,
    tick: usize,
    out: Vec<Output>,
}

impl Call {
    fn new(telephone_event: Option<u8>, orders: impl IntoIterator<Item = Order>) -> Self {
        let now = Instant::now();
        let config = StreamConfig {
            ssrc: 1,
            first_sequence: 1,
            first_timestamp: 1,
            cname: "bench".into(),
            media_timeout: Duration::from_secs(3600),
            signalling_peer: None,
        };
        let mut stream = Stream::new(config, now);
        let plan = MediaPlan {
            remote: Some(PEER),
            remote_rtcp: None,
            codec: Codec::Pcmu,
            payload_type: 0,
            telephone_event,
            comfort_noise: None,
            ptime_ms: 20,
            send: true,
            receive: true,
        };
        let mut out = Vec::new();
        for order in std::iter::once(Order::Plan(plan)).chain(orders) {
            stream.on_input(now, Input::Order(order), &mut out);
        }
        Self { stream, now, packets: speech(), tick: 0, out }
    }

    /// 20 ms of the call.
    fn step(&mut self) {
        let count = self.packets.len();
        let packet = &mut self.packets[self.tick % count];
        let header = Packet {
            payload_type: 0,
            marker: false,
            sequence: self.tick as u16,
            timestamp: self.tick as u32 * 160,
            ssrc: 9,
            payload: &[],
        };
        packet[..12].copy_from_slice(&header.header());
        self.stream.on_input(self.now, Input::Rtp { from: PEER, bytes: packet }, &mut self.out);
        self.stream.tick(self.now, &mut self.out);
        black_box(&self.out);
        self.out.clear();
        self.tick += 1;
        self.now += Duration::from_millis(20);
    }
}

/// Packets of something that moves as speech does, so that the recording does not end.
fn speech() -> Vec<Vec<u8>> {
    let octet = |n: usize| ((n as f32 * 0.07).sin() * (n as f32 * 0.0009).sin() * 60.0) as i8 as u8 ^ 0xD5;
    (0..50).map(|packet| (0..172).map(|n| octet(packet * 160 + n)).collect()).collect()
}

fn record() -> Order {
    let long = Duration::from_secs(1_000_000);
    Order::Record(RecordRules { idle_timeout: long, max_duration: long })
}

fn play() -> Order {
    let audio: Arc<[i16]> = (0..80_000).map(|n| ((n as f32 * 0.3).sin() * 8000.0) as i16).collect();
    Order::Play { id: 1, audio: vec![audio; 1_000_000] }
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick and packet");
    let mut bench = |name: &str, mut call: Call| {
        group.bench_function(name, |b| b.iter(|| call.step()));
    };
    bench("waiting", Call::new(Some(101), []));
    bench("playing", Call::new(Some(101), [play()]));
    bench("recording", Call::new(Some(101), [record()]));
    bench("recording, keys in the sound", Call::new(None, [record()]));
    group.finish();

    let mut packet = Vec::new();
    Packet { payload_type: 0, marker: false, sequence: 1, timestamp: 2, ssrc: 3, payload: &[0xFF; 160] }
        .write(&mut packet);
    criterion.bench_function("parse a packet", |b| b.iter(|| Packet::parse(black_box(&packet)).map(|p| p.sequence)));
}

criterion_group!(stream, benches);
criterion_main!(stream);
