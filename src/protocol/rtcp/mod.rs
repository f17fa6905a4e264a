//! RTCP (RFC 3550 6): reports, source descriptions and goodbyes as plain values; statistics of what arrives; when to report.
//! Knows: octets, instants and randomness handed in. Sans-IO.
//! Must not: know codecs, or from where a packet came.
//!
//! Start from [`parse`] and [`Compound`] (octets), [`Reception`] (loss and jitter of one source), [`Reporter`] (one side's reports).
//!
//! Reports and goodbyes are read by `rtp-parse`. Every compound is cut by our own length checks first and handed over without what its
//! version 0.2 cannot take: padding, profile extensions, reasons that are not UTF-8, kinds it does not know. Source descriptions are read
//! here (its reader panics on an unterminated chunk), and all are written here (its length fields leave out the sender's SSRC).

mod bursts;
mod reception;
mod reporter;

use parsely_rs::{Bits, NetworkOrder, ParselyRead};
use rtp_parse::rtcp::{
    rtcp_bye::RtcpByePacket, rtcp_header::RtcpHeader, rtcp_report_block::RtcpReportBlock, rtcp_rr::RtcpRrPacket,
    rtcp_sdes::RtcpSdesPacket, rtcp_sr::RtcpSrPacket,
};

pub use bursts::Bursts;
pub use reception::{Received, Reception};
pub use reporter::{Reporter, Sent};

/// What one party says of a source it hears (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// Since the last report, in 1/256.
    pub fraction_lost: u8,
    /// 24 bits, negative when there were duplicates.
    pub cumulative_lost: i32,
    /// Sequence number with the count of its cycles in the upper half.
    pub highest_sequence: u32,
    /// In units of the RTP clock.
    pub jitter: u32,
    /// The middle 32 bits of the NTP timestamp of the last sender report, 0 if there was none.
    pub last_report: u32,
    /// Since that report came in, in 1/65536 s.
    pub delay: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// 32.32 fixed point seconds of the sender's clock.
    pub ntp: u64,
    pub rtp_timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// One packet of a compound. Kinds we have no use for are left out when reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// `sender` is `None` in a receiver report.
    Report {
        ssrc: u32,
        sender: Option<SenderReport>,
        blocks: Vec<ReportBlock>,
    },
    /// A source description; without CNAME it is left out.
    Cname {
        ssrc: u32,
        cname: String,
    },
    Bye {
        ssrcs: Vec<u32>,
    },
}

/// Why a datagram is not a compound RTCP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("shorter than its packets announce")]
    Short,
    #[error("not RTCP version 2")]
    Version,
    #[error("does not start with a report")]
    NoReport,
}

const HEADER_LENGTH: usize = RtcpHeader::SIZE_BYTES;
const SENDER_LENGTH: usize = 20;

/// Reads a compound packet. It must start with a report (RFC 3550 6.1) or be a lone BYE, which careless peers send; a part that does not
/// hold what it announces ends the reading with an error, so that no half of a forged packet is believed.
pub fn parse(datagram: &[u8]) -> Result<Vec<Packet>, Malformed> {
    let mut packets = Vec::new();
    let mut rest = datagram;
    let mut first = true;
    while !rest.is_empty() {
        let ([flags, kind, high, low], _) = rest.split_first_chunk::<HEADER_LENGTH>().ok_or(Malformed::Short)?;
        let (flags, kind) = (*flags, *kind);
        if flags >> 6 != 2 {
            return Err(Malformed::Version);
        }
        if std::mem::take(&mut first) && ![RtcpSrPacket::PT, RtcpRrPacket::PT, RtcpByePacket::PT].contains(&kind) {
            return Err(Malformed::NoReport);
        }
        let length = HEADER_LENGTH + 4 * usize::from(u16::from_be_bytes([*high, *low]));
        let (packet, next) = rest.split_at_checked(length).ok_or(Malformed::Short)?;
        rest = next;
        let body = packet.get(HEADER_LENGTH..).ok_or(Malformed::Short)?;
        match kind {
            RtcpSrPacket::PT | RtcpRrPacket::PT => packets.push(report(kind, flags & 0x1F, body)?),
            RtcpByePacket::PT => packets.push(bye(flags & 0x1F, body)?),
            RtcpSdesPacket::PT => packets.extend(cname(body)),
            _ => {}
        }
    }
    if first { Err(Malformed::Short) } else { Ok(packets) }
}

fn header(kind: u8, count: u8) -> RtcpHeader {
    RtcpHeader::default().packet_type(kind).report_count(parsely_rs::u5::new(count & 0x1F))
}

