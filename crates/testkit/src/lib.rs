#![doc = include_str!("../README.md")]

mod fixtures;
mod message;
mod play;
mod player;
mod subject;

pub mod rules;

pub use fixtures::{Call, Check, Fixtures, FixturesError, MethodFixtures};
pub use player::Player;
pub use subject::Subject;

/// Makes the conformance suite of a provider's crate: one named test for each rule.
///
/// It belongs in `tests/conformance.rs`, and is the only line there:
///
/// ```text
/// keyway_testkit::conformance!(keyway_rally::REGISTRATION);
/// ```
#[macro_export]
macro_rules! conformance {
    ($registration:expr) => {
        $crate::__conformance! {
            $registration;
            id_package_and_folder_are_one_name
            docs_and_guide_help_a_person
            secrets_are_flagged
            logo_is_small_and_inert
            fixtures_cover_every_kind_of_answer
            every_key_of_the_fixtures_is_accepted
            good_keys_fit_their_shape
            the_check_sends_what_the_fixtures_say
            every_fixture_has_its_verdict
            calls_arrive_as_the_fixtures_say
            secrets_go_where_the_fixtures_say_and_nowhere_else
            foreign_origins_are_refused
            refused_requests_are_as_they_were
            what_the_caller_sent_in_place_of_the_key_is_replaced
            nothing_shows_a_secret
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance {
    ($registration:expr; $($rule:ident)*) => {
        $(
            #[test]
            fn $rule() {
                for subject in $crate::Subject::all($registration, env!("CARGO_MANIFEST_DIR")) {
                    if let Err(why) = $crate::rules::$rule(&subject) {
                        panic!("\n{why}\n");
                    }
                }
            }
        )*

        #[test]
        fn every_rule_of_the_suite_runs() {
            let names: Vec<&str> = $crate::rules::ALL.iter().map(|(name, _)| *name).collect();
            assert_eq!([$(stringify!($rule)),*].as_slice(), names);
        }
    };
}
