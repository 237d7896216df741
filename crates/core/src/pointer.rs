//! JSON pointers (RFC 6901), in which the segment `*` matches any one member.

use std::fmt;

use serde_json::Value;

use crate::yaml::Like;

/// A compiled pointer. `~0` is `~`, `~1` is `/`, and `~2` is a literal `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Any,
    Name(Box<str>),
}

impl Pointer {
    /// The form of a pointer, for the schema.
    pub(crate) const LIKE: Like = Like { noun: "a JSON pointer (`/a/b`)", pattern: "^(/([^~/]|~[012])*)*$" };

    /// Compiles a pointer; `Err` says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Ok(Self { steps: Vec::new() });
        }
        let Some(text) = text.strip_prefix('/') else { return Err("a JSON pointer begins with `/`") };
        let steps = text.split('/').map(Self::step).collect::<Result<_, _>>()?;
        Ok(Self { steps })
    }

    fn step(segment: &str) -> Result<Step, &'static str> {
        if segment == "*" {
            return Ok(Step::Any);
        }
        let mut name = String::with_capacity(segment.len());
        let mut chars = segment.chars();
        while let Some(c) = chars.next() {
            name.push(match c {
                '~' => match chars.next() {
                    Some('0') => '~',
                    Some('1') => '/',
                    Some('2') => '*',
                    _ => return Err("after `~` stands 0 (for `~`), 1 (for `/`) or 2 (for `*`)"),
                },
                c => c,
            });
        }
        Ok(Step::Name(name.into()))
    }

    /// Tells whether `test` holds for a value that the pointer leads to.
    pub(crate) fn any(&self, value: &Value, test: &mut dyn FnMut(&Value) -> bool) -> bool {
        Self::walk(&self.steps, value, test)
    }

    /// The first value that the pointer leads to.
    pub(crate) fn first<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        fn first<'v>(steps: &[Step], value: &'v Value) -> Option<&'v Value> {
            let Some((step, rest)) = steps.split_first() else { return Some(value) };
            match step {
                Step::Any => members(value).find_map(|member| first(rest, member)),
                Step::Name(name) => first(rest, member(value, name)?),
            }
        }
        first(&self.steps, value)
    }

    fn walk(steps: &[Step], value: &Value, test: &mut dyn FnMut(&Value) -> bool) -> bool {
        let Some((step, rest)) = steps.split_first() else { return test(value) };
        match step {
            Step::Any => members(value).any(|member| Self::walk(rest, member, test)),
            Step::Name(name) => member(value, name).is_some_and(|member| Self::walk(rest, member, test)),
        }
    }
}

/// As it is written in a descriptor.
impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| match step {
            Step::Any => f.write_str("/*"),
            Step::Name(name) => {
                write!(f, "/{}", name.replace('~', "~0").replace('/', "~1").replace('*', "~2"))
            }
        })
    }
}

fn members(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Object(map) => Box::new(map.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => Box::new(std::iter::empty()),
    }
}

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => map.get(name),
        // RFC 6901: digits without a leading zero.
        Value::Array(items) if name == "0" || !name.starts_with('0') => {
            items.get(name.parse::<usize>().ok()?)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_leads_where_rfc_6901_says_and_a_star_to_any_member() {
        let value = json!({"a": {"b/c": [10, 20], "~*": 1, "*": 2}, "q": {"b/c": [30]}});
        for (pointer, expected) in [
            ("/a/b~1c/1", Some(json!(20))),
            ("/a/b~1c/01", None),
            ("/a/b~1c/2", None),
            ("/a/~0~2", Some(json!(1))),
            ("/a/~2", Some(json!(2))),
            ("/*/b~1c/0", Some(json!(10))),
            ("/*/x", None),
            ("/a/b~1c/*/x", None),
        ] {
            let parsed = Pointer::parse(pointer).unwrap();
            assert_eq!(parsed.first(&value), expected.as_ref(), "{pointer}");
            assert_eq!(Pointer::parse(&parsed.to_string()).unwrap(), parsed, "{pointer}");
        }
        let mut seen = Vec::new();
        Pointer::parse("/*/b~1c/*").unwrap().any(&value, &mut |value| {
            seen.push(value.clone());
            false
        });
        assert_eq!(seen, [json!(10), json!(20), json!(30)]);
        assert!(
            Pointer::parse("a").is_err() && Pointer::parse("/a~3").is_err() && Pointer::parse("/~").is_err()
        );
    }
}
