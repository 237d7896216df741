//! Playing a check: the key accepted, the request compared, the answer judged.

use std::{sync::Arc, time::UNIX_EPOCH};

use keyway_core::{Account, Credential, Entry, Method, Verdict, VerdictKind};

use crate::{Check, Player, player::now};

impl Check {
    /// Plays the check in memory: its key is accepted by a provider's method, the request that goes out is the fixture's, and
    /// the fixture's answer leads to the fixture's verdict.
    ///
    /// # Errors
    /// The first of these that does not hold, for whoever writes descriptor and fixtures.
    pub fn play(&self, entry: &Entry, method: &Arc<Method>) -> Result<Verdict, String> {
        let name = self.name();
        let credential = self.credential(entry, method)?;
        let player = Player::new(self);
        let verdict = now(credential.provider().validate(&credential, &player));
        if let Some(difference) = player.difference() {
            return Err(format!("the request of `{name}`: {difference}"));
        }
        if verdict.kind() != self.verdict() {
            let because = self.because(method, &verdict).map(|text| format!(": {text}")).unwrap_or_default();
            return Err(format!(
                "`{name}`: the verdict is `{}`, and the fixtures say `{}`{because}",
                verdict.kind(),
                self.verdict()
            ));
        }
        let found = verdict.account().map(|account| (account.id(), account.label()));
        if found != self.account() {
            let shown = |account: Option<(&str, &str)>| {
                account.map_or_else(String::new, |(id, label)| format!("id {id:?}, label {label:?}"))
            };
            return Err(format!(
                "`{name}`: the account is {}, and the fixtures say {}",
                shown(found),
                shown(self.account())
            ));
        }
        let group = verdict.account().and_then(Account::group);
        if self.group().is_some() && group != self.group() {
            return Err(format!(
                "`{name}`: the group of the account is {group:?}, and the fixtures say {:?}",
                self.group()
            ));
        }
        if self.retry_after().is_some() && verdict.retry_after() != self.retry_after() {
            return Err(format!(
                "`{name}`: the wait is {:?}, and the fixtures say {:?}",
                verdict.retry_after(),
                self.retry_after()
            ));
        }
        Ok(verdict)
    }

    /// The credential that the check's key makes.
    pub(crate) fn credential(&self, entry: &Entry, method: &Arc<Method>) -> Result<Credential, String> {
        let accepted = entry.accept(method, &self.submission());
        let accepted =
            accepted.map_err(|refused| format!("the key of `{}` is refused: {refused}", self.name()))?;
        Ok(accepted.credential)
    }

    /// What the descriptor did not find in the answer of a good key, or what it found in another's.
    fn because(&self, method: &Method, verdict: &Verdict) -> Option<String> {
        let doubt = || method.doubt(&self.answer(UNIX_EPOCH)?);
        match self.verdict() {
            VerdictKind::Valid => doubt().or_else(|| verdict.reason().map(ToString::to_string)),
            _ => verdict.reason().map(ToString::to_string),
        }
    }
}
