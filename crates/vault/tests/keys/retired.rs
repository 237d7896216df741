//! The file of the keys that were taken out of a key file.

use std::{fs, os::unix::fs::symlink, path::Path};

use keyway_vault::{KeyFile, KeySource as _};

use crate::{
    ONE, TWO,
    file::{Folder, write},
    id,
};

/// Where a key cannot be kept as a retired one, it stays where it is.
#[tokio::test]
async fn n44_what_stands_where_retired_keys_are_kept() {
    type Make = fn(&Folder, &Path);
    let table: [(Make, bool); 12] = [
        (|_, _| {}, true),
        (|_, path| write(path, "", 0o600), true),
        (|_, path| write(path, format!("# mine\n{ONE}"), 0o600), true),
        (|_, path| write(path, format!("# mine\n {}\r\n", TWO.to_uppercase()), 0o400), true),
        (|_, path| write(path, "what somebody noted", 0o600), true),
        (|_, path| write(path, vec![b'#'; 64 * 1024 - 180], 0o600), true),
        (|_, path| write(path, vec![b'#'; 64 * 1024 - 100], 0o600), false),
        (|_, path| write(path, vec![b'#'; 64 * 1024 + 1], 0o600), false),
        (|_, path| write(path, ONE, 0o640), false),
        (|_, path| fs::create_dir(path).unwrap(), false),
        (
            |folder, path| {
                write(&folder.at("precious"), ONE, 0o600);
                symlink("precious", path).unwrap();
            },
            false,
        ),
        (
            |folder, _| {
                write(&folder.at("precious"), ONE, 0o600);
                symlink("precious", folder.at("keys.retired.new")).unwrap();
            },
            false,
        ),
    ];
    for (number, (make, is_kept)) in table.into_iter().enumerate() {
        let folder = Folder::new();
        let content = format!("{ONE}\n{TWO}\n");
        write(&folder.keys(), &content, 0o600);
        let file = KeyFile::at(folder.keys());
        make(&folder, &file.retired());
        let before = fs::read(file.retired()).unwrap_or_default();
        assert_eq!(file.forget(id(TWO)).await, Ok(is_kept), "row {number}");
        let after = fs::read(file.retired()).unwrap_or_default();
        if is_kept {
            assert_eq!(fs::read_to_string(folder.keys()).unwrap(), format!("{ONE}\n"), "row {number}");
            let text = String::from_utf8(after).unwrap();
            let lines = text.lines().filter(|line| line.trim().eq_ignore_ascii_case(TWO));
            assert!(lines.count() == 1 && text.as_bytes().starts_with(&before), "row {number}");
            assert_eq!(folder.names(), ["keys", "keys.retired"], "row {number}");
        } else {
            assert_eq!(fs::read_to_string(folder.keys()).unwrap(), content, "row {number}");
            assert!(after == before, "row {number}");
            assert!(!folder.names().contains(&"keys.new".to_owned()), "row {number}");
        }
        if folder.at("precious").exists() {
            assert_eq!(fs::read_to_string(folder.at("precious")).unwrap(), ONE);
        }
    }
}
