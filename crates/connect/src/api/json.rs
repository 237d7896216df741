//! The JSON of a request: read strictly, and refused without a word of what stands in it.
//!
//! serde's own messages may repeat a value, and a value may be a key. So a text becomes a tree first, and the tree is read with
//! errors of our own.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, MapAccess, SeqAccess,
        Unexpected, Visitor,
    },
};
use zeroize::Zeroizing;

/// Why a text is not what is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not JSON, or nested more than 128 deep.
    Syntax { line: usize, column: usize },
    /// It is JSON, and something in it is not as it has to be.
    Shape(Wrong),
}

/// One thing that is not as it has to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Where, as a JSON Pointer; empty for the whole. Names of members that nobody knows are left out of it.
    pub(crate) pointer: String,
    /// A stable word.
    pub(crate) code: &'static str,
    /// What is asked for; never what stands there.
    pub(crate) message: Cow<'static, str>,
}

/// The most members of an object.
const MEMBERS: usize = 1000;

/// Reads a text.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Fault> {
    let node: Node = serde_json::from_slice(text).map_err(|error| {
        // Any JSON is a node: the one thing that is refused by its shape is an object of too many members.
        if error.is_data() {
            return Fault::Shape(Wrong::new("too_many", format!("an object has at most {MEMBERS} members")));
        }
        Fault::Syntax { line: error.line().max(1), column: error.column().max(1) }
    })?;
    T::deserialize(&node).map_err(Fault::Shape)
}

/// JSON as it stands there: members that stand twice do so here too.
enum Node {
    Null,
    Bool(bool),
    Whole(i64),
    Number(f64),
    Text(Zeroizing<String>),
    List(Vec<Node>),
    Object(Vec<(Zeroizing<String>, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Whole(value))
            }

            #[expect(clippy::cast_precision_loss, reason = "no limit of ours is near where it is lost")]
            fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                Ok(i64::try_from(value).map_or(Node::Number(value as f64), Node::Whole))
            }

            #[expect(clippy::cast_possible_truncation, reason = "it is a whole number in range")]
            fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
                // To JSON Schema 10.0 is a whole number too.
                let is_whole = value.fract() == 0.0 && value.abs() < 9e15;
                Ok(if is_whole { Node::Whole(value as i64) } else { Node::Number(value) })
            }

            fn visit_str<E>(self, value: &str) -> Result<Node, E> {
                Ok(Node::Text(Zeroizing::new(value.to_owned())))
            }

            fn visit_string<E>(self, value: String) -> Result<Node, E> {
                Ok(Node::Text(Zeroizing::new(value)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Node::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
                let mut object = Vec::new();
                while let Some((name, node)) = entries.next_entry::<String, Node>()? {
                    if object.len() == MEMBERS {
                        return Err(de::Error::custom("too many members"));
                    }
                    object.push((Zeroizing::new(name), node));
                }
                Ok(Node::Object(object))
            }
        }
        from.deserialize_any(Any)
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Whole(value) => visitor.visit_i64(*value),
            Node::Number(value) => visitor.visit_f64(*value),
            Node::Text(text) => visitor.visit_borrowed_str(text),
            Node::List(list) => visitor.visit_seq(Items { list, next: 0 }),
            Node::Object(entries) => visitor.visit_map(Entries::new(entries, None)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Node::Null => visitor.visit_none(),
            node => visitor.visit_some(node),
        }
    }

    /// serde would also take a list of the members' values.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self {
            Node::Object(entries) => visitor.visit_map(Entries::new(entries, Some(known))),
            _ => Err(Wrong::new("wrong_type", "an object is asked for here")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self {
            Node::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => Err(Wrong::new("wrong_type", "a string is asked for here")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'n> {
    list: &'n [Node],
    next: usize,
}

impl<'n> SeqAccess<'n> for Items<'n> {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'n>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        let Some(node) = self.list.get(self.next) else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        seed.deserialize(node).map(Some).map_err(|wrong| wrong.at(&index.to_string()))
    }
}

struct Entries<'n> {
    list: &'n [(Zeroizing<String>, Node)],
    next: usize,
    seen: HashSet<&'n str>,
    /// The members that there can be, where that is known.
    known: Option<&'static [&'static str]>,
}

impl<'n> Entries<'n> {
    fn new(list: &'n [(Zeroizing<String>, Node)], known: Option<&'static [&'static str]>) -> Self {
        Self { list, next: 0, seen: HashSet::with_capacity(list.len()), known }
    }

    /// What is wrong at a member. Its name is shown where it looks like one: a key may have been pasted in its place.
    fn at(&self, name: &str, wrong: Wrong) -> Wrong {
        let is_plain = (1..=20).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let is_name = match self.known {
            Some(known) => {
                known.contains(&name)
                    || is_plain && known.iter().any(|one| strsim::damerau_levenshtein(one, name) <= 2)
            }
            None => is_plain,
        };
        wrong.at(if is_name { name } else { "(unnamed)" })
    }
}

impl<'n> MapAccess<'n> for Entries<'n> {
    type Error = Wrong;

    fn next_key_seed<S: DeserializeSeed<'n>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        let Some((name, _)) = self.list.get(self.next) else { return Ok(None) };
        if !self.seen.insert(name) {
            return Err(self.at(name, Wrong::new("duplicate", "a member stands twice")));
        }
        let key = seed.deserialize(name.as_str().into_deserializer());
        key.map(Some).map_err(|wrong| self.at(name, wrong))
    }

    fn next_value_seed<S: DeserializeSeed<'n>>(&mut self, seed: S) -> Result<S::Value, Wrong> {
        let (name, node) = &self.list[self.next];
        self.next += 1;
        seed.deserialize(node).map_err(|wrong| self.at(name, wrong))
    }
}

impl Wrong {
    pub(crate) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: String::new(), code, message: message.into() }
    }

    fn at(mut self, step: &str) -> Self {
        self.pointer = format!("/{step}{}", self.pointer);
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    /// Words of somebody else's, which may repeat a value, are not passed on.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new("invalid", "is not what is asked for")
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let asked = match expected.to_string() {
            // serde names Rust's types of numbers.
            number if number.starts_with(['i', 'u']) && number[1..].parse::<u8>().is_ok() => {
                "a whole number".into()
            }
            text => text,
        };
        Self::new("wrong_type", format!("{asked} is asked for here"))
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::new("range", "is not in the range that is allowed")
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new("choice", format!("is one of {}", expected.join(", ")))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        if expected.is_empty() {
            return Self::new("unknown_member", "there is no such member; nothing is asked for here");
        }
        let mut known = expected.to_vec();
        known.sort_unstable();
        Self::new("unknown_member", format!("there is no such member; there are {}", known.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("required", "is missing").at(field)
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::new("duplicate", "a member stands twice")
    }
}
