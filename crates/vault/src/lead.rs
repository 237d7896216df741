//! The right to do something that one process does at a time.

use std::{fmt, time::Duration};

use crate::{Error, Vault, encoding::hex, name::fill, store::Lease};

/// A right that nobody else has, until it runs out.
pub struct Lead {
    vault: Vault,
    lease: Lease,
}

impl Vault {
    /// Takes the lead in something, for a time of at most a day, by the database's own clock. `None` when another has it. Whoever has it when
    /// its process ends has it until the time is over.
    pub async fn lead(&self, name: &'static str, time: Duration) -> Result<Option<Lead>, Error> {
        let mut holder = [0; 16];
        fill(&mut holder);
        let lease = Lease { name, holder: hex(&holder), ms: millis(time) };
        let is_ours = self.0.store.lease(&lease).await?;
        Ok(is_ours.then(|| Lead { vault: self.clone(), lease }))
    }
}

impl Lead {
    /// Keeps it for a time from now. `false` when another has it by now.
    pub async fn prolong(&self, time: Duration) -> Result<bool, Error> {
        let lease = Lease { name: self.lease.name, holder: self.lease.holder.clone(), ms: millis(time) };
        Ok(self.vault.0.store.lease(&lease).await?)
    }

    /// Gives it back.
    pub async fn release(self) -> Result<(), Error> {
        Ok(self.vault.0.store.release(&self.lease).await?)
    }
}

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").field("name", &self.lease.name).finish_non_exhaustive()
    }
}

/// At most a day: it is added to a time.
fn millis(time: Duration) -> i64 {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    i64::try_from(time.as_millis()).map_or(DAY, |millis| millis.min(DAY))
}
