use super::*;
use crate::media::codec;
use crate::media::dtmf;
use crate::media::level::Dbm0;
use crate::media::signals::recorded_speech;
use crate::media::telephone_event::Event;
use crate::protocol::rtcp::Compound;
use crate::protocol::rtp::Packet;
use crate::protocol::sdp::Codec;
use proptest::prelude::*;

const PEER: &str = "203.0.113.7:4000";
const PEER_SSRC: u32 = 0xABCD;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn plan() -> MediaPlan {
    MediaPlan {
        remote: Some(address(PEER)),
        remote_rtcp: Some(address("203.0.113.7:4001")),
        codec: Codec::Pcmu,
        payload_type: 0,
        telephone_event: Some(101),
        comfort_noise: None,
        ptime_ms: 20,
        send: true,
        receive: true,
    }
}

fn rules(idle: u64, max: u64) -> RecordRules {
    RecordRules { idle_timeout: Duration::from_secs(idle), max_duration: Duration::from_secs(max) }
}

fn noise(seed: u64, limit: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) % limit
    }
}

fn likeness(a: &[i16], b: &[i16]) -> f64 {
    let product = |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// A call whose clock is turned by hand: what the peer sends is put on its way, what comes out is kept.
struct Call {
    stream: Stream,
    start: Instant,
    /// In ms.
    now: u64,
    /// Packets on their way: when they arrive, in ms.
    way: Vec<(u64, SocketAddr, Vec<u8>)>,
    sequence: u16,
    out: Vec<Output>,
}

impl Call {
    fn new(plan: MediaPlan) -> Self {
        let start = Instant::now();
        let config = StreamConfig {
            ssrc: 0x5555,
            first_sequence: 65_530,
            first_timestamp: 0xFFFF_FF00,
            cname: "ringpost".into(),
            media_timeout: Duration::from_secs(10),
            signalling_peer: None,
        };
        let mut call =
            Self { stream: Stream::new(config, start), start, now: 0, way: Vec::new(), sequence: 100, out: Vec::new() };
        call.order(Order::Plan(plan));
        call
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn order(&mut self, order: Order) -> &mut Self {
        self.stream.on_input(self.instant(), Input::Order(order), &mut self.out);
        self
    }

    fn rtcp(&mut self, from: &str, compound: Compound) {
        let bytes = compound.into_octets();
        self.stream.on_input(self.instant(), Input::Rtcp { from: address(from), bytes: &bytes }, &mut self.out);
    }

    /// Puts a packet on its way that leaves `after` ms from now.
    fn send(&mut self, after: u64, from: &str, payload_type: u8, at: u64, payload: &[u8]) {
        let timestamp = (at * 8) as u32;
        let packet =
            Packet { payload_type, marker: false, sequence: self.sequence, timestamp, ssrc: PEER_SSRC, payload };
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        self.way.push((self.now + after, address(from), bytes));
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// The peer says this from now on, in packets of 20 ms.
    fn say(&mut self, codec: Codec, audio: &[i16]) {
        for (index, samples) in (0u64..).zip(audio.chunks(160)) {
            let mut payload = Vec::new();
            codec::encode(codec, samples, &mut payload);
            self.send(index * 20, PEER, codec.static_payload_type(), self.now + index * 20, &payload);
        }
    }

    /// Turns the clock.
    fn run(&mut self, millis: u64) -> &mut Self {
        self.way.sort_by_key(|(at, ..)| *at);
        for _ in 0..millis {
            while self.way.first().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, from, bytes) = self.way.remove(0);
                self.stream.on_input(self.instant(), Input::Rtp { from, bytes: &bytes }, &mut self.out);
            }
            if self.now.is_multiple_of(20) {
                self.stream.tick(self.instant(), &mut self.out);
            }
            self.now += 1;
        }
        self
    }

    fn sent(&self) -> Vec<Packet<'_>> {
        let rtp = |output: &'_ Output| matches!(output, Output::Rtp { .. });
        self.out
            .iter()
            .filter(|o| rtp(o))
            .map(|output| match output {
                Output::Rtp { bytes, .. } => Packet::parse(bytes).unwrap(),
                _ => unreachable!(),
            })
            .collect()
    }

    fn heard(&self) -> Vec<StreamEvent> {
        let heard = |output: &Output| if let Output::Heard(event) = output { Some(event.clone()) } else { None };
        self.out.iter().filter_map(heard).collect()
    }

    fn recorded(&self) -> Vec<i16> {
        let audio = |output: &Output| if let Output::Audio(samples) = output { Some(samples.clone()) } else { None };
        self.out.iter().filter_map(audio).flatten().collect()
    }

    fn reports(&self) -> Vec<(SocketAddr, Vec<rtcp::Packet>)> {
        let report = |output: &Output| {
            if let Output::Rtcp { to, bytes } = output { Some((*to, rtcp::parse(bytes).unwrap())) } else { None }
        };
        self.out.iter().filter_map(report).collect()
    }
}

