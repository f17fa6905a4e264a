//! Offers and answers (RFC 3264) for the one audio stream of a call.
//! Knows: descriptions and what was agreed before. Must not: know which SIP message carried them.

use std::net::{IpAddr, SocketAddr};

use super::{Attribute, Codec, Connection, Description, Direction, LocalMedia, Media, MediaPlan};

const COMFORT_NOISE: u8 = 13;
/// What we offer telephone-event as, where the peer has not given it a number yet.
const TELEPHONE_EVENT: u8 = 101;
/// The tones of RFC 4733 3.2: keys 0-9, *, #, A-D. A flash (16) is not understood.
const KEYS: &str = "0-15";

/// Our side of the offers and answers of one call, from the first to the last.
#[derive(Debug, Clone)]
pub struct Negotiation {
    local: LocalMedia,
    /// `sess-version` of the last description we sent; it grows when that changes and only then (RFC 3264 8).
    version: u64,
    /// The last description that left us.
    issued: Option<Description>,
    agreed: Option<MediaPlan>,
    offer_pending: bool,
}

/// Why no audio can flow: the reasons of a 488, with the code and text of its Warning (RFC 3261 20.43).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Incompatible {
    #[error("Media type not available: no audio stream is offered")]
    NoAudio,
    #[error("Incompatible transport protocol: only RTP/AVP is spoken here")]
    Transport,
    #[error("Incompatible media format: only PCMU and PCMA at 8000 Hz are spoken here")]
    Format,
    #[error("Incompatible network protocol: the media address is of another IP version than ours")]
    Network,
    #[error("Incompatible network address formats: the media address must be an IP address")]
    AddressFormat,
    #[error("Multicast not available")]
    Multicast,
}

impl Incompatible {
    pub fn warning_code(self) -> u16 {
        match self {
            Incompatible::Network => 300,
            Incompatible::AddressFormat => 301,
            Incompatible::Transport => 302,
            Incompatible::NoAudio => 304,
            Incompatible::Format => 305,
            Incompatible::Multicast => 330,
        }
    }
}

impl Negotiation {
    pub fn new(local: LocalMedia) -> Negotiation {
        Negotiation { local, version: 0, issued: None, agreed: None, offer_pending: false }
    }

    /// What holds now; `None` before the first agreement.
    pub fn plan(&self) -> Option<&MediaPlan> {
        self.agreed.as_ref()
    }

    /// True between an offer of ours and its answer.
    pub fn offer_pending(&self) -> bool {
        self.offer_pending
    }

    /// Answers an offer: the first usable audio line is taken, every other line refused by port 0 in its place.
    ///
    /// The first offer of a call must have a usable line. A later one may take the stream away (every line with
    /// port 0, or no line): the call goes on in silence. On an error nothing has changed.
    pub fn answer(&mut self, offer: &Description) -> Result<(Description, MediaPlan), Incompatible> {
        let (chosen, plan) = match self.choose(offer) {
            Ok((index, plan)) => (Some(index), plan),
            Err(refusal) => match &self.agreed {
                // with another stream still offered (T.38 in place of audio) silence is not what the peer asks for
                Some(before) if offer.media.iter().all(|media| media.port == 0) => (None, silenced(before)),
                _ => return Err(refusal),
            },
        };
        let media = offer.media.iter().enumerate();
        let media = media.map(|(index, media)| match Some(index) == chosen {
            true => self.audio_line(&media.protocol, &plan),
            false => refused(media),
        });
        let media = media.collect();
        let timing = match offer.timing.as_str() {
            timing if !timing.is_empty() && timing.chars().all(|c| c.is_ascii_digit() || c == ' ') => timing.to_owned(),
            _ => "0 0".to_owned(),
        };
        let answer = self.issue(timing, media);
        self.agreed = Some(plan.clone());
        Ok((answer, plan))
    }

    /// A full offer, as for a new call (RFC 3261 14.2): every codec, both directions. Lines and payload numbers that
    /// were agreed stay (RFC 3264 8).
    pub fn offer(&mut self) -> Description {
        let audio = self.offered_audio();
        let (timing, mut media) = match &self.issued {
            Some(before) => (before.timing.clone(), before.media.iter().map(refused).collect::<Vec<_>>()),
            None => ("0 0".to_owned(), Vec::new()),
        };
        let place = self.audio_index();
        match place.and_then(|index| media.get_mut(index)) {
            Some(line) => *line = audio,
            None => media.push(audio),
        }
        self.offer_pending = true;
        self.issue(timing, media)
    }

    /// What we said last, said again: the offer of a re-INVITE that only refreshes the session (RFC 4028 7.4).
    pub fn repeat_offer(&mut self) -> Description {
        match &self.issued {
            Some(issued) => {
                self.offer_pending = true;
                issued.clone()
            }
            None => self.offer(),
        }
    }

    /// The peer refused our offer, or never answered it: what was agreed before holds.
    pub fn withdraw_offer(&mut self) {
        self.offer_pending = false;
    }

