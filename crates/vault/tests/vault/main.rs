//! The vault, from outside: what is kept, who may read it, and what is noticed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alike;
/// Each case as two tests: `case::sqlite` and `case::postgres`.
#[cfg(unix)]
macro_rules! on_both_engines {
    ($($case:ident),* $(,)?) => {
        $(mod $case {
            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$case($crate::load::Place::sqlite().await).await;
            }
            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                if let Some(place) = $crate::load::Place::postgres().await {
                    super::$case(place).await;
                }
            }
        })*
    };
}

#[cfg(unix)]
mod api_tokens;
mod audit;
mod between;
#[cfg(unix)]
mod changes;
#[cfg(unix)]
mod crash;
mod database;
#[cfg(unix)]
mod documents;
mod epoch;
mod export;
mod fated;
mod flaky;
mod futures;
mod grants;
mod held;
mod hidden;
mod keys;
mod lists;
#[cfg(unix)]
mod load;
mod replay;
mod rotation;
mod setting;
mod story;
mod tamper;
mod tenants;
mod token;
#[cfg(unix)]
mod upgrade;
mod verify;
mod walk;
#[cfg(unix)]
mod writers;