fn ended(reason: RecordEnd, samples: u64) -> StreamEvent {
    StreamEvent::RecordingEnded { reason, samples }
}

#[test]
fn a_packet_leaves_every_20_ms_without_a_gap_in_numbers() {
    let mut call = Call::new(plan());
    call.run(1000);
    let sent = call.sent();
    assert_eq!(sent.len(), 50);
    for (index, packet) in sent.iter().enumerate() {
        assert_eq!(packet.sequence, 65_530u16.wrapping_add(index as u16));
        assert_eq!(packet.timestamp, 0xFFFF_FF00u32.wrapping_add(index as u32 * 160));
        assert_eq!(packet.marker, index == 0);
        assert_eq!((packet.payload_type, packet.ssrc), (0, 0x5555));
        assert_eq!(packet.payload, [0xFF; 160]);
    }
    assert!(call.out.iter().all(|o| !matches!(o, Output::Rtp { to, .. } if *to != address(PEER))));
}

#[test]
fn the_ptime_the_peer_asked_for_is_kept() {
    for (ptime_ms, packets) in [(10, 120), (20, 60), (30, 40), (40, 30), (60, 20)] {
        let mut call = Call::new(MediaPlan { ptime_ms, codec: Codec::Pcma, payload_type: 8, ..plan() });
        call.run(1200);
        let sent = call.sent();
        assert_eq!(sent.len(), packets, "{ptime_ms} ms");
        for pair in sent.windows(2) {
            assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), u32::from(ptime_ms) * 8);
            assert_eq!(pair[1].payload, vec![0xD5; usize::from(ptime_ms) * 8]);
        }
    }
}

#[test]
fn what_is_played_is_sent_and_its_end_is_told_once() {
    let audio: Arc<[i16]> = recorded_speech()[..8000].into();
    let mut call = Call::new(plan());
    call.run(100).order(Order::Play { id: 7, audio: vec![audio.clone(), audio.clone()] }).run(1980);
    assert_eq!(call.heard(), []);
    call.run(1000);
    assert_eq!(call.heard(), [StreamEvent::Played { id: 7 }]);

    let mut octets = Vec::new();
    codec::encode(Codec::Pcmu, &[&audio[..], &audio[..]].concat(), &mut octets);
    let sent: Vec<u8> = call.sent().iter().flat_map(|p| p.payload.to_vec()).collect();
    assert!(sent[800..16_800] == octets[..], "what was sent differs");
    assert!(sent[16_800..].iter().all(|octet| *octet == 0xFF));
}

#[test]
fn stopped_playing_is_not_told_and_paused_playing_waits() {
    let audio: Arc<[i16]> = vec![1000; 8000].into();
    let mut call = Call::new(plan());
    call.order(Order::Play { id: 1, audio: vec![audio.clone()] }).run(500).order(Order::StopPlaying).run(1000);
    assert_eq!(call.heard(), []);
    call.order(Order::Play { id: 2, audio: vec![audio.clone()] }).run(500).order(Order::Pause).run(2000);
    assert_eq!(call.heard(), []);
    call.order(Order::Resume).run(520);
    assert_eq!(call.heard(), [StreamEvent::Played { id: 2 }]);
    call.order(Order::Play { id: 3, audio: vec![audio] }).run(20).order(Order::Seek(7800)).run(40);
    assert_eq!(call.heard().last(), Some(&StreamEvent::Played { id: 3 }));
}

#[test]
fn on_hold_nothing_is_sent_and_playing_waits() {
    let audio: Arc<[i16]> = vec![1000; 8000].into();
    let mut call = Call::new(plan());
    call.order(Order::Play { id: 1, audio: vec![audio] }).run(500);
    call.order(Order::Plan(MediaPlan { send: false, ..plan() })).run(2000);
    assert_eq!((call.sent().len(), call.heard().len()), (25, 0));
    call.order(Order::Plan(plan())).run(520);
    assert_eq!(call.heard(), [StreamEvent::Played { id: 1 }]);
    let sent = call.sent();
    let (last, first) = (sent[24], sent[25]);
    assert!(first.marker && !last.marker);
    assert_eq!(first.sequence, last.sequence.wrapping_add(1));
    // the timestamps followed the clock
    assert_eq!(first.timestamp.wrapping_sub(last.timestamp), 160 * 101);
}

