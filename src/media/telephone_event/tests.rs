use super::*;
use proptest::prelude::*;

/// One event packet, or a packet of audio, as a gateway sends it: `at` is in ms.
#[derive(Debug, Clone, Copy)]
struct Line {
    at: u64,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    event: Option<Event>,
}

fn event(key: char, end: bool, duration: u16) -> Event {
    Event { code: KEYS.iter().position(|k| *k == key).unwrap() as u8, end, volume: 10, duration }
}

/// A gateway that sends audio and, while a key is pressed, events, every 20 ms.
#[derive(Default)]
struct Gateway {
    lines: Vec<Line>,
    at: u64,
    sequence: u16,
}

impl Gateway {
    fn new() -> Self {
        Self { sequence: 65_530, ..Self::default() }
    }

    fn now(&self) -> u32 {
        0xFFFF_FF00u32.wrapping_add(self.at as u32 * 8)
    }

    fn send(&mut self, timestamp: u32, marker: bool, event: Option<Event>) {
        self.sequence = self.sequence.wrapping_add(1);
        self.lines.push(Line { at: self.at, sequence: self.sequence, timestamp, marker, event });
        self.at += 20;
    }

    fn pause(mut self, millis: u64) -> Self {
        for _ in 0..millis / 20 {
            self.send(self.now(), false, None);
        }
        self
    }

    /// As RFC 4733 says: packets of one timestamp with growing duration, the last one three times.
    fn press(mut self, key: char, millis: u64) -> Self {
        let start = self.now();
        for packet in 1..=millis / 20 {
            self.send(start, packet == 1, Some(event(key, false, (packet * 160) as u16)));
        }
        for _ in 0..3 {
            self.send(start, false, Some(event(key, true, (millis * 8) as u16)));
        }
        self
    }

    fn edit(mut self, edit: impl FnMut(&mut Line)) -> Self {
        self.lines.iter_mut().for_each(edit);
        self
    }

    /// Loses packets by their index.
    fn lose(mut self, lost: impl Fn(usize, &Line) -> bool) -> Self {
        let mut index = 0;
        self.lines.retain(|line| {
            index += 1;
            !lost(index - 1, line)
        });
        self
    }

    /// What a receiver makes of it; lines are taken in the order of their arrival.
    fn keys(&self) -> String {
        let start = Instant::now();
        let mut receiver = Receiver::default();
        let mut lines = self.lines.clone();
        lines.sort_by_key(|line| line.at);
        lines
            .iter()
            .filter_map(|line| {
                let payload = line.event.map(Event::octets).unwrap_or_default();
                let packet = Packet {
                    payload_type: 101,
                    marker: line.marker,
                    sequence: line.sequence,
                    timestamp: line.timestamp,
                    ssrc: 1,
                    payload: &payload,
                };
                if line.event.is_some() {
                    return receiver.push(start + Duration::from_millis(line.at), &packet);
                }
                receiver.audio(line.sequence);
                None
            })
            .collect()
    }
}

fn is_end(line: &Line) -> bool {
    line.event.is_some_and(|e| e.end)
}

#[test]
fn each_press_is_one_key_reported_at_its_first_packet() {
    let gateway = Gateway::new().pause(100).press('5', 100).pause(60).press('#', 60).pause(40);
    assert_eq!(gateway.keys(), "5#");

    let mut receiver = Receiver::default();
    let payload = event('5', false, 160).octets();
    let packet = Packet { payload_type: 101, marker: true, sequence: 1, timestamp: 0, ssrc: 1, payload: &payload };
    let now = Instant::now();
    assert_eq!(receiver.push(now, &packet), Some('5'));
    assert!(receiver.is_pressed(now));
    assert!(!receiver.is_pressed(now + Duration::from_millis(200)));
}

#[test]
fn all_sixteen_keys_are_told_apart() {
    let gateway = KEYS.iter().fold(Gateway::new(), |gateway, key| gateway.press(*key, 60).pause(40));
    assert_eq!(gateway.keys(), "0123456789*#ABCD");
}

#[test]
fn the_same_key_twice_quickly_is_two_keys() {
    assert_eq!(Gateway::new().press('1', 40).press('1', 40).press('1', 40).keys(), "111");
    assert_eq!(Gateway::new().press('1', 100).pause(20).press('1', 100).keys(), "11");
}

