use super::*;
use proptest::prelude::*;

/// xorshift: the same network every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) % limit
    }
}

/// Something like speech: a gliding voice with formant-like overtones, in syllables, and some hiss.
fn speech(seconds: usize) -> Vec<i16> {
    let mut random = Random(77);
    let mut phase = 0.0f64;
    (0..seconds * 8000)
        .map(|n| {
            let t = n as f64 / 8000.0;
            phase += (120.0 + 30.0 * (t * 1.3).sin()) * std::f64::consts::TAU / 8000.0;
            let voice: f64 = (1..20).map(|k| (phase * f64::from(k)).sin() * (-f64::from(k) / 6.0).exp()).sum();
            let syllable = (t * 4.0 * std::f64::consts::PI).sin().max(0.0).powi(2) + 0.02;
            let hiss = random.below(200) as f64 - 100.0;
            (voice * syllable * 2500.0 + hiss).clamp(-32_000.0, 32_000.0) as i16
        })
        .collect()
}

/// A packet on its way: when it arrives, in 1/8 ms.
#[derive(Debug, Clone, Copy)]
struct Sent {
    arrives: i64,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    content: Content<'static>,
}

/// A sender that leaks its audio (tests only), so that packets can be kept in a list.
struct Sender {
    packets: Vec<Sent>,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// In 1/8 ms.
    clock: i64,
}

impl Sender {
    fn new() -> Self {
        Self { packets: Vec::new(), ssrc: 1, sequence: 65_500, timestamp: 0xFFFF_8000, clock: 800 }
    }

    fn send(&mut self, content: Content<'static>) {
        let (ssrc, sequence, timestamp) = (self.ssrc, self.sequence, self.timestamp);
        self.packets.push(Sent { arrives: self.clock, ssrc, sequence, timestamp, content });
        self.sequence = self.sequence.wrapping_add(1);
    }

    fn pass(&mut self, samples: i64) {
        self.clock += samples;
        self.timestamp = self.timestamp.wrapping_add(samples as u32);
    }

    fn say(&mut self, audio: &[i16], packet: usize) {
        for samples in Vec::from(audio).leak().chunks(packet) {
            self.send(Content::Audio(samples));
            self.pass(samples.len() as i64);
        }
    }

    /// Through a network that loses per mille and delays by up to `jitter` ms, overtaking allowed.
    fn through(mut self, lost: u64, jitter: u64) -> Self {
        let mut random = Random(4711);
        self.packets.retain(|_| random.below(1000) >= lost);
        for packet in &mut self.packets {
            packet.arrives += random.below(jitter * 8 + 1) as i64;
        }
        self
    }

    /// Plays it out; the clock of the receiver ticks every 20 ms. Runs on for `after` ms.
    fn play(&self, delay: Delay, after: i64) -> Played {
        let start = Instant::now();
        let at = |clock: i64| start + Duration::from_micros(clock as u64 * 125);
        let mut buffer = Jitter::new(delay, start);
        let mut packets = self.packets.clone();
        packets.sort_by_key(|packet| packet.arrives);
        let mut arriving = packets.iter().peekable();
        let mut frame = [0; FRAME];
        let mut audio = Vec::new();
        let mut first = None;
        let until = self.clock + after * 8;
        for tick in (0..until).step_by(160) {
            while let Some(sent) = arriving.next_if(|p| p.arrives <= tick) {
                first.get_or_insert(sent.arrives);
                let Sent { ssrc, sequence, timestamp, .. } = *sent;
                let packet = Packet { payload_type: 0, marker: false, sequence, timestamp, ssrc, payload: &[] };
                buffer.push(at(sent.arrives), &packet, sent.content);
            }
            while let Some(position) = buffer.next(at(tick), &mut frame) {
                assert_eq!(position, audio.len() as i64);
                audio.extend_from_slice(&frame);
            }
        }
        Played { audio, first: first.unwrap() as usize, buffer }
    }
}

struct Played {
    audio: Vec<i16>,
    /// Position of the first packet.
    first: usize,
    buffer: Jitter,
}

