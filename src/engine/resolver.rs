//! The DNS of the machine: its name servers and its hosts file, as they are at the time.
//! Knows: which records tell where a host is and where it speaks SIP. Must not: remember what it heard: whoever asks
//! again wants to know.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::proto::rr::RData;

use super::environment::Found;
use crate::directory::{SipService, Whereabouts};

/// The machine's configuration is read again after so long.
const READ_EVERY: Duration = Duration::from_secs(5);
/// A question that is not answered by then goes to the next server.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// More targets of one name are not looked at.
const MOST_TARGETS: usize = 16;

#[derive(Clone, Default)]
pub struct Resolver(Arc<Mutex<Option<Configured>>>);

/// By the machine's configuration, as it was read then.
struct Configured {
    read: Instant,
    resolver: Arc<TokioResolver>,
}

impl Resolver {
    /// What the DNS says of a host: A, AAAA, and SRV of SIP over UDP and TCP.
    ///
    /// # Errors
    /// There are no addresses, or nobody says.
    pub async fn find(&self, host: &str) -> io::Result<Found> {
        let resolver = self.resolver()?;
        let (addresses, udp, tcp) = tokio::join!(
            addresses(&resolver, host),
            services(&resolver, host, "_udp"),
            services(&resolver, host, "_tcp")
        );
        // of equal priority UDP comes first
        let mut services = [udp, tcp].concat();
        services.sort_by_key(|offer| offer.priority);
        let (addresses, until) = match addresses {
            Ok(found) => found,
            Err(error) if services.is_empty() => return Err(error),
            Err(_) => (Vec::new(), Instant::now() + Duration::from_secs(24 * 3600)),
        };
        let until = services.iter().map(|offer| offer.until).fold(until, Instant::min);
        let services = services.into_iter().map(|offer| offer.service).collect();
        let valid = until.saturating_duration_since(Instant::now());
        Ok(Found { whereabouts: Whereabouts { addresses, services }, valid })
    }

    fn resolver(&self) -> io::Result<Arc<TokioResolver>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(|known| known.read.elapsed() < READ_EVERY) {
            return Ok(known.resolver.clone());
        }
        let mut builder = TokioResolver::builder_tokio().map_err(io::Error::other)?;
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.cache_size = 0;
        options.timeout = ANSWERED_WITHIN;
        let resolver = Arc::new(builder.build().map_err(io::Error::other)?);
        *known = Some(Configured { read: Instant::now(), resolver: resolver.clone() });
        Ok(resolver)
    }
}

/// A place where a host offers SIP.
#[derive(Clone)]
struct Offer {
    priority: u16,
    service: SipService,
    until: Instant,
}

async fn addresses(resolver: &TokioResolver, host: &str) -> io::Result<(Vec<IpAddr>, Instant)> {
    let found = resolver.lookup_ip(host).await.map_err(io::Error::other)?;
    Ok((found.iter().collect(), found.valid_until()))
}

/// Of one transport, the preferred first; none where the DNS says nothing of it.
async fn services(resolver: &TokioResolver, host: &str, transport: &str) -> Vec<Offer> {
    let name = format!("_sip.{transport}.{}.", host.trim_end_matches('.'));
    let Ok(found) = resolver.srv_lookup(name).await else { return Vec::new() };
    let targets = found.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(target) => Some(target),
        _ => None,
    });
    let mut targets: Vec<_> = targets.collect();
    // the heaviest first, and the same order every time, which keeps a peer where it is
    targets.sort_by_key(|target| {
        (target.priority, std::cmp::Reverse(target.weight), target.target.to_utf8(), target.port)
    });
    let mut offers = Vec::new();
    for target in targets.into_iter().take(MOST_TARGETS) {
        // a target nobody knows offers nothing
        let Ok((mut addresses, until)) = addresses(resolver, &target.target.to_utf8()).await else { continue };
        addresses.sort();
        let until = until.min(found.valid_until());
        offers.extend(addresses.into_iter().map(|address| Offer {
            priority: target.priority,
            service: SipService { address: SocketAddr::new(address, target.port), stream: transport == "_tcp" },
            until,
        }));
    }
    offers
}