#[test]
fn packets_without_a_marker_are_no_less_a_key() {
    let gateway = Gateway::new().pause(40).press('1', 60).pause(40).press('1', 60).press('2', 60);
    assert_eq!(gateway.edit(|line| line.marker = false).keys(), "112");
}

#[test]
fn any_one_packet_that_arrives_is_enough() {
    for kept in 0..8 {
        let gateway = Gateway::new().press('7', 100).lose(|index, _| index != kept);
        assert_eq!(gateway.keys(), "7", "only packet {kept}");
    }
}

#[test]
fn repeated_packets_are_no_second_key() {
    let mut gateway = Gateway::new().press('7', 100).pause(40);
    gateway.lines = gateway.lines.iter().flat_map(|line| [*line; 3]).collect();
    assert_eq!(gateway.keys(), "7");
}

#[test]
fn overtaken_packets_are_no_second_key() {
    // every packet up to 60 ms late, by a pattern that turns neighbours round
    let mut turn = 0;
    let gateway = Gateway::new().press('7', 100).pause(40).press('7', 100).pause(40).edit(|line| {
        turn += 1;
        line.at += [60, 0, 40, 20, 0][turn % 5];
    });
    assert_eq!(gateway.keys(), "77");
}

#[test]
fn an_end_stamped_anew_is_no_second_key() {
    // with the time of the end, and each of the three with its own time
    let at_the_end = |line: &mut Line| {
        if let Some(e) = line.event.filter(|e| e.end) {
            line.timestamp = line.timestamp.wrapping_add(u32::from(e.duration));
        }
    };
    assert_eq!(Gateway::new().press('7', 100).pause(60).press('7', 100).pause(60).edit(at_the_end).keys(), "77");

    let own_time = |line: &mut Line| {
        if is_end(line) {
            line.timestamp = 0xFFFF_FF00u32.wrapping_add(line.at as u32 * 8);
        }
    };
    assert_eq!(Gateway::new().press('7', 100).pause(60).press('7', 100).pause(60).edit(own_time).keys(), "77");
    let lost = |index: usize, _: &Line| [3, 4, 5].contains(&index);
    assert_eq!(Gateway::new().press('7', 100).pause(60).edit(at_the_end).lose(lost).keys(), "7");
}

#[test]
fn a_gateway_that_stamps_each_packet_anew_still_sends_one_key_a_press() {
    for marked in [true, false] {
        let growing = |line: &mut Line| {
            line.timestamp = 0xFFFF_FF00u32.wrapping_add(line.at as u32 * 8);
            line.marker &= marked;
        };
        let gateway =
            || Gateway::new().press('7', 100).pause(60).press('7', 200).pause(60).press('8', 60).edit(growing);
        assert_eq!(gateway().keys(), "778");
        assert_eq!(gateway().lose(|index, _| index % 4 == 2).keys(), "778");
    }
    let constant = |line: &mut Line| {
        line.timestamp = 0xFFFF_FF00u32.wrapping_add(line.at as u32 * 8);
        line.event = line.event.map(|e| Event { duration: 160, ..e });
    };
    assert_eq!(Gateway::new().press('7', 100).pause(60).press('7', 100).pause(60).edit(constant).keys(), "77");
}

#[test]
fn a_key_held_for_five_seconds_is_one_key() {
    assert_eq!(Gateway::new().press('7', 5000).pause(100).press('7', 100).keys(), "77");
}

/// RFC 4733 2.5.1.3: what is longer than the duration field goes on in a new segment; some gateways cut earlier.
#[test]
fn segments_of_a_long_press_are_one_key() {
    for segment in [8000u32, 4000, 800] {
        let cut = |line: &mut Line| {
            if let Some(e) = &mut line.event {
                let whole = (u32::from(e.duration) - 1) / segment * segment;
                line.timestamp = line.timestamp.wrapping_add(whole);
                e.duration -= whole as u16;
            }
        };
        let gateway = || Gateway::new().press('7', 5000).pause(100).press('7', 100).edit(cut);
        assert_eq!(gateway().keys(), "77", "segments of {segment}");
        assert_eq!(gateway().lose(|index, _| index % 10 == 0).keys(), "77", "segments of {segment} with loss");
    }
}

