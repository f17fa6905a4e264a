//! Durations as configuration writes them: `30m`, `5s`, `1h30m`.
//! Knows: text. Must not: know which durations a key allows.

use std::time::Duration;

use super::Invalid;

/// Units from long to short, in seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads whole numbers with a unit each (`d`, `h`, `m`, `s`), longest unit first: `90s`, `30m`, `1h30m`.
pub fn parse_duration(text: &str) -> Result<Duration, Invalid> {
    let invalid =
        || Invalid(format!("\"{text}\" is no duration; write a number and a unit (s, m, h, d), such as \"30m\""));
    let mut seconds = 0u64;
    let mut units = UNITS.iter();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let unit = after.chars().next().ok_or_else(invalid)?;
        // each unit once, and only after a longer one
        let (_, scale) = units.find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let number: u64 = number.parse().map_err(|_| invalid())?;
        let part = number.checked_mul(*scale).ok_or_else(invalid)?;
        seconds = seconds.checked_add(part).ok_or_else(invalid)?;
        rest = after.strip_prefix(unit).unwrap_or_default().trim_start();
    }
    Ok(Duration::from_secs(seconds))
}

/// The shortest way to write a duration of whole seconds that [`parse_duration`] reads back.
pub fn show_duration(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    if seconds == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, scale) in UNITS {
        if seconds >= scale {
            out.push_str(&format!("{}{unit}", seconds / scale));
            seconds %= scale;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_numbers_with_units_longest_first() {
        for (text, seconds) in
            [("5s", 5), ("90s", 90), ("30m", 1_800), ("1h30m", 5_400), ("2d", 172_800), (" 1h 5s ", 3_605)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "5", "s", "5 ", "5x", "5m1h", "5s5s", "-5s", "1.5h", "99999999999999999999d", "9999999999999999999d"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(seconds in 0u64..10_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
        }
    }
}
