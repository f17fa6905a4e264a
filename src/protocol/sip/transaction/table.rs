//! How the tests of the four tables read: every row is listed beside its RFC section, every pair of state and event
//! that has no row must be absorbed. Knows: the vocabulary of this room. Must not: know one machine in particular.

use super::{Command, Status};
use std::fmt::Debug;

/// Section, state, event, next state, commands.
pub(super) type Row<S, E> = (&'static str, S, E, S, Vec<Command>);

/// Runs every event in every state and compares with the rows.
pub(super) fn check<S, E>(states: &[S], events: &[E], rows: &[Row<S, E>], run: impl Fn(S, E) -> (S, Vec<Command>))
where
    S: Copy + PartialEq + Debug,
    E: Copy + PartialEq + Debug,
{
    for (section, state, event, ..) in rows {
        assert!(states.contains(state) && events.contains(event), "{section}: {state:?} x {event:?} is never tried");
    }
    for &state in states {
        for &event in events {
            let row = rows.iter().find(|(_, from, on, ..)| *from == state && *on == event);
            let expected = row.map_or((state, Vec::new()), |(.., next, commands)| (*next, commands.clone()));
            let section = row.map_or("absorbed", |(section, ..)| section);
            assert_eq!(run(state, event), expected, "{section}: {state:?} x {event:?}");
        }
    }
}

pub(super) fn status(code: u16) -> Status {
    Status::new(code).expect("a status code between 100 and 699")
}