#[test]
fn a_change_of_codec_changes_the_payload_only() {
    let mut call = Call::new(plan());
    call.run(100).order(Order::Plan(MediaPlan { codec: Codec::Pcma, payload_type: 8, ..plan() })).run(100);
    let sent = call.sent();
    assert_eq!(sent.iter().map(|p| p.payload_type).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 8, 8, 8, 8, 8]);
    assert!(sent.windows(2).all(|p| p[1].sequence == p[0].sequence.wrapping_add(1)));
    assert!(sent.windows(2).all(|p| p[1].timestamp == p[0].timestamp.wrapping_add(160)));
    assert_eq!(sent[5].payload, [0xD5; 160]);
}

/// The acceptance of the issue: 3 % loss, 40 ms jitter, both laws.
#[test]
fn a_recording_over_a_bad_network_keeps_time_and_likeness() {
    let speech = recorded_speech();
    let said = [&speech[..], &speech[..], &speech[..]].concat();
    for (codec, payload_type) in [(Codec::Pcmu, 0), (Codec::Pcma, 8)] {
        let mut call = Call::new(MediaPlan { codec, payload_type, ..plan() });
        call.say(codec, &vec![0; 8000]);
        call.run(1000);
        call.order(Order::Record(rules(60, 600)));
        call.say(codec, &said);
        let mut random = noise(99, 1000);
        call.way.retain(|_| random() >= 30);
        for packet in &mut call.way {
            packet.0 += random() % 41;
        }
        let length = said.len() as u64 / 8;
        call.run(length + 40).order(Order::StopRecording);

        let recorded = call.recorded();
        let difference = recorded.len() as i64 - said.len() as i64;
        assert!(difference.abs() <= 800, "{difference} samples too long");
        let best = (0..800)
            .map(|lag| likeness(&said[..recorded.len().min(said.len()) - lag], &recorded[lag..]))
            .fold(0.0, f64::max);
        assert!(best > 0.95, "{codec:?}: {best}");
        let quality = call.stream.quality();
        let share = quality.lost as f64 / (quality.lost + quality.packets) as f64;
        assert!((0.01..0.05).contains(&share), "{share}");
        assert!((5.0..20.0).contains(&quality.jitter_ms), "{}", quality.jitter_ms);
        assert!(quality.estimate.nmos < 4.3 && quality.estimate.nmos > 2.5, "{:?}", quality.estimate);
    }
}

#[test]
fn a_recording_holds_what_was_said_between_its_orders() {
    let speech = recorded_speech();
    let mut call = Call::new(plan());
    call.say(Codec::Pcmu, &vec![8000; 8000]);
    call.run(1000).order(Order::Record(rules(60, 600)));
    call.say(Codec::Pcmu, &speech[..32_000]);
    call.run(4000).order(Order::StopRecording);
    call.say(Codec::Pcmu, &vec![8000; 8000]);
    call.run(1000);
    let recorded = call.recorded();
    assert_eq!(recorded.len(), 32_000);
    assert!(likeness(&recorded, &speech[..32_000]) > 0.999);
    let [StreamEvent::RecordingEnded { reason: RecordEnd::Stopped, samples }] = call.heard()[..] else { panic!() };
    assert!(samples > 16_000 && samples <= 32_000, "{samples}");
    // about a second at a time
    let pieces: Vec<_> =
        call.out.iter().filter_map(|o| if let Output::Audio(a) = o { Some(a.len()) } else { None }).collect();
    assert_eq!(pieces[..3], [8000; 3]);
}

#[test]
fn silence_and_the_maximum_end_a_recording() {
    let speech = recorded_speech();
    let mut call = Call::new(plan());
    call.order(Order::Record(rules(3, 600)));
    call.say(Codec::Pcmu, &[&speech[..24_000], &[0; 40_000]].concat());
    call.run(8000);
    let [StreamEvent::RecordingEnded { reason: RecordEnd::Silence, samples }] = call.heard()[..] else { panic!() };
    assert!((16_000..28_000).contains(&samples), "{samples}");
    assert!(call.recorded().len() as u64 >= samples);

    let mut call = Call::new(plan());
    call.order(Order::Record(rules(3, 2)));
    call.say(Codec::Pcmu, &speech[..24_000]);
    call.run(3000);
    assert_eq!(call.recorded().len(), 16_000);
    assert!(matches!(call.heard()[..], [StreamEvent::RecordingEnded { reason: RecordEnd::MaximumDuration, .. }]));
}

