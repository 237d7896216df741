//! The made-up keys of a provider's fixtures.

use std::{collections::BTreeMap, sync::Arc};

use keyway::{Entry, Field, Method, VerdictKind};
use keyway_testkit::{Check, Fixtures, FixturesError, MethodFixtures};
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::{exit::Failure, output};

/// A made-up key: one entry of `keyway sandbox --list --json`.
#[derive(Serialize)]
pub(crate) struct Key<'f> {
    provider: &'f str,
    /// Where the provider has several: the keys of the first one need no word about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'f str>,
    values: &'f BTreeMap<String, String>,
    verdict: &'static str,
}

/// A provider's fixtures, for each of its methods that has any.
pub(crate) fn fixtures(entry: &Entry) -> Result<Vec<MethodFixtures>, FixturesError> {
    let Some(text) = entry.fixtures() else { return Ok(Vec::new()) };
    let parsed = Fixtures::parse(&format!("fixtures of {}", entry.source()), text)?;
    Ok(parsed.methods().to_vec())
}

/// Whether the good key of fixtures gets the verdict that they say it gets; `Err` says what stands in the way.
pub(crate) fn play(entry: &Entry, fixtures: &MethodFixtures) -> Result<(), String> {
    let Some(method) = entry.descriptor().method(fixtures.method()) else {
        return Err(format!("there is no method `{}`", fixtures.method()));
    };
    let good = fixtures.good().ok_or("no key of its fixtures is good")?;
    good.play(entry, method).map(drop)
}

/// A method's fixtures, without which it has no stand-in. Those whose good key is not good would answer with untruths.
pub(crate) fn needed(entry: &Entry, method: &Method) -> Result<MethodFixtures, Failure> {
    let fixtures = fixtures(entry)?;
    let id = entry.descriptor().id();
    if fixtures.is_empty() {
        let why = format!("there is no stand-in for {id}: it comes without a fixtures.yaml");
        return Err(Failure::Because(why));
    }
    let fixtures =
        fixtures.into_iter().find(|fixtures| *method.id() == *fixtures.method()).ok_or_else(|| {
            Failure::Because(format!("the stand-in of {id} has no keys for its method {}", method.id()))
        })?;
    if fixtures.good().is_some()
        && let Err(why) = play(entry, &fixtures)
    {
        let unsuited = format!("the fixtures of {id} do not fit its descriptor: {}", why.trim_end());
        return Err(Failure::Because(unsuited));
    }
    Ok(fixtures)
}

/// The keys of a provider's method.
pub(crate) fn keys<'f>(entry: &'f Entry, fixtures: &'f MethodFixtures) -> impl Iterator<Item = Key<'f>> {
    fixtures.checks().iter().map(|check| Key {
        provider: entry.descriptor().id().as_str(),
        method: Some(fixtures.method()).filter(|_| entry.descriptor().methods().len() > 1),
        values: check.values(),
        verdict: check.verdict().as_str(),
    })
}

/// The method that fixtures are for.
pub(crate) fn method<'e>(entry: &'e Entry, fixtures: &MethodFixtures) -> Result<&'e Arc<Method>, Failure> {
    let descriptor = entry.descriptor();
    descriptor.method(fixtures.method()).ok_or_else(|| {
        Failure::Because(format!(
            "the fixtures of {} are for a method that it does not have",
            descriptor.id()
        ))
    })
}

/// What a newcomer tries in the sandbox: one key for each verdict.
pub(crate) fn to_try(method: &Method, fixtures: &MethodFixtures) -> String {
    let mut seen = Vec::new();
    let one_each = fixtures.checks().iter().filter(|check| {
        let new = !seen.contains(&check.verdict());
        seen.push(check.verdict());
        new
    });
    let shown: Vec<&Check> = one_each.collect();
    format!(
        "{}\n{}\n`keyway sandbox --list` shows all of them.\n",
        "Keys to try in the sandbox".bold(),
        rows(method, &shown, "  ").trim_end()
    )
}

/// A few keys to paste into a form: one that is good, one of another account, and two that are not good, each in another
/// way.
pub(crate) fn to_paste(method: &Method, fixtures: &MethodFixtures, indent: &str) -> String {
    rows(method, &few(fixtures), indent)
}

/// How many keys there are besides those [to paste](to_paste).
pub(crate) fn more_than_to_paste(fixtures: &MethodFixtures) -> usize {
    fixtures.checks().len() - few(fixtures).len()
}

fn few(fixtures: &MethodFixtures) -> Vec<&Check> {
    let account = |check: &Check| check.account().map(|(id, _)| id.to_owned());
    let good = fixtures.good();
    let other = fixtures.checks().iter().find(|check| {
        check.verdict() == VerdictKind::Valid && good.is_some_and(|good| account(good) != account(check))
    });
    let mut seen = vec![VerdictKind::Valid];
    let wrong = fixtures.checks().iter().filter(|check| {
        let is_new = !seen.contains(&check.verdict());
        seen.push(check.verdict());
        is_new
    });
    good.into_iter().chain(other).chain(wrong.take(2)).collect()
}

/// The keys of a provider's method as a table: the verdict that it gets, what to type, and what it is.
pub(crate) fn table(method: &Method, fixtures: &MethodFixtures, indent: &str) -> String {
    rows(method, &fixtures.checks().iter().collect::<Vec<_>>(), indent)
}

fn rows(method: &Method, checks: &[&Check], indent: &str) -> String {
    let value = |check: &Check, field: &Field| check.values().get(field.id().as_str()).cloned();
    // A plain field that is the same for every key has nothing to tell them apart by.
    let told = method.fields().iter().filter(|field| {
        field.is_secret() || checks.iter().any(|check| value(check, field) != value(checks[0], field))
    });
    let fields: Vec<&Field> = told.collect();
    let mut head = vec!["VERDICT"];
    head.extend(fields.iter().map(|field| field.label()));
    head.push("WHAT IT IS");
    let rows: Vec<Vec<String>> = checks
        .iter()
        .map(|check| {
            let mut row = vec![check.verdict().to_string()];
            row.extend(fields.iter().map(|field| value(check, field).unwrap_or_default()));
            row.push(check.name().to_owned());
            row
        })
        .collect();
    output::table(&head, &rows, indent)
}
