//! Numbers as phone systems write them, and which numbers of a dial plan they may mean.
//! Knows: digits, one dial plan's rules. Must not: know who has a number.

use super::DialPlan;
use super::names::{all_digits, strip_punctuation, strip_scheme};

/// The user part of a URI that is a telephone number, with or without `+`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    digits: String,
    international: bool,
}

/// How sure the phone system is of what it sends: a long number that only ends like an extension is taken for it where a
/// call must find a mailbox, and never where it would put a name to a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    Exact,
    LastDigits,
}

/// The fewest digits of a number that is not internal: below, a wrong extension is wrong, not long.
const SHORTEST_PUBLIC_NUMBER: usize = 7;

impl Number {
    /// `1001`, `+1 (425) 555-0123`, `tel:1001;phone-context=…`, `5201;phone-context=…`; `None` for anything else.
    pub fn parse(user: &str) -> Option<Number> {
        if all_digits(user) {
            return Some(Number { digits: user.to_owned(), international: false });
        }
        let bare = strip_scheme(user, &["tel:"]).split(';').next().unwrap_or_default();
        let bare = strip_punctuation(bare);
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        all_digits(digits).then(|| Number { digits: digits.to_owned(), international: bare.starts_with('+') })
    }

    /// The extension this number is or holds.
    pub fn extension(&self, plan: &DialPlan, sureness: Match) -> Option<&str> {
        let length = usize::from(plan.number_of_digits_in_extension);
        let last = self.digits.len().checked_sub(length).and_then(|start| self.digits.get(start..))?;
        let held = || match plan.numbering_plan_formats.is_empty() {
            false => plan.numbering_plan_formats.iter().any(|format| format.matches(&self.digits)),
            true => {
                sureness == Match::LastDigits && self.digits.len() >= SHORTEST_PUBLIC_NUMBER && !self.is_foreign(plan)
            }
        };
        (last.len() == self.digits.len() || held()).then_some(last)
    }

    /// The international numbers this number may be, likeliest first: as it is, then as a national number.
    pub fn international_forms(&self, plan: &DialPlan) -> impl Iterator<Item = String> {
        let as_it_is = format!("+{}", self.digits);
        let country = plan.country_or_region_code.as_ref().filter(|_| !self.international);
        let national = country.map(|code| format!("+{code}{}", self.digits));
        std::iter::once(as_it_is).chain(national)
    }

    /// True for an international number of another country than the plan's.
    fn is_foreign(&self, plan: &DialPlan) -> bool {
        let code = plan.country_or_region_code.as_deref().unwrap_or_default();
        self.international && !self.digits.starts_with(code)
    }
}
