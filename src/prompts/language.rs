//! The name of a language, as Exchange's DefaultLanguage has it: `en-US`, `ko-KR` (BCP 47).
//! Knows: how such a name is spelled. Must not: know which languages there are prompts for.

use std::fmt;
use std::sync::Arc;

/// A language name in its usual spelling: `EN-us` is read as `en-US`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a language name: two or three letters, then any number of `-` and two to eight letters or digits, like en-US"
)]
pub struct InvalidLanguage(pub String);

impl Language {
    /// The language the program is shipped with.
    pub fn en_us() -> Self {
        Self("en-US".into())
    }

    pub fn parse(name: &str) -> Result<Self, InvalidLanguage> {
        let mut spelled = String::with_capacity(name.len());
        for (index, part) in name.split('-').enumerate() {
            let fits = match index {
                0 => matches!(part.len(), 2 | 3) && part.bytes().all(|b| b.is_ascii_alphabetic()),
                _ => matches!(part.len(), 2..=8) && part.bytes().all(|b| b.is_ascii_alphanumeric()),
            };
            if !fits {
                return Err(InvalidLanguage(name.to_owned()));
            }
            match (index, part.len()) {
                (0, _) => spelled.push_str(&part.to_ascii_lowercase()),
                // RFC 5646 2.1.1: regions in capitals, scripts with a capital, the rest small
                (_, 2) => spelled.extend(["-", &part.to_ascii_uppercase()]),
                (_, 4) => spelled.extend(["-", &part[..1].to_ascii_uppercase(), &part[1..].to_ascii_lowercase()]),
                _ => spelled.extend(["-", &part.to_ascii_lowercase()]),
            }
        }
        Ok(Self(spelled.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language without region or script: `en` of `en-US`.
    pub fn primary(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Language {
    type Err = InvalidLanguage;

    fn from_str(name: &str) -> Result<Self, InvalidLanguage> {
        Self::parse(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_name_is_read_in_any_case_and_kept_in_the_usual_one() {
        for (given, kept) in [("en-us", "en-US"), ("KO-kr", "ko-KR"), ("zh-hant-tw", "zh-Hant-TW"), ("de", "de")] {
            assert_eq!(Language::parse(given).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn what_is_no_language_name_is_refused() {
        for given in ["", "e", "english", "en_US", "en-", "-US", "en-U", "e1-US", "en-US.bak", "한국"] {
            assert!(Language::parse(given).is_err(), "{given}");
        }
    }
}
