//! The script with which a platform's page opens the connect pages: `crates/connect/js`.

use std::{path::PathBuf, process::Command};

use serde_json::json;

use crate::{folder, run};

fn check(what: &str) {
    run("opener.mjs", &json!({ "check": what }).to_string());
}

#[test]
fn a_popup_tells_what_came_of_it() {
    check("popup");
}

#[test]
fn a_popup_is_opened_in_the_click_before_there_is_a_link() {
    check("popup_later");
}

#[test]
fn a_session_for_another_page_is_an_error_that_names_this_one() {
    check("foreign");
}

#[test]
fn a_popup_that_is_blocked_is_said_to_be() {
    check("blocked");
}

#[test]
fn a_platform_ends_it() {
    check("aborted");
}

#[test]
fn a_page_that_is_cut_off_from_its_popup_learns_all_the_same() {
    check("cut_off");
}

#[test]
fn a_frame_tells_what_came_of_it_and_gives_the_focus_back() {
    check("frame");
}

#[test]
fn n65_messages_of_others_count_for_nothing() {
    check("messages");
}

/// The package's folder.
fn package() -> PathBuf {
    folder().join("../../crates/connect/js")
}

#[test]
fn its_types_are_those_that_a_strict_platform_needs() {
    let compiler = folder().join("node_modules/typescript/bin/tsc");
    if !compiler.is_file() {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI checks types, and `npm ci --prefix tests/browser` has not been run"
        );
        return;
    }
    let output = Command::new("node")
        .arg(compiler)
        .args(["--project", "types"])
        .current_dir(folder())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn it_is_small_and_depends_on_nothing() {
    check("size");
    let manifest = std::fs::read_to_string(package().join("package.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    let names: Vec<_> =
        manifest.as_object().unwrap().keys().filter(|name| name.ends_with("ependencies")).collect();
    assert!(names.is_empty(), "{names:?}");
}