#[test]
fn a_press_whose_end_was_lost_ends_by_itself() {
    let gateway = Gateway::new().press('7', 100).pause(200).press('7', 100).pause(60).press('7', 60);
    assert_eq!(gateway.lose(|_, line| is_end(line)).keys(), "777");
    // and without any audio in between
    let gateway = Gateway::new().press('7', 100).pause(200).press('7', 100);
    assert_eq!(gateway.lose(|_, line| is_end(line) || line.event.is_none()).keys(), "77");
}

/// The ends are sent at once, and lost; the next press follows so soon that only the sound in between tells it from a segment.
#[test]
fn sound_between_two_packets_of_a_key_parts_two_presses() {
    let mut gateway = Gateway::new().press('7', 100);
    gateway.lines.retain(|line| !is_end(line));
    gateway.at -= 60;
    let gateway = gateway.pause(40).press('7', 100).edit(|line| line.marker = false);
    assert_eq!(gateway.keys(), "77");
}

#[test]
fn events_that_are_no_keys_are_passed_over() {
    let flash = Event { code: 16, end: true, volume: 0, duration: 400 };
    let mut gateway = Gateway::new();
    gateway.send(0, true, Some(flash));
    assert_eq!(gateway.press('1', 40).keys(), "1");
    assert_eq!(Event::parse(&[1, 0, 0]), None);
}

#[test]
fn keys_are_sent_as_the_rfc_shows() {
    let mut sender = Sender::default();
    sender.press("1?#");
    let mut lines = Vec::new();
    for tick in 0..20u32 {
        let timestamp = 0xFFFF_FFF0u32.wrapping_add(tick * 160);
        if let Some(Outgoing { marker, timestamp: pressed, event }) = sender.next(timestamp, 160) {
            lines.push((tick, marker, pressed.wrapping_add(16), event.key().unwrap(), event.end, event.duration));
        }
    }
    let expected = [
        (0, true, 0, '1', false, 160),
        (1, false, 0, '1', false, 320),
        (2, false, 0, '1', false, 480),
        (3, false, 0, '1', false, 640),
        (4, false, 0, '1', false, 800),
        (5, false, 0, '1', true, 800),
        (6, false, 0, '1', true, 800),
        (7, false, 0, '1', true, 800),
        (10, true, 1600, '#', false, 160),
        (11, false, 1600, '#', false, 320),
        (12, false, 1600, '#', false, 480),
        (13, false, 1600, '#', false, 640),
        (14, false, 1600, '#', false, 800),
        (15, false, 1600, '#', true, 800),
        (16, false, 1600, '#', true, 800),
        (17, false, 1600, '#', true, 800),
    ];
    assert_eq!(lines, expected);
    assert!(sender.next(0xFFFF_FFF0u32.wrapping_add(3200), 160).is_none());
    assert!(sender.is_idle());
}

proptest! {
    /// Keys as people press them, over a network that loses up to a fifth, doubles and turns packets round: as many digits as presses.
    #[test]
    fn a_bad_network_makes_and_loses_no_key(
        presses in prop::collection::vec((0usize..16, 3u64..20, 4u64..20), 1..8),
        fate in prop::collection::vec((0u8..100, 0u64..40), 64),
    ) {
        let gateway = presses.iter().fold(Gateway::new(), |g, (key, long, pause)| g.press(KEYS[*key], long * 20).pause(pause * 20));
        let expected: String = presses.iter().map(|(key, _, _)| KEYS[*key]).collect();
        let mut step = 0;
        let gateway = gateway.edit(|line| {
            step += 1;
            line.at += fate[step % fate.len()].1;
        });
        // single losses: no more than one packet in three is lost in a row
        let gateway = gateway.lose(|index, _| index % 3 == 1 && fate[index % fate.len()].0 < 60);
        prop_assert_eq!(gateway.keys(), expected);
    }

    #[test]
    fn any_packets_are_taken(packets in prop::collection::vec((any::<u16>(), any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..6)), 0..50)) {
        let mut receiver = Receiver::default();
        for (sequence, timestamp, marker, payload) in packets {
            receiver.push(Instant::now(), &Packet { payload_type: 101, marker, sequence, timestamp, ssrc: 1, payload: &payload });
            receiver.audio(sequence);
        }
    }
}
