//! Who acts, for the audit log.

use keyway::vault::Actor;

/// `cli:` and the user's name at the operating system; `cli` where that name is not plain.
pub(crate) fn actor() -> Actor {
    let user = whoami::username().ok();
    let named = user.and_then(|user| Actor::parse(&format!("cli:{user}")).ok());
    named.unwrap_or_else(|| Actor::parse("cli").expect("three letters are plain"))
}
