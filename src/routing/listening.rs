//! Where router, UM service and workers listen: what the node is configured for, as the organisation changes it.
//! Knows: addresses, this server's entries in the directory. Must not: open anything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Role;
use crate::directory::{Directory, IpAddressFamily};

/// The addresses where calls are told to go elsewhere: those configured, with the ports and the IP versions that
/// `[[call_router]]` and `[[service]]` of this node say.
///
/// # Errors
/// A part that is configured would listen nowhere, in a sentence.
pub fn redirecting_addresses(
    configured: &[(Role, SocketAddr)],
    directory: &Directory,
    node: &str,
) -> Result<Vec<(Role, SocketAddr)>, String> {
    let mut all = Vec::new();
    for role in [Role::Router, Role::Service] {
        let (port, family, part) = match role {
            Role::Router => {
                let entry = directory.call_router_of(node);
                (
                    entry.and_then(|entry| entry.sip_tcp_listening_port),
                    entry.map(|e| e.ip_address_family),
                    "call router",
                )
            }
            Role::Service => {
                let entry = directory.service_of(node);
                (entry.and_then(|entry| entry.port), entry.map(|entry| entry.ip_address_family), "UM service")
            }
        };
        let of_role = configured.iter().filter(|(of, _)| *of == role).map(|(_, at)| *at);
        let moved = of_role.map(|at| SocketAddr::new(at.ip(), port.unwrap_or(at.port())));
        let addresses = of_family(&moved.collect::<Vec<_>>(), family.unwrap_or(IpAddressFamily::Any))
            .map_err(|why| format!("the {part} {why}"))?;
        all.extend(addresses.into_iter().map(|at| (role, at)));
    }
    Ok(all)
}

/// The addresses where a UM worker listens: those configured, of the IP versions that `[[service]]` of this node says.
///
/// # Errors
/// It would listen nowhere, in a sentence.
pub fn worker_addresses(
    configured: &[SocketAddr],
    directory: &Directory,
    node: &str,
) -> Result<Vec<SocketAddr>, String> {
    let family = directory.service_of(node).map_or(IpAddressFamily::Any, |entry| entry.ip_address_family);
    of_family(configured, family).map_err(|why| format!("the UM worker {why}"))
}

/// Every address of the machine is every address of the wanted IP version.
fn of_family(configured: &[SocketAddr], family: IpAddressFamily) -> Result<Vec<SocketAddr>, String> {
    let any: Option<IpAddr> = match family {
        IpAddressFamily::Ipv4Only => Some(Ipv4Addr::UNSPECIFIED.into()),
        IpAddressFamily::Ipv6Only => Some(Ipv6Addr::UNSPECIFIED.into()),
        IpAddressFamily::Any => None,
    };
    let mut left = Vec::new();
    for at in configured {
        let at = match any {
            Some(any) if at.ip().is_unspecified() => SocketAddr::new(any, at.port()),
            _ => *at,
        };
        if family.allows(at.ip()) && !left.contains(&at) {
            left.push(at);
        }
    }
    match left.is_empty() && !configured.is_empty() {
        true => Err(format!(
            "would listen nowhere: its ip_address_family is {}, and none of bind_addresses is of that",
            family.as_str()
        )),
        false => Ok(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::SourceFile;

    fn directory(text: &str) -> Directory {
        Directory::load(&[SourceFile::new("servers.toml", text)]).expect("valid")
    }

    fn addresses(text: &str) -> Vec<SocketAddr> {
        text.split_whitespace().map(|address| address.parse().unwrap()).collect()
    }

    /// Router and service, each on these addresses, as the node `um1` has them with these entries.
    fn listens(bound: &str, entries: &str) -> Result<String, String> {
        let of = |role, port: u16| {
            bound.split_whitespace().map(move |ip| (role, SocketAddr::new(ip.parse().unwrap(), port)))
        };
        let configured: Vec<_> = of(Role::Router, 5060).chain(of(Role::Service, 5062)).collect();
        let wanted = redirecting_addresses(&configured, &directory(entries), "um1.example.test")?;
        Ok(wanted.iter().map(|(_, at)| at.to_string()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn entries_of_this_server_move_its_ports() {
        let all = "0.0.0.0:5060 0.0.0.0:5062";
        assert_eq!(listens("0.0.0.0", "").unwrap(), all);
        let other = "[[call_router]]\nname = \"um2.example.test\"\nsip_tcp_listening_port = 6060\n";
        assert_eq!(listens("0.0.0.0", other).unwrap(), all);
        let router = other.replace("um2", "UM1");
        assert_eq!(listens("0.0.0.0", &router).unwrap(), "0.0.0.0:6060 0.0.0.0:5062");
        let service = "[[service]]\nname = \"um1.example.test\"\n";
        assert_eq!(listens("0.0.0.0", service).unwrap(), all, "what an entry does not say is configured");
        let service = format!("{service}port = 6062\n");
        assert_eq!(listens("127.0.0.1 ::1", &service).unwrap(), "127.0.0.1:5060 [::1]:5060 127.0.0.1:6062 [::1]:6062");
    }

    #[test]
    fn the_address_family_leaves_its_addresses_and_makes_all_of_all() {
        let router =
            |family| format!("[[call_router]]\nname = \"um1.example.test\"\nip_address_family = \"{family}\"\n");
        assert_eq!(listens("0.0.0.0", &router("IPv6Only")).unwrap(), "[::]:5060 0.0.0.0:5062");
        assert_eq!(listens("0.0.0.0 ::", &router("IPv6Only")).unwrap(), "[::]:5060 0.0.0.0:5062 [::]:5062");
        assert_eq!(listens("0.0.0.0 ::", &router("Any")).unwrap(), "0.0.0.0:5060 [::]:5060 0.0.0.0:5062 [::]:5062");
        assert_eq!(listens("127.0.0.1 ::1", &router("IPv4Only")).unwrap(), "127.0.0.1:5060 127.0.0.1:5062 [::1]:5062");
        assert_eq!(
            listens("127.0.0.1", &router("IPv6Only")).unwrap_err(),
            "the call router would listen nowhere: its ip_address_family is IPv6Only, and none of bind_addresses is of that"
        );
    }

    #[test]
    fn workers_go_with_the_service() {
        let entries = "[[service]]\nname = \"um1.example.test\"\nport = 6062\nip_address_family = \"IPv6Only\"\n";
        let worker = |bound| worker_addresses(&addresses(bound), &directory(entries), "um1.example.test");
        assert_eq!(worker("127.0.0.1:5065 [::1]:5065").unwrap(), addresses("[::1]:5065"));
        assert_eq!(worker("0.0.0.0:5065").unwrap(), addresses("[::]:5065"));
        assert!(worker("127.0.0.1:5065").is_err());
        assert!(worker_addresses(&[], &directory(entries), "um1.example.test").unwrap().is_empty(), "no worker at all");
    }
}
