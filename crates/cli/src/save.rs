//! `keyway connect --save`: a good key is kept.

use keyway::{
    Account, Credential, Entry,
    vault::{Accounts, Connection, ConnectionId, Error, New, Scope},
};
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::{args::Connect, connection::view::ConnectionView, exit::Failure};

/// Where a good key goes.
pub(crate) struct Keeping<'k> {
    scope: &'k Scope,
    name: Option<&'k str>,
    /// The connection that gets it in place of its own.
    replaces: Option<&'k ConnectionId>,
}

/// A key that was kept.
pub(crate) struct Kept {
    connection: Connection,
    same_key: Vec<ConnectionId>,
    same_account: Vec<ConnectionId>,
    replaced: bool,
}

/// As JSON.
#[derive(Serialize)]
pub(crate) struct KeptView<'k> {
    connection: ConnectionView<'k>,
    same_key: Vec<&'k str>,
    same_account: Vec<&'k str>,
}

impl<'k> Keeping<'k> {
    /// Finds out what can be found out before anybody is asked for a key.
    pub(crate) async fn new(scope: &'k Scope, args: &'k Connect, entry: &Entry) -> Result<Self, Failure> {
        let this = Self { scope, name: args.name.as_deref(), replaces: args.connection.as_ref() };
        if let Some(id) = this.replaces {
            let old = scope.get(id).await?;
            let descriptor = entry.descriptor();
            let is_same = *descriptor.id() == *old.provider
                || descriptor.formerly().iter().any(|former| *former == *old.provider);
            if !is_same {
                return Err(Failure::Because(format!(
                    "this connection is one to {}, and takes no key of {}",
                    old.provider,
                    descriptor.id()
                )));
            }
        }
        Ok(this)
    }

    /// Keeps a key that was found to be good.
    pub(crate) async fn keep(&self, credential: &Credential, account: &Account) -> Result<Kept, Failure> {
        let mut new = New::connection(credential).account(account);
        if let Some(name) = self.name {
            new = new.name(name);
        }
        let kept = match self.replaces {
            Some(id) => self.scope.replace(id, new, Accounts::Same).await.map(|connection| Kept {
                connection,
                same_key: Vec::new(),
                same_account: Vec::new(),
                replaced: true,
            }),
            None => self.scope.save(new).await.map(|saved| Kept {
                connection: saved.connection,
                same_key: saved.same_secret,
                same_account: saved.same_account,
                replaced: false,
            }),
        };
        kept.map_err(|error| match Failure::from(error.clone()) {
            Failure::Because(why) if error == Error::OtherAccount => Failure::Because(format!(
                "the key is valid, and was not saved: {why}; without --connection it becomes a connection of its own"
            )),
            Failure::Because(why) => Failure::Because(format!("the key is valid, and was not saved: {why}")),
            other => other,
        })
    }
}

impl Kept {
    pub(crate) fn view(&self) -> KeptView<'_> {
        KeptView {
            connection: ConnectionView::of(&self.connection),
            same_key: self.same_key.iter().map(ConnectionId::as_str).collect(),
            same_account: self.same_account.iter().map(ConnectionId::as_str).collect(),
        }
    }

    /// For a person: what was kept, and what is alike.
    pub(crate) fn text(&self) -> String {
        let (id, tenant) = (&self.connection.id, &self.connection.tenant);
        let head = match (self.replaced, &self.connection.name) {
            (true, _) => format!("{id} has this key now."),
            (false, Some(name)) => format!("Saved as {id}, {name}."),
            (false, None) => format!("Saved as {id}."),
        };
        let mut out = format!("{} {}\n", "✓".green().bold(), head.bold());
        for (alike, what) in [(&self.same_key, "The same key"), (&self.same_account, "The same account")] {
            if !alike.is_empty() {
                let ids: Vec<&str> = alike.iter().map(ConnectionId::as_str).collect();
                out += &format!("  {what} is kept already: {}\n", ids.join(", "));
            }
        }
        out + &format!("\n  keyway request --connection {id} --tenant {tenant} GET /…\n")
    }
}
