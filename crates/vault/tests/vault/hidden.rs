//! I2 and I6: what is kept and shown holds no key, account or name, in any form.

use std::{fmt::Write as _, fs, io::Cursor, sync::Arc};

use keyway_core::{Account, Submission};
use keyway_vault::{Accounts, Error, New, Terms, Vault};

use crate::{
    database::{Cell, Raw},
    setting::{Setting, actor, checked, credential, database, secret, tenant},
};

/// The forms in which a text might be written down.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let hex = text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let percent = text.bytes().fold(String::new(), |mut percent, byte| {
        let _ = write!(percent, "%{byte:02X}");
        percent
    });
    let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let mut forms = vec![
        text.as_bytes().to_vec(),
        text.bytes().rev().collect(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        percent.into_bytes(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
    ];
    // Base64 of the text wherever it stands: the characters that depend on what is beside it are left out.
    for offset in 0..3 {
        for alphabet in [&STANDARD, &URL] {
            let padded = [&vec![0; offset], text.as_bytes()].concat();
            let whole = padded.len() / 3 * 4;
            forms.push(base64(&padded, alphabet)[if offset == 0 { 0 } else { 4 }..whole].to_vec());
        }
    }
    forms
}

const STANDARD: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> Vec<u8> {
    let sextets = bytes.chunks(3).flat_map(|three| {
        let all = three.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..4).map(move |at| (all >> (18 - 6 * at)) as usize & 63)
    });
    sextets.map(|sextet| alphabet[sextet]).collect()
}

#[track_caller]
fn assert_absent(sink: &str, bytes: &[u8], hidden: &[(String, Vec<Vec<u8>>)]) {
    for (text, forms) in hidden {
        for (number, form) in forms.iter().enumerate() {
            let seen = bytes.windows(form.len()).any(|window| window == form);
            assert!(!seen, "{sink} holds {text} in form {number}");
        }
    }
}

const ACCOUNT: &str = "madeup-account-7351";
const LABEL: &str = "Madeup Person <person@madeup.example>";
const NAME: &str = "Madeup name of it";

fn hidden() -> Vec<(String, Vec<Vec<u8>>)> {
    let texts = [secret(1), secret(2), ACCOUNT.into(), LABEL.into(), NAME.into(), "Renamed madeup".into()];
    texts.into_iter().map(|text| (text.clone(), forms(&text))).collect()
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let found = |bytes: &[u8]| forms(ACCOUNT).iter().any(|form| bytes.windows(form.len()).any(|w| w == form));
    for before in ["", "a", "ab", "abc"] {
        let text = format!("{before}{ACCOUNT} and more");
        assert!(
            found(&base64(text.as_bytes(), &STANDARD)) && found(&base64(text.as_bytes(), &URL)),
            "{before}"
        );
        assert!(found(text.as_bytes()));
    }
    assert!(!found(b"madeup-account-7352"));
}

#[tokio::test]
async fn i2_i6_nothing_that_is_kept_or_shown_holds_a_key_an_account_or_a_name() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let account = Account::new(ACCOUNT, LABEL);
    let (one, two) = (setting.credential(1), setting.credential(2));
    let new = New::connection(&one).account(&account).name(NAME);
    let mut shown = format!("{new:?} {new:#?}");
    let mut show = |text: String| {
        shown.push_str(&text);
        shown.push('\n');
    };
    let saved = scope.save(new).await.unwrap();
    let id = saved.connection.id.clone();
    show(format!("{saved:?} {saved:#?} {:?}", saved.connection));
    show(format!("{:?}", checked(&scope, &id, &keyway_core::Verdict::Valid(account.clone())).await));
    show(format!("{:?}", scope.rename(&id, Some("Renamed madeup")).await));
    show(format!("{:?}", scope.replace(&id, New::connection(&two).account(&account), Accounts::Same).await));
    let opened = scope.open(&id, &setting.registry).await.unwrap();
    show(format!("{opened:?} {opened:#?} {:?} {scope:?} {:#?}", setting.vault, setting.vault));
    show(format!("{:?} {:?}", scope.get(&id).await, scope.list(None, 9).await));
    let granted = scope.grant(&id, Terms::default()).await.unwrap();
    show(format!("{granted:?} {granted:#?} {:?}", granted.grant));
    let stranger = New::connection(&one);
    show(format!("{:?}", scope.replace(&id, stranger, Accounts::Same).await.unwrap_err()));
    show(format!("{:?}", scope.save(New::connection(&one).name("\n")).await));
    let entries = setting.vault.audit(0, 1000).await.unwrap();
    show(serde_json::to_string(&entries).unwrap());
    show(format!("{entries:?} {:?} {:?}", setting.vault.status().await, setting.vault.verify(&[]).await));
    let store = setting.store().await;
    show(format!("{:?} {store:?}", store.connections("acme", None, 9).await));
    show(format!("{:?} {:?} {:?}", store.vault().await, store.keys().await, store.entries(0, 99).await));
    let mut export = Vec::new();
    setting.vault.export(&actor(), &mut export).await.unwrap();
    let token = granted.token.expose().to_owned();
    let mut hidden = hidden();
    hidden.push(("the token".into(), forms(&token)));
    assert_absent("what is shown", shown.as_bytes(), &hidden);
    assert_absent("the export", &export, &hidden);
    let files = |when: &str| {
        let mut seen = 0;
        for file in fs::read_dir(setting.folder.path()).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            assert_absent(&format!("{name} {when}"), &fs::read(file.path()).unwrap(), &hidden);
            seen += 1;
        }
        seen
    };
    assert_eq!(files("while it is open"), 3, "the database, its log, its shared memory");
    scope.remove(&id).await.unwrap();
    files("after it was removed");
    setting.vault.clone().close().await;
    assert!(files("when it is closed") >= 1);
    // The master key is not there either.
    let key = Keys32::bytes();
    for file in fs::read_dir(setting.folder.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|window| window == &key[4..12]));
    }
}