#[test]
fn a_caller_who_never_sends_ends_by_silence_too() {
    let mut call = Call::new(plan());
    call.run(1000).order(Order::Record(rules(5, 600))).run(6000);
    assert_eq!(call.heard(), [ended(RecordEnd::Silence, 0)]);
}

#[test]
fn stop_flushes_the_recording_and_says_goodbye() {
    let speech = recorded_speech();
    let mut call = Call::new(plan());
    call.order(Order::Record(rules(60, 600)));
    call.say(Codec::Pcmu, &speech[..12_000]);
    call.run(1500).order(Order::Stop);
    assert_eq!(call.recorded().len(), 12_000);
    assert!(matches!(call.heard()[..], [StreamEvent::RecordingEnded { reason: RecordEnd::Stopped, .. }]));
    let (to, packets) = call.reports().pop().unwrap();
    assert_eq!(to, address("203.0.113.7:4001"));
    assert_eq!(packets.last(), Some(&rtcp::Packet::Bye { ssrcs: vec![0x5555] }));
    let outputs = call.out.len();
    call.run(1000).order(Order::Record(rules(1, 1))).run(3000);
    assert_eq!(call.out.len(), outputs);
}

#[test]
fn a_key_is_heard_once_and_leaves_no_sound_in_the_recording() {
    let mut call = Call::new(plan());
    call.order(Order::Record(rules(60, 600)));
    call.say(Codec::Pcmu, &vec![3000; 8000]);
    call.run(1000);
    // the gateway sends the tone and the events
    let pressed = call.now;
    let tone = dtmf::generate('#', 100, Dbm0(-6.0));
    for packet in 1..=8u64 {
        let payload = Event { code: 11, end: packet > 5, volume: 10, duration: packet.min(5) as u16 * 160 }.octets();
        if let Some(samples) = tone.chunks(160).nth(packet as usize - 1) {
            let mut octets = Vec::new();
            codec::encode(Codec::Pcmu, samples, &mut octets);
            call.send(packet * 20 - 20, PEER, 0, pressed + packet * 20 - 20, &octets);
        }
        call.send(packet * 20 - 20, PEER, 101, pressed, &payload);
    }
    call.run(20);
    assert_eq!(call.heard(), [StreamEvent::Key('#')]);
    call.run(180).order(Order::StopRecording);
    assert_eq!(call.heard()[0], StreamEvent::Key('#'));
    assert_eq!(call.heard().len(), 2);
    let recorded = call.recorded();
    assert!(recorded[160..7500].iter().all(|s| s.abs_diff(3000) < 100));
    assert!(recorded[7700..8700].iter().all(|s| *s == 0), "the key is heard");
}

#[test]
fn a_key_in_the_sound_is_heard_when_events_were_not_agreed() {
    let speech = recorded_speech();
    let key = dtmf::generate('5', 200, Dbm0(-10.0));
    let said = [&speech[..16_000], &[0; 800], &key[..], &[0; 1600], &speech[16_000..24_000]].concat();
    let mut call = Call::new(MediaPlan { telephone_event: None, ..plan() });
    call.order(Order::Record(rules(60, 600)));
    call.say(Codec::Pcmu, &said);
    call.run(said.len() as u64 / 8).order(Order::StopRecording);
    assert_eq!(call.heard()[0], StreamEvent::Key('5'));
    assert_eq!(call.heard().len(), 2);
    let recorded = call.recorded();
    // cut out, with at most what surrounds it
    let missing = said.len() - recorded.len();
    assert!((1500..3200).contains(&missing), "{missing}");
    let loudest = recorded[16_040..17_000].iter().map(|s| s.unsigned_abs()).max().unwrap();
    assert!(loudest < 50, "{loudest}");
    let mut listening = dtmf::Detector::new();
    assert!(recorded.chunks(160).all(|frame| listening.push(frame).is_none()), "the key is in the recording");

    let mut call = Call::new(plan());
    call.say(Codec::Pcmu, &said);
    call.run(said.len() as u64 / 8);
    assert_eq!(call.heard(), []);
}

