//! Values replaced and lists changed, with the layout around them kept.
//! Knows: TOML values, blanks and comments. Must not: know keys.

use toml_edit::{Array, Value};

/// What is left of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Something,
    Nothing,
}

/// Puts a value in the place of another; a value that says the same stays as it is written.
pub(super) fn replace(old: &mut Value, new: Value) {
    if same(old, &new) {
        return;
    }
    if let (Value::Array(array), Value::Array(wanted)) = (&mut *old, &new) {
        let wanted: Vec<String> = wanted.iter().map(shown).collect();
        let kept: Vec<String> = array.iter().map(shown).filter(|member| wanted.contains(member)).collect();
        // a list that only grows at its end or loses members keeps its layout, and the comments in it
        if array.iter().all(Value::is_str) && wanted.starts_with(&kept) {
            Layout::change(array, |layout| {
                layout.retain(|member| wanted.contains(&member.to_owned()));
                wanted.iter().for_each(|member| layout.push(member));
            });
            return;
        }
    }
    let decor = old.decor().clone();
    *old = new;
    *old.decor_mut() = decor;
}

/// Adds members that are not there yet. One text alone becomes a list.
pub(super) fn add(value: &mut Value, members: &[String]) {
    make_array(value);
    let Value::Array(array) = value else { return };
    Layout::change(array, |layout| members.iter().for_each(|member| layout.push(member)));
}

/// Takes members out.
pub(super) fn take(value: &mut Value, members: &[String]) -> Left {
    make_array(value);
    let Value::Array(array) = value else { return Left::Something };
    let stays = |member: &str| !members.iter().any(|gone| gone.eq_ignore_ascii_case(member));
    Layout::change(array, |layout| layout.retain(stays));
    if array.is_empty() { Left::Nothing } else { Left::Something }
}

/// The members of a list, and the text between them: commas left out, blanks, line ends and comments kept.
///
/// The rest of a member's line, behind its comma, is its own; so are comment lines right above it.
struct Layout {
    members: Vec<Value>,
    /// Before each member, and behind the last.
    gaps: Vec<String>,
    ends_with_comma: bool,
}

impl Layout {
    fn change(array: &mut Array, work: impl FnOnce(&mut Layout)) {
        let mut layout = Layout::of(array);
        work(&mut layout);
        layout.write(array);
    }

    fn of(array: &Array) -> Layout {
        let mut gaps = vec![String::new()];
        let mut put = |text: Option<&str>, begins: bool| {
            let text = text.unwrap_or_default();
            match gaps.last_mut().filter(|_| !begins) {
                Some(gap) => gap.push_str(text),
                None => gaps.push(text.to_owned()),
            }
        };
        for member in array.iter() {
            put(member.decor().prefix().and_then(|text| text.as_str()), false);
            put(member.decor().suffix().and_then(|text| text.as_str()), true);
        }
        put(array.trailing().as_str(), false);
        Layout { members: array.iter().cloned().collect(), gaps, ends_with_comma: array.trailing_comma() }
    }

    fn write(self, array: &mut Array) {
        let Layout { members, gaps, ends_with_comma } = self;
        let last = members.len().saturating_sub(1);
        let is_empty = members.is_empty();
        array.clear();
        let end = gaps.last().cloned().unwrap_or_default();
        for (at, (mut member, gap)) in members.into_iter().zip(gaps).enumerate() {
            let suffix = if at == last && !ends_with_comma { end.as_str() } else { "" };
            *member.decor_mut() = toml_edit::Decor::new(gap, suffix);
            array.push_formatted(member);
        }
        array.set_trailing_comma(ends_with_comma && !is_empty);
        array.set_trailing(if ends_with_comma && !is_empty { end.as_str() } else { "" });
    }

    fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        for at in (0..self.members.len()).rev() {
            if self.members.get(at).is_some_and(|member| !stays(&shown(member))) {
                self.members.remove(at);
                let behind = self.gaps.remove(at + 1);
                if let Some(before) = self.gaps.get_mut(at) {
                    // the end of the line before, and what stands above the next
                    let kept = before.find('\n').map_or(before.as_str(), |end| &before[..end]);
                    let rest = behind.find('\n').map(|end| &behind[end..]);
                    *before = match rest {
                        Some(rest) => format!("{kept}{rest}"),
                        None if at == self.members.len() => behind,
                        None => before.clone(),
                    };
                }
            }
        }
    }

    fn push(&mut self, member: &str) {
        if self.members.iter().any(|there| shown(there).eq_ignore_ascii_case(member)) {
            return;
        }
        let before_last = self.gaps.len().checked_sub(2).and_then(|at| self.gaps.get(at)).cloned().unwrap_or_default();
        let end = self.gaps.pop().unwrap_or_default();
        // one member a line: the next gets its own
        let (gap, end) = match (before_last.rsplit_once('\n'), end.find('\n')) {
            (Some((_, indentation)), Some(line_end)) => {
                (format!("{}\n{indentation}", &end[..line_end]), end[line_end..].to_owned())
            }
            _ if self.members.is_empty() => (String::new(), end),
            _ => (" ".to_owned(), end),
        };
        self.members.push(Value::from(member));
        self.gaps.extend([gap, end]);
    }
}

fn make_array(value: &mut Value) {
    if !value.is_array() {
        let decor = value.decor().clone();
        let mut array = Array::new();
        array.push(shown(value));
        *value = Value::Array(array);
        *value.decor_mut() = decor;
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other.iter()).all(|(one, other)| same(one, other))
        }
        (Value::Array(list), text) | (text, Value::Array(list)) => {
            list.len() == 1 && list.iter().all(|only| same(only, text))
        }
        (Value::String(one), Value::String(other)) => one.value() == other.value(),
        (Value::Integer(one), Value::Integer(other)) => one.value() == other.value(),
        (Value::Boolean(one), Value::Boolean(other)) => one.value() == other.value(),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.value().clone(),
        other => other.to_string().trim().to_owned(),
    }
}
