use std::{ffi::OsString, process::Command};

use keyway_vault::{KeySource as _, KeyVariable};

use crate::{ONE, TWO, assert_silent, id, ids, told};

const NAME: &str = "KEYWAY_TEST_MASTER_KEY";
const CHILD: &str = "KEYWAY_TEST_VARIABLE_IS_SET";

/// What the variable gives: the ids of its keys, and of the one that is fresh where `ONE` is known; or an error.
async fn look() -> String {
    let variable = KeyVariable::named(NAME);
    assert_silent(&format!("{variable:?} {}", variable.describe()));
    assert!(variable.keeps());
    assert_eq!(variable.forget(id(ONE)).await, Ok(false));
    let keys = match variable.keys(&[]).await {
        Ok(keys) => keys,
        Err(error) => {
            assert_eq!(variable.fresh(&[]).await.unwrap_err(), error);
            return told(&error);
        }
    };
    assert_silent(&format!("{keys:?}"));
    let name = |found| if found == id(ONE) { "one" } else { "two" };
    let keys: Vec<&str> = ids(&keys).into_iter().map(name).collect();
    let fresh = match variable.fresh(&[id(ONE)]).await {
        Ok(new) => {
            assert_eq!(new.wrapped, None);
            assert_silent(&format!("{new:?}"));
            name(new.key.id()).to_owned()
        }
        Err(error) => told(&error),
    };
    format!("{}; fresh: {fresh}", keys.join(", "))
}

/// Runs the test again in a process with this variable, where it ends with what [`look`] says.
fn with(value: Option<OsString>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "variable::n44_a_variable", "--nocapture"]).env(CHILD, "1").env_remove(NAME);
    if let Some(value) = value {
        command.env(NAME, value);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let said = text.lines().find_map(|line| line.split_once("SAID ")).unwrap();
    said.1.to_owned()
}

#[tokio::test]
async fn n44_a_variable() {
    if std::env::var_os(CHILD).is_some() {
        println!("SAID {}", look().await);
        return;
    }
    let unset = "there is no master key: the variable KEYWAY_TEST_MASTER_KEY is not set; make a key with \
                 `openssl rand -hex 32` and set KEYWAY_TEST_MASTER_KEY to it";
    let empty = unset.replace("is not set", "is empty");
    let none_new = "one; fresh: the master key cannot be kept: the variable KEYWAY_TEST_MASTER_KEY cannot be changed from \
                    here, and holds no key that is new to the database: make one with `openssl rand -hex 32`, put it before \
                    the others as KEYWAY_TEST_MASTER_KEY=NEW,OLD, and start again";
    let bad = |number: usize, what: &str| {
        format!("the master key cannot be read: key {number} of the variable KEYWAY_TEST_MASTER_KEY {what}")
    };
    let digits = |count: usize| format!("has {count} hex digits; a key has 64, which are 32 bytes");
    let other = "holds something other than hex digits; a key is 64 of them";
    let many: Vec<String> = (1..=17).map(|number| format!("{number:02x}{}", &ONE[2..])).collect();
    assert_eq!(with(None), unset);
    for (value, expected) in [
        (String::new(), empty.clone()),
        (" \n".to_owned(), empty),
        (ONE.to_owned(), none_new.to_owned()),
        (format!("{ONE}\n"), none_new.to_owned()),
        (format!(" {}\r\n", ONE.to_uppercase()), none_new.to_owned()),
        (TWO.to_owned(), "two; fresh: two".to_owned()),
        (format!("{TWO},{ONE}"), "two, one; fresh: two".to_owned()),
        (format!("{ONE}, {TWO}"), "one, two; fresh: two".to_owned()),
        (ONE[2..].to_owned(), bad(1, &digits(62))),
        (format!("{ONE}c0"), bad(1, &digits(66))),
        (format!("{ONE},{}", &TWO[1..]), bad(2, &digits(63))),
        (format!("{ONE},"), bad(2, &digits(0))),
        (format!(",{ONE}"), bad(1, &digits(0))),
        ("0".repeat(64), bad(1, "is no key: all its bytes are the same")),
        (format!("{ONE},{}", "fe".repeat(32)), bad(2, "is no key: all its bytes are the same")),
        (format!("{ONE},{ONE}"), bad(2, "repeats the key of key 1 of the variable KEYWAY_TEST_MASTER_KEY")),
        (format!("{ONE};{TWO}"), bad(1, other)),
        (format!("{} {}", &ONE[..32], &ONE[32..]), bad(1, other)),
        (format!("0x{}", &ONE[2..]), bad(1, other)),
        (format!("\u{feff}{ONE}"), bad(1, other)),
        (format!("\"{ONE}\""), bad(1, other)),
        (many.join(","), bad(17, "is one too many: there may be 16 keys")),
    ] {
        assert_eq!(with(Some(value.clone().into())), expected, "{}", value.replace("c0ffee", "……"));
    }
}

#[cfg(unix)]
#[test]
fn n44_a_variable_that_is_not_utf_8() {
    use std::os::unix::ffi::OsStringExt as _;
    let value = OsString::from_vec([ONE.as_bytes(), b"\xff\xfe"].concat());
    assert_eq!(
        with(Some(value)),
        "the master key cannot be read: key 1 of the variable KEYWAY_TEST_MASTER_KEY holds something other than hex digits; \
         a key is 64 of them"
    );
}
