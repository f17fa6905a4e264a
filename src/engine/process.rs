//! What the operating system says of this process: `/proc/self`.
//! Knows: where the kernel writes it. Must not: be asked often; each question is a few reads of memory files.

use std::fs;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::unistd::{SysconfVar, sysconf};

use crate::metrics::Process;

/// `None` where there is no `/proc`.
pub fn process() -> Option<Process> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // the name before ") " may hold spaces; field 3 (state) follows it (proc(5))
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let field = |number: usize| -> Option<u64> { fields.get(number - 3)?.parse().ok() };
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten()? as f64;
    let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok().flatten()?).ok()?;
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Some(Process {
        rss: field(24)? * page,
        open_fds: fs::read_dir("/proc/self/fd").ok()?.count() as u64,
        max_fds: getrlimit(Resource::RLIMIT_NOFILE).ok()?.0,
        cpu_s: seconds(usage.user_time()) + seconds(usage.system_time()),
        started_s: booted()? + field(22)? as f64 / ticks,
        threads: field(20)?,
    })
}

/// When the machine started, in seconds since 1970.
fn booted() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_files_and_a_beginning_in_the_past() {
        let process = process().expect("/proc is there");
        assert!(process.rss > 1 << 20, "{process:?}");
        assert!((3..=process.max_fds).contains(&process.open_fds), "{process:?}");
        assert!(process.threads >= 1 && process.cpu_s > 0.0, "{process:?}");
        let now = jiff::Timestamp::now().as_second() as f64;
        assert!((0.0..3600.0 * 24.0).contains(&(now + 2.0 - process.started_s)), "{process:?}");
    }
}
