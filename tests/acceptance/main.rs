//! Real calls over real sockets: the node as built, with sipp, baresip and tshark around it.

mod baresip;
mod crash;
mod node;
mod peers;
mod scenarios;
mod sound;
mod wire;
