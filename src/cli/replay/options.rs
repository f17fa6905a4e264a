//! What can be said to `ringpost replay`.
//! Knows: clap. Must not: play.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::replay::Load;

/// As many calls a second as sipp makes unless told otherwise.
const RATE: f64 = 10.0;

#[derive(clap::Args)]
pub struct Options {
    /// Scenario files, or the name of one that is built in: uac, uas, uac_audio
    #[arg(required = true, value_name = "FILE.xml")]
    pub scenarios: Vec<String>,
    /// Call this target over the network; without it, an engine of its own on virtual time
    #[arg(long, value_name = "HOST:PORT")]
    pub to: Option<String>,
    /// A second scenario, played beside the first: what they tell each other by <sendCmd> and <recvCmd>
    #[arg(long, value_name = "FILE.xml")]
    pub with: Option<String>,
    /// Whom the second scenario calls [default: the same target]
    #[arg(long, value_name = "HOST:PORT", requires = "with")]
    pub with_to: Option<String>,
    #[arg(long, default_value = "udp", value_parser = ["udp", "tcp"], ignore_case = true)]
    transport: String,
    /// Lines for [field0], [field1] …; the first line is SEQUENTIAL, RANDOM or USER
    #[arg(long, value_name = "FILE")]
    pub csv: Vec<PathBuf>,
    /// The user called where the scenario says [service] [default: 5000]
    #[arg(long, short = 's', value_name = "USER")]
    pub service: Option<String>,
    /// How many calls
    #[arg(short = 'm', long = "calls", default_value_t = 1, value_name = "CALLS", value_parser = clap::value_parser!(u64).range(1..))]
    calls: u64,
    /// Calls begun a second
    #[arg(short = 'r', long = "rate", default_value_t = RATE, value_name = "RATE", value_parser = rate)]
    rate: f64,
    /// No more calls than this at a time
    #[arg(short = 'l', long = "limit", value_name = "CALLS")]
    limit: Option<usize>,
    /// What [KEY] stands for, and the first value of a global variable of that name
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
    /// One seed gives one run: random pauses, chances, lost messages
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The address calls come from [default: the one that leads to the target]
    #[arg(short = 'i', long, value_name = "IP")]
    pub local_ip: Option<IpAddr>,
    /// The port calls come from, or come to [default: any; 5060 for a scenario that is called]
    #[arg(short = 'p', long, value_name = "PORT")]
    pub local_port: Option<u16>,
    /// The first port of audio
    #[arg(long, default_value_t = 6000, value_name = "PORT")]
    pub media_port: u16,
    /// How long a <recv> without a timeout waits, ms; 0: for ever
    #[arg(long, default_value_t = 120_000, value_name = "MS")]
    pub recv_timeout: u64,
    /// Send no copies over UDP, and know none
    #[arg(long)]
    pub no_retransmission: bool,
    /// Let <exec command> run programs
    #[arg(long)]
    pub allow_exec: bool,
    /// Print the messages of calls that failed
    #[arg(long)]
    pub ladder: bool,
    /// Write a report as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

impl Options {
    pub fn load(&self) -> Load {
        Load { calls: self.calls, rate: self.rate, limit: self.limit }
    }

    pub fn tcp(&self) -> bool {
        self.transport.eq_ignore_ascii_case("tcp")
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "not a number above 0".to_owned())
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("not KEY=VALUE")?;
    Ok((key.trim_matches(['[', ']', '$']).to_owned(), value.to_owned()))
}
