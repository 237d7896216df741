//! A connection as it is shown: without any value of its key.

use std::time::SystemTime;

use humantime::format_rfc3339_millis;
use keyway::vault::Connection;
use serde::Serialize;

use crate::output;

/// A connection as JSON. Every key is always there.
#[derive(Serialize)]
pub(crate) struct ConnectionView<'c> {
    id: &'c str,
    tenant: &'c str,
    provider: &'c str,
    method: &'c str,
    name: Option<&'c str>,
    /// The tenant's user who linked it, as the platform names them.
    end_user: Option<&'c str>,
    account: Option<AccountView<'c>>,
    status: &'static str,
    verdict: Option<&'static str>,
    origins: &'c [String],
    checked_at: Option<String>,
    created_at: String,
    updated_at: String,
    version: i64,
}

#[derive(Serialize)]
struct AccountView<'c> {
    id: &'c str,
    label: &'c str,
}

impl<'c> ConnectionView<'c> {
    pub(crate) fn of(connection: &'c Connection) -> Self {
        let time = |time: SystemTime| format_rfc3339_millis(time).to_string();
        let account = connection.account.as_ref();
        Self {
            id: connection.id.as_str(),
            tenant: connection.tenant.as_str(),
            provider: &connection.provider,
            method: &connection.method,
            name: connection.name.as_deref(),
            end_user: connection.end_user.as_deref(),
            account: account.map(|account| AccountView { id: account.id(), label: account.label() }),
            status: connection.status.as_str(),
            verdict: connection.verdict.map(keyway::VerdictKind::as_str),
            origins: &connection.origins,
            checked_at: connection.checked_at.map(time),
            created_at: time(connection.created_at),
            updated_at: time(connection.updated_at),
            version: connection.version,
        }
    }

    /// For a person.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: &str| out += &format!("  {name:9}{value}\n");
        line("Id", self.id);
        line("Name", self.name.unwrap_or("-"));
        line("Provider", &format!("{} ({})", self.provider, self.method));
        line("Goes to", &self.origins.join(", "));
        line(
            "Account",
            &self.account.as_ref().map_or_else(|| "-".to_owned(), |of| format!("{} ({})", of.label, of.id)),
        );
        if let Some(user) = self.end_user {
            line("End user", user);
        }
        line("Status", self.state());
        let checked =
            self.checked_at.as_deref().map(|at| format!("{}, at {at}", self.verdict.unwrap_or("-")));
        line("Checked", checked.as_deref().unwrap_or("never"));
        line("Saved", &self.created_at);
        out
    }

    fn state(&self) -> &'static str {
        if self.status == "needs_key" { "needs a new key" } else { self.status }
    }
}

/// Connections for a person.
pub(super) fn table(views: &[ConnectionView<'_>]) -> String {
    let rows: Vec<Vec<String>> = views
        .iter()
        .map(|view| {
            [
                view.id,
                view.name.unwrap_or("-"),
                view.provider,
                view.account.as_ref().map_or("-", |account| account.label),
                view.state(),
                view.checked_at.as_deref().unwrap_or("never"),
            ]
            .map(str::to_owned)
            .to_vec()
        })
        .collect();
    output::table(&["ID", "NAME", "PROVIDER", "ACCOUNT", "STATUS", "CHECKED"], &rows, "")
}