#[test]
fn keys_are_sent_as_events_or_in_the_sound() {
    let mut call = Call::new(plan());
    call.run(40).order(Order::SendKeys("1#".into())).run(600);
    let sent = call.sent();
    let events: Vec<_> = sent.iter().filter(|p| p.payload_type == 101).collect();
    assert_eq!(events.len(), 16);
    assert_eq!(sent.len(), 32, "and every 20 ms a packet");
    assert_eq!(events.iter().filter(|p| p.marker).count(), 2);
    assert_eq!(events[0].timestamp, 0xFFFF_FF00u32.wrapping_add(2 * 160));
    assert!(events[..8].iter().all(|p| p.timestamp == events[0].timestamp));
    assert!(sent.windows(2).all(|p| p[1].sequence == p[0].sequence.wrapping_add(1)));

    let mut call = Call::new(MediaPlan { telephone_event: None, ..plan() });
    call.run(40).order(Order::SendKeys("1#".into())).run(600);
    let mut samples = Vec::new();
    call.sent().iter().for_each(|p| codec::decode(Codec::Pcmu, p.payload, &mut samples));
    let mut detector = dtmf::Detector::new();
    assert_eq!(samples.chunks(160).filter_map(|frame| detector.push(frame)).collect::<String>(), "1#");
}

#[test]
fn what_others_send_is_not_recorded() {
    let speech = recorded_speech();
    let mut call = Call::new(plan());
    call.order(Order::Record(rules(60, 600)));
    call.say(Codec::Pcmu, &speech[..16_000]);
    for packet in 0..100u64 {
        let (at, sequence) = (call.now + packet * 20, call.sequence);
        call.sequence = 100 + packet as u16;
        call.send(packet * 20, "198.51.100.66:4000", 0, at, &[0x80; 160]);
        call.sequence = sequence;
    }
    call.run(2000).order(Order::StopRecording);
    assert!(likeness(&call.recorded(), &speech[..16_000]) > 0.999);
    assert_eq!(call.stream.quality().refused, 100);
    assert_eq!(call.stream.source(), Some(address(PEER)));
}

#[test]
fn doubled_packets_count_once() {
    let mut call = Call::new(plan());
    call.say(Codec::Pcmu, &vec![1000; 16_000]);
    let again: Vec<_> = call.way.iter().map(|(at, from, bytes)| (at + 700, *from, bytes.clone())).collect();
    call.way.extend(again);
    call.run(3000);
    let quality = call.stream.quality();
    assert_eq!((quality.packets, quality.lost, quality.late), (100, 0, 0));
}

#[test]
fn media_goes_back_through_the_peers_nat() {
    let mut call = Call::new(MediaPlan { remote: Some(address("192.168.1.5:4000")), ..plan() });
    let nat = "203.0.113.1:50000";
    for packet in 0..10 {
        call.send(packet * 20, nat, 0, packet * 20, &[0xFF; 160]);
    }
    call.run(200);
    let to: Vec<_> =
        call.out.iter().filter_map(|o| if let Output::Rtp { to, .. } = o { Some(*to) } else { None }).collect();
    assert_eq!(to[0], address("192.168.1.5:4000"));
    assert!(to[3..].iter().all(|to| *to == address(nat)));
    call.order(Order::Stop);
    assert_eq!(call.reports().pop().unwrap().0, address("203.0.113.1:50001"));
}

#[test]
fn no_media_is_told_once_and_not_on_hold() {
    let told = |call: &Call| call.heard().iter().filter(|e| **e == StreamEvent::NoMedia).count();
    let mut call = Call::new(plan());
    call.run(9_990);
    assert_eq!(told(&call), 0);
    call.run(5_000);
    assert_eq!(told(&call), 1);
    // heard again, silent again
    call.say(Codec::Pcmu, &[0; 160]);
    call.run(15_000);
    assert_eq!(told(&call), 2);

    for hold in [
        MediaPlan { receive: false, ..plan() },
        // by c=0.0.0.0
        MediaPlan { remote: None, remote_rtcp: None, send: false, ..plan() },
    ] {
        call.order(Order::Plan(hold)).run(60_000);
        assert_eq!(told(&call), 2);
    }
    call.order(Order::Plan(plan())).run(9_900);
    assert_eq!(told(&call), 2);
    call.run(200);
    assert_eq!(told(&call), 3);
}

