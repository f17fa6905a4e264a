//! (being written)

use std::net::SocketAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    Pcmu,
    Pcma,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPlan {
    pub remote: Option<SocketAddr>,
    pub remote_rtcp: Option<SocketAddr>,
    pub codec: Codec,
    pub payload_type: u8,
    pub telephone_event: Option<u8>,
    pub comfort_noise: Option<u8>,
    pub ptime_ms: u16,
    pub send: bool,
    pub receive: bool,
}
