//! An object whose members stand in an order.

use serde::{Serialize, Serializer};

/// An object whose members stand in this order when it is written. Where nothing says otherwise, libraries draw inputs
/// in the order of the properties.
#[derive(Debug)]
pub(crate) struct Object<'a, T>(pub(crate) Vec<(&'a str, T)>);

impl<T: Serialize> Serialize for Object<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