impl Played {
    /// How much like the original it is, at the position where the sound should be, give or take `slack` samples.
    fn likeness(&self, original: &[i16], at: usize, slack: usize) -> f64 {
        let likeness = |original: &[i16], from: usize| {
            let played = self.audio.get(from..from + original.len()).expect("played in full");
            let product =
                |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            product(original, played) / (product(original, original) * product(played, played)).sqrt()
        };
        // The first second finds the place, all of it is then compared there.
        let first = &original[..original.len().min(8000)];
        let place = (at.saturating_sub(slack)..=at + slack)
            .max_by(|a, b| likeness(first, *a).total_cmp(&likeness(first, *b)))
            .expect("at least one place");
        likeness(original, place)
    }

    fn loudest(&self, range: std::ops::Range<usize>) -> u16 {
        self.audio[range].iter().map(|s| s.unsigned_abs()).max().unwrap()
    }
}

/// Compares without printing thousands of samples.
#[track_caller]
fn same(played: &[i16], original: &[i16], what: &str) {
    assert_eq!(played.len(), original.len(), "{what}");
    let differs = played.iter().zip(original).position(|(a, b)| a != b);
    assert_eq!(
        differs,
        None,
        "{what}: first difference, of {}",
        played.iter().zip(original).filter(|(a, b)| a != b).count()
    );
}

#[test]
fn a_clean_network_gives_back_every_sample() {
    for packet in [80, 160, 240, 320, 480] {
        let original = speech(3);
        let mut sender = Sender::new();
        sender.say(&original, packet);
        let played = sender.play(Delay::RECORDING, 600);
        same(&played.audio[800..800 + original.len()], &original, &format!("packets of {packet}"));
        assert_eq!((played.buffer.late(), played.buffer.made_up()), (0, 0));
    }
}

#[test]
fn three_per_cent_loss_and_40_ms_jitter_keep_time_and_likeness() {
    let original = speech(60);
    for packet in [80, 160, 240, 320, 480] {
        let mut sender = Sender::new();
        sender.say(&original, packet);
        let played = sender.through(30, 40).play(Delay::RECORDING, 600);
        let at = played.first.max(800);
        let likeness = played.likeness(&original, at, 320);
        assert!(likeness > 0.97, "packets of {packet}: {likeness}");
        assert_eq!(played.buffer.late(), 0);
        let made_up = played.buffer.made_up() as f64 / original.len() as f64;
        assert!((0.015..0.045).contains(&made_up), "{made_up}");
        // the end is where it should be, not only the whole alike
        let last = original.len() - 8000;
        assert!(played.likeness(&original[last..], at + last, 320) > 0.9);
    }
}

#[test]
fn what_is_made_up_is_better_than_silence() {
    let original = speech(60);
    let mut sender = Sender::new();
    sender.say(&original, 160);
    let sender = sender.through(100, 0);
    let played = sender.play(Delay::RECORDING, 600);
    let mut silenced = played.audio.clone();
    let arrived: std::collections::HashSet<_> = sender.packets.iter().map(|p| p.arrives).collect();
    for at in (800..800 + original.len()).step_by(160).filter(|at| !arrived.contains(&(*at as i64))) {
        silenced[at..at + 160].fill(0);
    }
    let silenced = Played { audio: silenced, first: 800, buffer: played.buffer.clone() };
    let (with, without) = (played.likeness(&original, 800, 0), silenced.likeness(&original, 800, 0));
    assert!(with > without + 0.005, "{with} against {without}");
}

#[test]
fn in_conversation_the_delay_follows_the_network() {
    let original = speech(30);
    let mut sender = Sender::new();
    sender.say(&original, 160);
    let calm = sender.play(Delay::LIVE, 600);
    assert!(calm.buffer.held_back() <= Duration::from_millis(25), "{:?}", calm.buffer.held_back());

    let rough = Sender { packets: sender.packets.clone(), ..sender }.through(0, 120).play(Delay::LIVE, 600);
    let delay = rough.buffer.held_back().as_millis();
    assert!((90..=140).contains(&delay), "{delay}");
    assert!(rough.buffer.late() <= 3, "{}", rough.buffer.late());
}

#[test]
fn overtaken_and_doubled_packets_change_nothing() {
    let original = speech(5);
    let mut sender = Sender::new();
    sender.say(&original, 160);
    for (index, packet) in sender.packets.iter_mut().enumerate() {
        packet.arrives += [0, 480, 160, 700][index % 4];
    }
    sender.packets = sender.packets.iter().flat_map(|p| [*p, Sent { arrives: p.arrives + 9, ..*p }]).collect();
    let played = sender.play(Delay::RECORDING, 600);
    same(&played.audio[800..800 + original.len()], &original, "all");
}