fn report(kind: u8, count: u8, body: &[u8]) -> Result<Packet, Malformed> {
    let sender = if kind == RtcpSrPacket::PT { SENDER_LENGTH } else { 0 };
    let length = 4 + sender + usize::from(count) * RtcpReportBlock::SIZE_BYTES;
    let mut bits = Bits::copy_from_bytes(body.get(..length).ok_or(Malformed::Short)?);
    let (ssrc, sender, blocks) = if kind == RtcpSrPacket::PT {
        let read =
            RtcpSrPacket::read::<NetworkOrder>(&mut bits, (header(kind, count),)).map_err(|_| Malformed::Short)?;
        let info = read.sender_info;
        let sender = SenderReport {
            ntp: u64::from(info.ntp_timestamp_msw) << 32 | u64::from(info.ntp_timestamp_lsw),
            rtp_timestamp: info.rtp_timestamp,
            packets: info.sender_packet_count,
            octets: info.sender_octet_count,
        };
        (read.sender_ssrc, Some(sender), read.report_blocks)
    } else {
        let read =
            RtcpRrPacket::read::<NetworkOrder>(&mut bits, (header(kind, count),)).map_err(|_| Malformed::Short)?;
        (read.sender_ssrc, None, read.report_blocks)
    };
    Ok(Packet::Report { ssrc, sender, blocks: blocks.into_iter().map(ReportBlock::from).collect() })
}

fn bye(count: u8, body: &[u8]) -> Result<Packet, Malformed> {
    let sources = body.get(..usize::from(count) * 4).ok_or(Malformed::Short)?;
    let mut bits = Bits::copy_from_bytes(sources);
    let read = RtcpByePacket::read::<NetworkOrder>(&mut bits, (header(RtcpByePacket::PT, count),))
        .map_err(|_| Malformed::Short)?;
    Ok(Packet::Bye { ssrcs: read.ssrcs })
}

/// The CNAME of the first chunk: a telephone describes itself only.
fn cname(body: &[u8]) -> Option<Packet> {
    let (ssrc, mut items) = body.split_first_chunk::<4>()?;
    loop {
        let [kind, length, rest @ ..] = items else { return None };
        let (text, next) = rest.split_at_checked(usize::from(*length))?;
        match kind {
            0 => return None,
            1 => {
                let cname = String::from_utf8_lossy(text).into_owned();
                return Some(Packet::Cname { ssrc: u32::from_be_bytes(*ssrc), cname });
            }
            _ => items = next,
        }
    }
}

impl From<RtcpReportBlock> for ReportBlock {
    fn from(block: RtcpReportBlock) -> Self {
        let lost = u32::from(block.cumulative_lost);
        Self {
            ssrc: block.ssrc,
            fraction_lost: block.fraction_lost,
            // sign-extended from 24 bits
            cumulative_lost: ((lost << 8) as i32) >> 8,
            highest_sequence: block.extended_highest_seq_num,
            jitter: block.interarrival_jitter,
            last_report: block.last_sr_timestamp,
            delay: block.delay_since_last_sr,
        }
    }
}

/// A compound packet being written.
#[derive(Debug, Default)]
pub struct Compound {
    octets: Vec<u8>,
}

impl Compound {
    /// Starts with the report every compound starts with. At most 31 blocks are written.
    pub fn report(ssrc: u32, sender: Option<SenderReport>, blocks: &[ReportBlock]) -> Self {
        let mut compound = Self { octets: Vec::with_capacity(128) };
        let blocks = blocks.get(..31).unwrap_or(blocks);
        let kind = if sender.is_some() { RtcpSrPacket::PT } else { RtcpRrPacket::PT };
        let sender_length = if sender.is_some() { SENDER_LENGTH } else { 0 };
        let length = 4 + sender_length + blocks.len() * RtcpReportBlock::SIZE_BYTES;
        compound.begin(kind, blocks.len() as u8, length);
        compound.word(ssrc);
        if let Some(sender) = sender {
            compound.octets.extend_from_slice(&sender.ntp.to_be_bytes());
            compound.word(sender.rtp_timestamp);
            compound.word(sender.packets);
            compound.word(sender.octets);
        }
        for block in blocks {
            compound.word(block.ssrc);
            let lost = block.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
            compound.word(u32::from(block.fraction_lost) << 24 | lost);
            compound.word(block.highest_sequence);
            compound.word(block.jitter);
            compound.word(block.last_report);
            compound.word(block.delay);
        }
        compound
    }

    /// Adds the source description every compound carries. Names longer than 255 octets are cut.
    pub fn cname(mut self, ssrc: u32, cname: &str) -> Self {
        let name = cname.as_bytes();
        let name = name.get(..255).unwrap_or(name);
        // the list of items ends with one to four null octets, up to the word (RFC 3550 6.5)
        let items = 2 + name.len();
        let padding = 4 - items % 4;
        self.begin(RtcpSdesPacket::PT, 1, 4 + items + padding);
        self.word(ssrc);
        self.octets.extend_from_slice(&[1, name.len() as u8]);
        self.octets.extend_from_slice(name);
        self.octets.extend(std::iter::repeat_n(0, padding));
        self
    }

    pub fn bye(mut self, ssrc: u32) -> Self {
        self.begin(RtcpByePacket::PT, 1, 4);
        self.word(ssrc);
        self
    }

    pub fn into_octets(self) -> Vec<u8> {
        self.octets
    }

    fn begin(&mut self, kind: u8, count: u8, length: usize) {
        let [high, low] = ((length / 4) as u16).to_be_bytes();
        self.octets.extend_from_slice(&[0x80 | count & 0x1F, kind, high, low]);
    }

    fn word(&mut self, word: u32) {
        self.octets.extend_from_slice(&word.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
