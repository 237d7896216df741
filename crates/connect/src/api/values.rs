//! The values of a form, as they came: they may be a key, and are gone from memory when nobody needs them any more.

use std::fmt;

use keyway_core::{Account, Credential, Submission, Verdict};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use zeroize::Zeroizing;

use super::{connections::within, problem::Problem};
use crate::shared::Shared;

/// The values, by field. Nothing of it has `Debug`.
pub(super) struct Values(pub(super) Vec<(String, Zeroizing<String>)>);

impl Values {
    /// A provider's credential of these values; not one that nobody can send.
    pub(super) fn accept(
        &self,
        shared: &Shared,
        provider: &str,
        method: Option<&str>,
    ) -> Result<Credential, Problem> {
        let submission = self
            .0
            .iter()
            .fold(Submission::new(), |all, (field, value)| all.with(field.as_str(), value.as_str()));
        let accepted = shared.registry.accept(provider, method, &submission)?;
        if let Some(problem) = Shared::misplaced(&accepted.credential) {
            let pointer = format!("/values/{}", problem.field);
            return Err(Problem::member(&pointer, problem.code.as_str(), problem.message));
        }
        Ok(shared.placed(accepted.credential))
    }
}

/// Whose account a good credential is of, by its provider.
pub(super) async fn account(shared: &Shared, credential: &Credential) -> Result<Account, Problem> {
    let verdict = within(shared.client.check(credential)).await?;
    match verdict {
        Verdict::Valid(account) => Ok(account),
        verdict => Err(Problem::verdict(&verdict)),
    }
}

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