/// The bytes of the test's first master key.
struct Keys32;

impl Keys32 {
    fn bytes() -> [u8; 32] {
        let mut bytes = [1; 32];
        bytes[0] = !1;
        bytes
    }
}

#[tokio::test]
async fn i6_lengths_say_little_and_equal_keys_leave_no_equal_bytes() {
    let setting = Setting::new().await;
    let mut raw = Raw::open(&setting.folder).await;
    let short = format!("acme_{}", "k".repeat(15));
    let long = format!("acme_{}", "k".repeat(35));
    for (name, secrets) in [("a", [&short, &long]), ("b", [&short, &long])] {
        for secret in secrets {
            let credential = credential(&setting.registry, secret);
            setting.vault.tenant(&tenant(name), &actor()).save(New::connection(&credential)).await.unwrap();
        }
    }
    let lengths =
        raw.rows("SELECT DISTINCT length(credential), length(details) FROM keyway_connections", &[]).await;
    assert_eq!(lengths.len(), 1, "{lengths:?}");
    let sql = "SELECT credential, details, secret_mark, mac FROM keyway_connections";
    let rows = raw.rows(sql, &[]).await;
    for (index, one) in rows.iter().enumerate() {
        for other in &rows[..index] {
            for (one, other) in one.iter().zip(other) {
                let (Cell::Blob(one), Cell::Blob(other)) = (one, other) else { panic!() };
                // Magic, format, algorithm and the key's id: 13 bytes, and by chance hardly four more in a row.
                let from = if one.len() > 64 { 13 } else { 0 };
                let alike =
                    one[from..].windows(5).filter(|w| other[from..].windows(5).any(|v| v == *w)).count();
                assert_eq!(alike, 0);
            }
        }
    }
}

#[tokio::test]
async fn i6_a_key_that_was_refused_is_written_nowhere() {
    let setting = Setting::new().await;
    let refused =
        setting.registry.accept("acme", None, &Submission::new().with("api_key", "madeup wrong key"));
    assert!(refused.is_err());
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let one = setting.credential(1);
    let invalid = scope.save(New::connection(&one).name(&"x".repeat(101))).await;
    assert!(matches!(invalid, Err(Error::Invalid(_))));
    let all: Vec<_> = (0..1001).map(|_| New::connection(&one)).collect();
    assert!(matches!(scope.save_all(&all).await, Err(Error::Invalid(_))));
    assert_eq!(setting.vault.status().await.unwrap().counts.connections, 0);
    assert_eq!(setting.vault.anchor().await.unwrap().seq(), 1);
}

#[tokio::test]
async fn i6_an_export_is_of_no_use_without_the_key() {
    let setting = Setting::new().await;
    let one = setting.credential(1);
    setting.vault.tenant(&tenant("acme"), &actor()).save(New::connection(&one)).await.unwrap();
    let mut export = Vec::new();
    setting.vault.export(&actor(), &mut export).await.unwrap();
    for numbers in [&[][..], &[77]] {
        let folder = tempfile::tempdir().unwrap();
        let store = database(&folder).create().await.unwrap();
        let keys = Arc::new(crate::setting::Keys::of(numbers));
        let refused = Vault::import(store, keys, &actor(), &mut Cursor::new(&export)).await.unwrap_err();
        assert!(matches!(refused, Error::Key(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn i2_a_key_is_not_kept_where_it_would_be_shown() {
    let setting = crate::setting::Setting::new().await;
    let key = crate::setting::secret(1);
    let credential = setting.credential(1);
    let acme = setting.vault.tenant(&tenant("acme"), &crate::setting::actor());
    let named = format!("Production {key}");
    let refused = acme.save(New::connection(&credential).name(&named)).await.unwrap_err();
    assert!(refused.to_string().contains("name holds the key") && !refused.to_string().contains(&key));
    let pasted = setting.vault.tenant(&tenant(&key), &crate::setting::actor());
    let refused = pasted.save(New::connection(&credential)).await.unwrap_err();
    assert!(refused.to_string().contains("tenant's name holds the key"), "{refused}");
    assert!(acme.list(None, 9).await.unwrap().is_empty());
    // Nor later.
    let saved = acme.save(New::connection(&credential).name("Production")).await.unwrap().connection;
    let refused = acme.rename(&saved.id, Some(&named)).await.unwrap_err();
    assert!(refused.to_string().contains("name holds the key") && !refused.to_string().contains(&key));
    assert_eq!(acme.get(&saved.id).await.unwrap().version, saved.version);
}