    /// Takes the answer to our offer.
    pub fn accept(&mut self, answer: &Description) -> Result<MediaPlan, Incompatible> {
        self.offer_pending = false;
        let index = self.audio_index().ok_or(Incompatible::NoAudio)?;
        let ours = self.issued.as_ref().and_then(|offer| offer.media.get(index)).ok_or(Incompatible::NoAudio)?;
        let theirs = answer.media.get(index).ok_or(Incompatible::NoAudio)?;
        let mut plan = self.plan_for(answer, theirs)?;
        // an answer that takes more than was offered gets what was offered
        let offered = Direction::new(
            ours.attribute("recvonly").is_none() && ours.attribute("inactive").is_none(),
            ours.attribute("sendonly").is_none() && ours.attribute("inactive").is_none(),
        );
        plan.send &= offered.sends();
        plan.receive &= offered.receives();
        self.agreed = Some(plan.clone());
        Ok(plan)
    }

    /// The first usable audio line; or why the one that came nearest is not.
    fn choose(&self, offer: &Description) -> Result<(usize, MediaPlan), Incompatible> {
        let mut refusal = Incompatible::NoAudio;
        for (index, media) in offer.media.iter().enumerate() {
            match self.plan_for(offer, media) {
                Ok(plan) => return Ok((index, plan)),
                Err(Incompatible::NoAudio) => {}
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }

    fn plan_for(&self, theirs: &Description, media: &Media) -> Result<MediaPlan, Incompatible> {
        if !media.is_audio() || media.port == 0 {
            return Err(Incompatible::NoAudio);
        }
        if !media.protocol.eq_ignore_ascii_case("RTP/AVP") {
            return Err(Incompatible::Transport);
        }
        let formats: Vec<Format> = media.formats.iter().filter_map(|format| Format::of(media, format)).collect();
        let codec = formats.iter().find_map(|format| {
            let codec = self.local.codecs.iter().find(|codec| format.is(codec.name()))?;
            Some((*codec, format.payload_type))
        });
        let (codec, payload_type) = codec.ok_or(Incompatible::Format)?;
        let number_of = |name: &str| formats.iter().find(|format| format.is(name)).map(|format| format.payload_type);

        let connection = theirs.connection_of(media).ok_or(Incompatible::AddressFormat)?;
        let remote = match connection {
            connection if connection.is_hold() => None,
            Connection::Name(_) => return Err(Incompatible::AddressFormat),
            Connection::Address(address) if address.is_multicast() => return Err(Incompatible::Multicast),
            Connection::Address(address) if address.is_ipv4() != self.local.address.is_ipv4() => {
                return Err(Incompatible::Network);
            }
            Connection::Address(address) => Some(SocketAddr::new(*address, media.port)),
        };
        let direction = theirs.direction_of(media);
        Ok(MediaPlan {
            remote,
            remote_rtcp: remote.and_then(|remote| rtcp_address(media, remote)),
            codec,
            payload_type,
            telephone_event: number_of("telephone-event").filter(|_| self.local.dtmf),
            comfort_noise: number_of("CN"),
            ptime_ms: packet_time(media),
            send: direction.receives() && remote.is_some(),
            receive: direction.sends(),
        })
    }

    /// Our audio line in an answer: the one codec that is spoken, and what goes with it.
    fn audio_line(&self, protocol: &str, plan: &MediaPlan) -> Media {
        let mut line = AudioLine::new(protocol, self.local.port);
        line.add(plan.payload_type, plan.codec.name());
        if let Some(number) = plan.telephone_event {
            line.add_telephone_event(number);
        }
        if let Some(number) = plan.comfort_noise {
            line.add(number, "CN");
        }
        line.finish(plan.ptime_ms, Direction::new(plan.send, plan.receive))
    }

    fn offered_audio(&self) -> Media {
        let mut line = AudioLine::new("RTP/AVP", self.local.port);
        let agreed = self.agreed.as_ref();
        for codec in &self.local.codecs {
            // 8.3.2: a number keeps its meaning for the whole session
            let number = agreed.filter(|plan| plan.codec == *codec).map(|plan| plan.payload_type);
            line.add(number.unwrap_or(codec.static_payload_type()), codec.name());
        }
        if self.local.dtmf {
            let number = agreed.and_then(|plan| plan.telephone_event);
            let taken = agreed.map(|plan| plan.payload_type);
            let free = if taken == Some(TELEPHONE_EVENT) { TELEPHONE_EVENT + 1 } else { TELEPHONE_EVENT };
            line.add_telephone_event(number.unwrap_or(free));
        }
        line.finish(agreed.map_or(20, |plan| plan.ptime_ms), Direction::SendRecv)
    }

    /// Where our audio line stands in what we sent last: the first that is not refused, else the first audio line.
    fn audio_index(&self) -> Option<usize> {
        let media = &self.issued.as_ref()?.media;
        media.iter().position(|m| m.is_audio() && m.port != 0).or_else(|| media.iter().position(Media::is_audio))
    }

    fn issue(&mut self, timing: String, media: Vec<Media>) -> Description {
        let connection = Connection::Address(self.local.address);
        // 62 bits: some products read the number as a signed one
        let session = self.local.session_id & (u64::MAX >> 2);
        let origin = |version: u64| format!("- {session} {version} {connection}");
        let mut issued = Description {
            origin: origin(self.version),
            name: "-".to_owned(),
            connection: Some(connection.clone()),
            timing,
            attributes: Vec::new(),
            media,
        };
        if self.issued.as_ref() != Some(&issued) {
            self.version += 1;
            issued.origin = origin(self.version);
        }
        self.issued = Some(issued.clone());
        issued
    }
}

/// One payload format of an `m=` line: its number and what `a=rtpmap`, or RFC 3551 without one, says it is.
struct Format<'a> {
    payload_type: u8,
    name: &'a str,
    rate: u32,
    channels: u32,
}

impl<'a> Format<'a> {
    fn of(media: &'a Media, format: &str) -> Option<Format<'a>> {
        let payload_type: u8 = format.parse().ok().filter(|number| *number < 128)?;
        let mapped = media.attributes_named("rtpmap").find_map(|value| {
            let (number, encoding) = value.split_once(char::is_whitespace)?;
            (number.parse() == Ok(payload_type)).then_some(encoding)
        });
        let Some(encoding) = mapped else {
            let name = match payload_type {
                0 => Codec::Pcmu.name(),
                8 => Codec::Pcma.name(),
                COMFORT_NOISE => "CN",
                _ => return None,
            };
            return Some(Format { payload_type, name, rate: 8000, channels: 1 });
        };
        let mut parts = encoding.split('/').map(str::trim);
        let name = parts.next()?;
        let rate = parts.next()?.parse().ok()?;
        let channels = parts.next().and_then(|channels| channels.parse().ok()).unwrap_or(1);
        Some(Format { payload_type, name, rate, channels })
    }

    /// Everything we speak has 8000 Hz and one channel.
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) && self.rate == 8000 && self.channels == 1
    }
}

