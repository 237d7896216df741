//! What is to be kept, taken out of a credential; and a credential's fields, taken out of what is kept.

use keyway_core::{Account, Id, Kept, KeptField, Origin, Secret};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    ConnectionId, Error, New,
    connection::{AccountOf, Details, end_user, name, padded},
    error::tampered,
};

/// What is to be kept, taken out of its credential.
pub(crate) struct Draft {
    pub(crate) provider: String,
    pub(crate) formerly: Vec<String>,
    pub(crate) method: String,
    pub(crate) origins: String,
    pub(crate) elsewhere: bool,
    pub(crate) descriptor: i64,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) text: Zeroizing<Vec<u8>>,
    pub(crate) account: Option<Account>,
    pub(crate) name: Option<String>,
    pub(crate) end_user: Option<String>,
    pub(crate) id: Option<ConnectionId>,
}

/// The fields of a credential, as they are sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<T> {
    fields: Vec<FieldOf<T>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldOf<T> {
    id: T,
    value: T,
    secret: bool,
}

impl Draft {
    pub(crate) fn new(new: &New<'_>) -> Result<Self, Error> {
        let kept = new.credential.keep();
        let descriptor = new.credential.provider().descriptor();
        let origins: Vec<String> = kept.origins().iter().map(ToString::to_string).collect();
        let secrets = kept.fields().iter().filter(|field| field.secret).map(|field| field.value.clone());
        Ok(Self {
            provider: descriptor.id().to_string(),
            formerly: descriptor.formerly().iter().map(ToString::to_string).collect(),
            method: new.credential.method().id().to_string(),
            origins: origins.join("\n"),
            elsewhere: kept.is_elsewhere(),
            descriptor: descriptor.version(),
            secrets: secrets.collect(),
            text: text_of(&kept),
            account: new.account.cloned(),
            name: new.name.map(name).transpose()?,
            end_user: new.end_user.map(end_user).transpose()?,
            id: new.id.cloned(),
        })
    }

    pub(crate) fn details(&self) -> Details {
        Details {
            name: self.name.clone(),
            end_user: self.end_user.clone(),
            account: self.account.as_ref().map(AccountOf::new),
        }
    }
}

/// A credential's fields as the text that is sealed.
fn text_of(kept: &Kept) -> Zeroizing<Vec<u8>> {
    let fields = kept.fields().iter().map(|field| FieldOf {
        id: field.id.as_str(),
        value: field.value.expose(),
        secret: field.secret,
    });
    let fields = Fields { fields: fields.collect() };
    // Escapes can make a text longer: with room for all of them, nothing is copied while it is written.
    let room: usize = fields.fields.iter().map(|field| field.id.len() + field.value.len() * 6 + 64).sum();
    let mut json = Zeroizing::new(Vec::with_capacity(room + 64));
    serde_json::to_writer(&mut *json, &fields).expect("texts are JSON");
    padded(&json)
}

/// The fields that a record holds.
pub(crate) fn kept(origins: &str, elsewhere: bool, text: &[u8], what: &str) -> Result<Kept, Error> {
    let damaged = || tampered(what);
    // serde's error could quote a value.
    let fields: Fields<String> = serde_json::from_slice(text).map_err(|_| damaged())?;
    let fields = fields.fields.into_iter().map(|field| {
        let id = Id::parse(&field.id).ok_or_else(damaged)?;
        Ok(KeptField { id, value: Secret::new(field.value), secret: field.secret })
    });
    let fields = fields.collect::<Result<_, Error>>()?;
    let origins = origins.lines().map(|line| Origin::parse_loopback(line).map_err(|_| damaged()));
    let origins = origins.collect::<Result<_, Error>>()?;
    Ok(Kept::new(fields, origins, elsewhere))
}