#[test]
fn a_pause_of_the_network_below_the_longest_delay_loses_nothing() {
    let original = speech(10);
    let mut sender = Sender::new();
    sender.say(&original, 160);
    // 350 ms in which nothing passes, then all of it at once
    for packet in &mut sender.packets {
        if (40_000..42_800).contains(&packet.arrives) {
            packet.arrives = 42_800;
        }
    }
    let played = sender.play(Delay::RECORDING, 600);
    same(&played.audio[800..800 + original.len()], &original, "all");
}

#[test]
fn a_pause_that_was_not_sent_is_silence_of_its_length() {
    let original = speech(1);
    let mut sender = Sender::new();
    sender.say(&original, 160);
    sender.pass(40_000);
    sender.say(&original, 160);
    let played = sender.play(Delay::RECORDING, 600);
    same(&played.audio[8800 + 40_000..8800 + 48_000], &original, "after the pause");
    assert_eq!(played.loudest(8800 + 480..8800 + 40_000), 0);
}

#[test]
fn announced_comfort_noise_fills_the_pause() {
    let original = speech(1);
    let mut sender = Sender::new();
    sender.say(&original, 160);
    sender.send(Content::Noise(50));
    sender.pass(40_000);
    sender.say(&original, 160);
    // and the first packets after it are lost
    sender.packets.retain(|p| !(48_800..49_200).contains(&p.arrives));
    let played = sender.play(Delay::RECORDING, 600);
    same(&played.audio[800..8800], &original, "before the pause");
    let pause = 8800..8800 + 40_000 - 480;
    assert!((100..400).contains(&played.loudest(pause.clone())), "{}", played.loudest(pause));
    same(&played.audio[49_400..8800 + 48_000], &original[600..], "after the pause");
    assert_eq!(played.buffer.made_up(), 480);
}

#[test]
fn a_new_ssrc_a_leaping_timestamp_and_a_new_sequence_go_on_in_time() {
    let original = speech(4);
    let (first, second) = original.split_at(16_000);
    let changes: [fn(&mut Sender); 4] = [
        |s| (s.ssrc, s.sequence, s.timestamp) = (9, 5, 77),
        |s| s.timestamp = s.timestamp.wrapping_add(1_000_000),
        |s| s.timestamp = s.timestamp.wrapping_sub(50_000),
        |s| s.sequence = s.sequence.wrapping_add(20_000),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut sender = Sender::new();
        sender.say(first, 160);
        change(&mut sender);
        sender.say(second, 160);
        let played = sender.play(Delay::RECORDING, 600);
        same(&played.audio[800..16_800], first, &format!("before change {index}"));
        // of a leaping timestamp the first packet is not yet believed
        same(&played.audio[17_200..32_800], &second[400..], &format!("after change {index}"));
    }
}

#[test]
fn a_single_packet_of_wrong_timestamp_changes_nothing() {
    let original = speech(2);
    let mut sender = Sender::new();
    sender.say(&original, 160);
    sender.packets[50].timestamp ^= 0x4000_0000;
    let played = sender.play(Delay::RECORDING, 600);
    same(&played.audio[800..8800], &original[..8000], "before");
    same(&played.audio[9060..16_800], &original[8260..], "after");
}

#[test]
fn timestamps_that_stood_still_in_a_pause_are_taken_up_again() {
    let original = speech(2);
    for pause in [2400, 4800, 80_000] {
        let mut sender = Sender::new();
        sender.say(&original[..8000], 160);
        sender.clock += pause;
        sender.say(&original[8000..], 160);
        let played = sender.play(Delay::RECORDING, 1000);
        let end = &original[12_000..];
        let from = played.audio.len() - 12_000;
        let found = (from..played.audio.len() - 4000).map(|at| played.likeness(end, at, 0)).fold(0.0, f64::max);
        assert!(found > 0.99, "after a pause of {pause}: {found}");
    }
}