/// Puts an `m=audio` line of ours together.
struct AudioLine(Media);

impl AudioLine {
    fn new(protocol: &str, port: u16) -> AudioLine {
        AudioLine(Media { kind: "audio".into(), port, protocol: protocol.into(), ..Media::default() })
    }

    fn add(&mut self, number: u8, name: &str) {
        self.0.formats.push(number.to_string());
        self.0.attributes.push(Attribute::new("rtpmap", format!("{number} {name}/8000")));
    }

    fn add_telephone_event(&mut self, number: u8) {
        self.add(number, "telephone-event");
        self.0.attributes.push(Attribute::new("fmtp", format!("{number} {KEYS}")));
    }

    fn finish(mut self, ptime_ms: u16, direction: Direction) -> Media {
        self.0.attributes.push(Attribute::new("ptime", ptime_ms.to_string()));
        self.0.attributes.push(Attribute::new(direction.as_str(), ""));
        self.0
    }
}

/// A line refused: its place, kind and formats stay, its port is 0 (RFC 3264 6).
fn refused(media: &Media) -> Media {
    // a line cut short is completed to one that every parser can read
    let or = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
    let formats = if media.formats.is_empty() { vec!["0".to_owned()] } else { media.formats.clone() };
    Media {
        kind: or(&media.kind, "audio"),
        port: 0,
        protocol: or(&media.protocol, "RTP/AVP"),
        formats,
        ..Media::default()
    }
}

fn silenced(plan: &MediaPlan) -> MediaPlan {
    MediaPlan { remote: None, remote_rtcp: None, send: false, receive: false, ..plan.clone() }
}

/// `a=rtcp:53020` or `a=rtcp:53020 IN IP4 192.0.2.2` (RFC 3605), else the port after RTP's.
fn rtcp_address(media: &Media, rtp: SocketAddr) -> Option<SocketAddr> {
    let following = || Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?));
    let Some(value) = media.attribute("rtcp") else { return following() };
    let mut words = value.split_whitespace();
    let Some(port) = words.next().and_then(|port| port.parse().ok()).filter(|port| *port != 0) else {
        return following();
    };
    let address = words.nth(2).and_then(|address| address.parse::<IpAddr>().ok());
    let address = address.filter(|address| address.is_ipv4() == rtp.is_ipv4() && !address.is_unspecified());
    Some(SocketAddr::new(address.unwrap_or(rtp.ip()), port))
}

/// What the peer wants in a packet (`a=ptime`, at most `a=maxptime`), in whole frames of 20 ms that fit a datagram.
fn packet_time(media: &Media) -> u16 {
    let read = |name| media.attribute(name).and_then(|value| value.parse::<u16>().ok());
    let wanted = read("ptime").unwrap_or(20).min(read("maxptime").unwrap_or(u16::MAX));
    (wanted / 20 * 20).clamp(20, 100)
}
