//! Real calls over real sockets: the node as built, with sipp, baresip and tshark around it.

mod baresip;
mod caller;
mod connectivity;
mod crash;
mod gateways;
mod http;
#[path = "../support/mail.rs"]
#[allow(dead_code)] // these tests need one of its servers
mod mail;
mod node;
mod peers;
mod ports;
mod refresh;
mod replay;
mod scenarios;
mod smtp;
mod soak;
mod sound;
mod systemd;
mod wire;
mod workers;
