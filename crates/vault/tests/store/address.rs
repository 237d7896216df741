//! What people write, and what they are told.

use keyway_vault::{Database, StoreErrorKind};

/// Made up: stands where a password stands.
const PASSWORD: &str = "not-a-real-password";

#[test]
fn what_is_read_is_shown_without_user_and_password() {
    for (text, shown) in [
        ("sqlite:/srv/keyway/vault.db", "sqlite:/srv/keyway/vault.db"),
        ("sqlite:vault.db", "sqlite:vault.db"),
        ("sqlite:///srv/vault.db", "sqlite:/srv/vault.db"),
        ("sqlite://vault.db", "sqlite:vault.db"),
        ("postgres://db.example:6543/keys", "postgres://db.example:6543/keys"),
        ("postgresql://ann:not-a-real-password@db.example/keys", "postgres://db.example:5432/keys"),
        ("postgres:postgres://ann:not-a-real-password@db.example/keys", "postgres://db.example:5432/keys"),
        ("postgres:postgresql://db.example/keys?sslmode=require", "postgres://db.example:5432/keys"),
        ("postgres:///keys?host=/run/pg&password=not-a-real-password", "postgres:/run/pg/keys"),
    ] {
        let database: Database = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(database.to_string(), shown);
        assert_eq!(format!("{database:?}"), format!("Database({shown})"));
    }
}

#[test]
fn what_cannot_be_read_is_not_repeated() {
    for (text, says) in [
        ("", "`sqlite:PATH` or `postgres://USER@HOST/NAME`"),
        ("/srv/vault.db", "`sqlite:PATH` or `postgres://USER@HOST/NAME`"),
        ("mysql://ann:not-a-real-password@db.example/keys", "`sqlite:PATH` or `postgres://USER@HOST/NAME`"),
        ("not-a-real-password", "`sqlite:PATH` or `postgres://USER@HOST/NAME`"),
        ("postgres:not-a-real-password", "`sqlite:PATH` or `postgres://USER@HOST/NAME`"),
        ("sqlite:", "path of a file"),
        ("sqlite::memory:", "path of a file"),
        ("sqlite:vault.db?mode=rwc", "no parameters"),
        ("postgres://ann:not-a-real-password@db.example:notaport/keys", "invalid port number"),
        ("postgres://ann:not-a-real-password@/keys", "empty host"),
        ("postgres://db.example/keys?pasword=not-a-real-password", "parameter that is not known"),
        ("postgres://db.example/keys?not-a-real-password", "parameter that is not known"),
        (
            "postgres://ann:not-a-real-password@db.example/keys?sslmode=not-a-real-password",
            "a parameter has a value",
        ),
        ("postgres://db.example/keys?port=not-a-real-password", "a parameter has a value"),
    ] {
        let error = text.parse::<Database>().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unusable, "{text}");
        let said = format!("{error} {error:?}");
        assert!(said.contains(says), "{text}: {said}");
        assert!(!said.contains(PASSWORD), "{text}: {said}");
    }
}