#[test]
fn a_clock_that_drifts_is_followed() {
    // as a bad clock drifts in half an hour
    for drift in [-5000i64, 5000] {
        let original = speech(120);
        let mut sender = Sender::new();
        sender.say(&original, 160);
        for packet in &mut sender.packets {
            packet.arrives += (packet.arrives - 800) * drift / 1_000_000;
        }
        let played = sender.through(0, 20).play(Delay::RECORDING, 1500);
        let at = played.first.max(800);
        assert!(played.likeness(&original, at, 200) > 0.999, "{drift} ppm");
        assert_eq!((played.buffer.late(), played.buffer.made_up()), (0, 0));
    }
}

#[test]
fn the_tone_of_a_key_is_taken_out() {
    let original = vec![5000; 24_000];
    let mut sender = Sender::new();
    sender.say(&original[..8000], 160);
    let pressed = sender.timestamp;
    for packet in 1..=8u16 {
        // the gateway sends the sound of the key too
        sender.say(&[9000; 160], 160);
        let now = std::mem::replace(&mut sender.timestamp, pressed);
        sender.send(Content::Key(packet.min(5) * 160));
        sender.timestamp = now;
    }
    sender.say(&original[8000 + 1280..], 160);
    let played = sender.play(Delay::RECORDING, 600);
    assert_eq!(played.loudest(8800 - 320..8800 + 800), 0);
    assert_eq!(played.loudest(800..8400), 5000);
    same(&played.audio[10_100..20_000], &original[10_100..20_000], "after the key");
}

#[test]
fn a_key_without_sound_is_a_pause_and_no_loss() {
    let original = speech(2);
    let mut sender = Sender::new();
    sender.say(&original[..8000], 160);
    for _ in 0..2 {
        let pressed = sender.timestamp;
        for packet in 1..=8u16 {
            let now = std::mem::replace(&mut sender.timestamp, pressed);
            sender.send(Content::Key(packet.min(5) * 160));
            sender.timestamp = now;
            sender.pass(160);
        }
    }
    sender.say(&original[8000..], 160);
    let played = sender.play(Delay::RECORDING, 600);
    assert_eq!(played.loudest(8800..8800 + 2560), 0);
    same(&played.audio[8800 + 2560..16_800 + 2560], &original[8000..], "after the keys");
    assert_eq!(played.buffer.made_up(), 0);
}

#[test]
fn without_any_packet_time_goes_on_in_silence() {
    let start = Instant::now();
    let mut buffer = Jitter::new(Delay::RECORDING, start);
    let mut frame = [1; FRAME];
    let mut frames = 0;
    for tick in 0..500 {
        while buffer.next(start + Duration::from_millis(tick * 20), &mut frame).is_some() {
            assert_eq!(frame, [0; FRAME]);
            frames += 1;
        }
    }
    assert_eq!(frames, 500 - 400 / 20);
}

#[test]
fn what_has_arrived_can_be_drained_at_the_end() {
    let original = speech(1);
    let mut sender = Sender::new();
    sender.say(&original, 160);
    let Played { mut audio, mut buffer, .. } = sender.play(Delay::RECORDING, 0);
    let mut frame = [0; FRAME];
    while buffer.drain(&mut frame).is_some() {
        audio.extend_from_slice(&frame);
    }
    same(&audio[800..], &original, "all");
}

proptest! {
    #[test]
    fn any_packets_at_any_time_are_taken(packets in prop::collection::vec((0u64..2000, 0u32..3, any::<u16>(), any::<u32>(), 0u8..4, 0usize..600), 0..100)) {
        let start = Instant::now();
        let mut now = start;
        let mut buffer = Jitter::new(Delay::RECORDING, start);
        let mut frame = [0; FRAME];
        let mut next = 0;
        for (pause, ssrc, sequence, timestamp, kind, length) in packets {
            now += Duration::from_millis(pause);
            let samples = vec![1000; length];
            let content = match kind {
                0 => Content::Noise(length as u8),
                1 => Content::Key(length as u16 * 100),
                _ => Content::Audio(&samples),
            };
            // mostly near each other, sometimes anywhere
            let (sequence, timestamp) = if kind == 3 { (sequence, timestamp) } else { (sequence % 50, timestamp % 5000) };
            buffer.push(now, &Packet { payload_type: 0, marker: false, sequence, timestamp, ssrc, payload: &[] }, content);
            while let Some(position) = buffer.next(now, &mut frame) {
                prop_assert_eq!(position, next);
                next += FRAME as i64;
                prop_assert!(frame.iter().all(|s| *s >= AUDIBLE));
            }
        }
    }
}
