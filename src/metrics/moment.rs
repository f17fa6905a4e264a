//! What is true of a node at one moment, as it is handed to the figures.
//! Knows: plain values. Must not: ask for them.

/// A node at one moment. What is `None` or empty is not known, or not built into this node: its figure is not shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moment {
    pub max_calls: usize,
    pub calls: usize,
    pub media_streams: usize,
    pub rtp_ports: usize,
    pub dialogs: usize,
    pub transactions: usize,
    pub connections: usize,
    pub recordings: usize,
    /// Calls in progress by names of gateway and dial plan.
    pub active: Vec<(String, String, usize)>,
    /// Messages that wait to be delivered.
    pub waiting: usize,
    /// Seconds since the oldest of them was left.
    pub oldest_waiting_s: f64,
    /// Messages in `failed/`; `None`: the spool cannot be read.
    pub failed: Option<usize>,
    /// False: the disk is too full to take a message.
    pub has_room: bool,
    /// What an administrator must look at.
    pub problems: usize,
    pub configuration: Option<ConfigurationMoment>,
    pub gateways: Vec<GatewayMoment>,
    pub components: Vec<ComponentMoment>,
    pub workers: Vec<WorkerMoment>,
    pub process: Option<Process>,
}

/// Which directory is in force.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ConfigurationMoment {
    pub generation: u64,
    /// Seconds since it came in force.
    pub in_force_s: f64,
    /// Seconds since the provider was last looked at.
    pub refresh_age_s: f64,
    /// What is wrong with the directory that was read last.
    pub faults: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayMoment {
    pub name: String,
    /// `None`: not asked yet.
    pub up: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentMoment {
    pub component: String,
    /// `Active`, `Draining`, `Inactive`.
    pub state: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct WorkerMoment {
    pub port: u16,
    /// `current`, `starting`, `draining`.
    pub state: String,
    pub calls: usize,
    /// Octets.
    pub rss: u64,
    /// Seconds.
    pub age_s: f64,
}

/// What the operating system says of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Process {
    /// Resident memory, octets.
    pub rss: u64,
    pub open_fds: u64,
    pub max_fds: u64,
    /// User and system.
    pub cpu_s: f64,
    /// Seconds since 1970.
    pub started_s: f64,
    pub threads: u64,
}
