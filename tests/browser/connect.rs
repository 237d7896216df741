//! The connect pages: gone through by script, with a control plane and stand-ins of the providers behind them.

use serde_json::json;

use crate::{hub::Hub, run_and_answer};

fn check(what: &str) {
    let pictures =
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("browser").join("connect");
    std::fs::create_dir_all(&pictures).unwrap();
    let hub = Hub::new();
    let input = json!({
        "check": what, "pictures": pictures, "origin": hub.origin, "secureOrigin": hub.secure_origin,
        "certificate": hub.certificate,
    });
    run_and_answer("connect.mjs", &input, |question| hub.answer(&question));
}

#[test]
fn every_page_is_accessible_in_both_themes_and_reaches_the_narrowest_screen() {
    check("pages");
}

#[test]
fn pages_run_from_right_to_left() {
    check("right_to_left");
}

#[test]
fn pages_are_large_and_still_for_whom_they_have_to_be() {
    check("large_and_still");
}

#[test]
fn a_slow_provider_is_waited_for_in_sight() {
    check("slow_provider");
}

#[test]
fn a_provider_that_is_down_is_said_to_be() {
    check("provider_down");
}

#[test]
fn each_verdict_has_its_own_text_and_leads_on() {
    check("each_verdict_leads_on");
}

#[test]
fn a_provider_with_two_fields_is_found_and_linked_by_name() {
    check("rally");
}

#[test]
fn n66_a_link_that_cannot_be_used_has_one_page() {
    check("n66_links_that_cannot_be_used");
}

#[test]
fn reconnecting_keeps_the_connection_and_refuses_another_account() {
    check("reconnect");
}

#[test]
fn linked_accounts_are_looked_after() {
    check("manage");
}

#[test]
fn everything_works_without_script() {
    check("without_script");
}

#[test]
fn everything_works_with_the_keyboard_alone() {
    check("keyboard_alone");
}

#[test]
fn n67_what_is_done_twice_happens_once() {
    check("n67_twice_is_once");
}

#[test]
fn n69_a_value_is_gone_once_it_is_sent() {
    check("n69_a_value_is_gone_once_it_is_sent");
}

#[test]
fn a_popup_tells_its_page_what_came_of_it() {
    check("popup");
}

#[test]
fn a_frame_tells_its_page_what_came_of_it() {
    check("frame_of_the_platform");
}

#[test]
fn a_frame_goes_on_until_the_person_is_done_and_ends_where_its_link_is_used() {
    check("frame_of_a_list");
}

#[test]
fn a_list_in_a_window_of_its_own_ends_with_the_person() {
    check("list_without_cookies");
}

#[test]
fn a_frame_in_another_site_has_a_cookie_of_its_own() {
    check("frame_of_another_site");
}

#[test]
fn a_frame_without_cookies_offers_a_window() {
    check("cookies_blocked_in_a_frame");
}

#[test]
fn n65_no_other_origin_frames_or_hears_anything() {
    check("n65_frames_of_others");
}
