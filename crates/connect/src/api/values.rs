//! The values of a form, as they came: they may be a key, and are gone from memory when nobody needs them any more.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use zeroize::Zeroizing;

/// The values, by field. Nothing of it has `Debug`.
pub(super) struct Values(pub(super) Vec<(String, Zeroizing<String>)>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some((field, value)) = entries.next_entry::<String, String>()? {
                    values.push((field, Zeroizing::new(value)));
                }
                Ok(Values(values))
            }
        }
        from.deserialize_map(Entries)
    }
}
