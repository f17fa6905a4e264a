use jiff::Timestamp;

use super::Component::{ServerWideOffline, UmCallRouter, UnifiedMessaging};
use super::ComponentState::{Active, Draining, Inactive};
use super::Requester::{Functional, HealthApi, Maintenance};
use super::*;

fn states(entries: &[(Component, Requester, ComponentState)]) -> States {
    let mut states = States::default();
    for (component, requester, state) in entries {
        states.set(Timestamp::UNIX_EPOCH, *component, *requester, *state);
    }
    states
}

#[test]
fn a_component_is_as_far_out_of_service_as_its_worst_requester_says() {
    // what was set, one after another; the states of router, UM service, whole server
    type Said = (Component, Requester, ComponentState);
    let table: &[(&[Said], [ComponentState; 3])] = &[
        (&[], [Active, Active, Active]),
        (&[(UmCallRouter, Maintenance, Draining)], [Draining, Active, Active]),
        (&[(UnifiedMessaging, Functional, Inactive)], [Active, Inactive, Active]),
        // each requester has a say of its own, and clears its own only
        (&[(UmCallRouter, Maintenance, Draining), (UmCallRouter, HealthApi, Inactive)], [Inactive, Active, Active]),
        (&[(UmCallRouter, Maintenance, Inactive), (UmCallRouter, HealthApi, Active)], [Inactive, Active, Active]),
        (
            &[
                (UmCallRouter, Maintenance, Inactive),
                (UmCallRouter, HealthApi, Draining),
                (UmCallRouter, Maintenance, Active),
            ],
            [Draining, Active, Active],
        ),
        // the whole server speaks for every component
        (&[(ServerWideOffline, Maintenance, Inactive)], [Inactive, Inactive, Inactive]),
        (
            &[(ServerWideOffline, Maintenance, Draining), (UmCallRouter, Functional, Inactive)],
            [Inactive, Draining, Draining],
        ),
        // an administrator's maintenance, there and back
        (&[(UmCallRouter, Maintenance, Draining), (ServerWideOffline, Maintenance, Inactive)], [Inactive; 3]),
        (
            &[
                (UmCallRouter, Maintenance, Draining),
                (ServerWideOffline, Maintenance, Inactive),
                (ServerWideOffline, Maintenance, Active),
            ],
            [Draining, Active, Active],
        ),
        (
            &[
                (UmCallRouter, Maintenance, Draining),
                (ServerWideOffline, Maintenance, Inactive),
                (ServerWideOffline, Maintenance, Active),
                (UmCallRouter, Maintenance, Active),
            ],
            [Active; 3],
        ),
        // setting Active for another requester clears nothing
        (&[(ServerWideOffline, Maintenance, Inactive), (ServerWideOffline, Functional, Active)], [Inactive; 3]),
    ];
    for (set, expected) in table {
        let states = states(set);
        let found = [UmCallRouter, UnifiedMessaging, ServerWideOffline].map(|component| states.of(component));
        assert_eq!(found, *expected, "{set:?}");
    }
}

#[test]
fn the_same_said_again_changes_nothing_and_keeps_its_time() {
    let mut states = States::default();
    let later = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(60);
    assert!(states.set(Timestamp::UNIX_EPOCH, UmCallRouter, Maintenance, Draining));
    assert!(!states.set(later, UmCallRouter, Maintenance, Draining));
    let entries: Vec<_> = states.entries_of(UmCallRouter).collect();
    assert_eq!(entries, [(Maintenance, Entry { state: Draining, since: Timestamp::UNIX_EPOCH })]);
}

#[test]
fn peers_are_told_who_took_it_out_of_service() {
    assert_eq!(states(&[]).refusal(UmCallRouter), None);
    let one = states(&[(UmCallRouter, Maintenance, Draining)]);
    let text = "UMCallRouter is out of service: UMCallRouter is Draining for Maintenance";
    assert_eq!(one.refusal(UmCallRouter).as_deref(), Some(text));
    let all = states(&[(ServerWideOffline, HealthApi, Inactive), (UnifiedMessaging, Maintenance, Draining)]);
    let text = "UnifiedMessaging is out of service: ServerWideOffline is Inactive for HealthAPI";
    assert_eq!(all.refusal(UnifiedMessaging).as_deref(), Some(text));
}

#[test]
fn what_is_kept_is_read_back_and_what_is_damaged_is_told() {
    let states = states(&[(UmCallRouter, HealthApi, Draining), (ServerWideOffline, Maintenance, Inactive)]);
    let mut kept: Vec<(String, Vec<u8>)> = Vec::new();
    for component in Component::ALL {
        kept.extend(states.entries_of(component).map(|(by, entry)| (key(component, by), value(&entry))));
    }
    assert_eq!(kept[1].0, "UMCallRouter/HealthAPI");
    let (read, faults) = States::from_kept(&kept);
    assert_eq!(read, states);
    assert!(faults.is_empty());

    kept.push(("Transport/Maintenance".to_owned(), kept[0].1.clone()));
    kept.push(("UMCallRouter/Maintenance".to_owned(), b"{".to_vec()));
    let (read, faults) = States::from_kept(&kept);
    assert_eq!(read, states);
    assert_eq!(faults.len(), 2);
}

#[test]
fn words_are_known_in_any_case_and_others_are_answered_with_what_is_allowed() {
    assert_eq!("umcallrouter".parse(), Ok(UmCallRouter));
    assert_eq!("HEALTHAPI".parse(), Ok(HealthApi));
    assert_eq!("draining".parse(), Ok(Draining));
    let refused = "HubTransport".parse::<Component>().unwrap_err().to_string();
    assert_eq!(refused, "\"HubTransport\" is no component here: ServerWideOffline, UMCallRouter, UnifiedMessaging");
    assert!("Off".parse::<ComponentState>().is_err());
    assert!("Me".parse::<Requester>().is_err());
}