#[test]
fn reports_tell_what_was_sent_and_heard_and_measure_the_round_trip() {
    let mut call = Call::new(plan());
    call.say(Codec::Pcmu, &vec![0; 160_000]);
    call.way.retain(|(at, ..)| at % 1000 != 500);
    call.run(20_000);
    let reports = call.reports();
    assert!((3..=9).contains(&reports.len()), "{}", reports.len());
    let (to, packets) = reports.last().unwrap();
    assert_eq!(*to, address("203.0.113.7:4001"));
    let [rtcp::Packet::Report { ssrc: 0x5555, sender: Some(sender), blocks }, rtcp::Packet::Cname { cname, .. }] =
        &packets[..]
    else {
        panic!("{packets:?}")
    };
    assert_eq!(cname, "ringpost");
    assert_eq!((sender.octets, blocks[0].ssrc), (sender.packets * 160, PEER_SSRC));
    assert!(sender.packets > 300 && blocks[0].cumulative_lost > 5);

    // the peer answers as if it had the report for all the time since, but 50 ms
    let reported = (sender.ntp - (1 << 32)) as f64 / 2f64.powi(32);
    let delay = ((call.now as f64 / 1000.0 - reported - 0.05) * 65_536.0) as u32;
    let answer = rtcp::ReportBlock { ssrc: 0x5555, last_report: (sender.ntp >> 16) as u32, delay, ..blocks[0] };
    call.rtcp("203.0.113.7:4001", Compound::report(PEER_SSRC, None, &[answer]));
    let round_trip = call.stream.quality().round_trip_ms.unwrap();
    assert!((49.5..50.5).contains(&round_trip), "{round_trip}");
}

#[test]
fn the_peers_goodbye_is_believed_from_the_peer_only() {
    let goodbye = |ssrc| Compound::report(ssrc, None, &[]).bye(ssrc);
    let mut call = Call::new(plan());
    call.say(Codec::Pcmu, &[0; 1600]);
    call.run(200);
    call.rtcp("198.51.100.66:4001", goodbye(PEER_SSRC));
    call.rtcp("203.0.113.7:4001", goodbye(1));
    assert_eq!(call.heard(), []);
    call.rtcp("203.0.113.7:4001", goodbye(PEER_SSRC));
    assert_eq!(call.heard(), [StreamEvent::PeerLeft]);
}

fn any_order() -> impl Strategy<Value = Order> {
    prop_oneof![
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<u16>(), any::<bool>()).prop_map(
            |(send, receive, events, ptime_ms, held)| {
                let remote = (!held).then(|| address(PEER));
                Order::Plan(MediaPlan {
                    send,
                    receive,
                    remote,
                    telephone_event: events.then_some(101),
                    ptime_ms,
                    ..plan()
                })
            }
        ),
        (0usize..3, 0usize..2000)
            .prop_map(|(parts, length)| Order::Play { id: 1, audio: vec![vec![1000; length].into(); parts] }),
        Just(Order::StopPlaying),
        any::<i64>().prop_map(Order::Seek),
        (0u64..3, 0u64..3).prop_map(|(idle, max)| Order::Record(rules(idle, max))),
        Just(Order::StopRecording),
        "[0-9a-z#*é]{0,5}".prop_map(Order::SendKeys),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_octets_and_orders_at_any_time_are_taken(
        steps in prop::collection::vec((prop::option::of(any_order()), prop::collection::vec(any::<u8>(), 0..200), 0u8..4, 0u64..300), 1..60),
    ) {
        let mut call = Call::new(plan());
        for (order, mut bytes, kind, pause) in steps {
            if let Some(order) = order {
                call.order(order);
            }
            // mostly octets that look like RTP or RTCP
            if let (0..=2, [flags, payload_type, high, ..]) = (kind, &mut bytes[..]) {
                *flags = if kind == 0 { 0x80 } else { 0x80 | *flags & 0x3F };
                *payload_type = [0, 101, 13][usize::from(*payload_type % 3)];
                *high = 0;
            }
            let (now, from) = (call.instant(), address(PEER));
            call.stream.on_input(now, Input::Rtp { from, bytes: &bytes }, &mut call.out);
            call.stream.on_input(now, Input::Rtcp { from, bytes: &bytes }, &mut call.out);
            call.run(pause);
        }
        call.order(Order::Stop);
        let recordings = call.heard().iter().filter(|e| matches!(e, StreamEvent::RecordingEnded { .. })).count();
        prop_assert!(recordings <= 60);
        prop_assert!(call.stream.quality().estimate.nmos >= 1.0);
    }
}
