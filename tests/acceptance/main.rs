//! Real calls over real sockets: the node as built, with sipp, baresip and tshark around it.

mod baresip;
mod caller;
mod crash;
mod node;
mod peers;
mod ports;
mod scenarios;
mod soak;
mod sound;
mod wire;
