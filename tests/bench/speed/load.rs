//! Loading descriptors of Rootly's size, beside what a YAML parser alone takes for the same bytes.

use std::hint::black_box;

use allocation_counter::measure;
use keyway_core::Registry;

use crate::{
    race::{Contender, Length, race},
    table::{Limit, Row},
};

/// Rootly's descriptor under other ids, with the names of their files.
pub(crate) fn descriptors(number: u32) -> Vec<(String, String)> {
    let rootly = include_str!("../../../providers/rootly/provider.yaml");
    let of = |index: u32| {
        let text = rootly.replacen("id: rootly", &format!("id: rootly{index}"), 1);
        (format!("rootly{index}.yaml"), text)
    };
    (0..number).map(of).collect()
}

fn load(texts: &[(String, String)]) -> Registry {
    let list = texts.iter().map(|(file, text)| (file.as_str(), text.as_str()));
    Registry::from_descriptors(list).expect("Rootly's descriptor")
}

/// Keeps nothing, which is quicker than keeping all of it as a registry does.
fn parse(texts: &[(String, String)]) {
    for (_, text) in texts {
        black_box(serde_yaml::from_str::<serde_yaml::Value>(text).expect("YAML"));
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, rounds) in [(100, 51), (1_000, 15), (10_000, 5)] {
        let texts = descriptors(number);
        let race = race(
            Length { rounds, batch: 1 },
            || (),
            &[Contender::new(|()| load(&texts)), Contender::new(|()| parse(&texts))],
        );
        let mut kept = None;
        let memory = measure(|| kept = Some(load(&texts)));
        let note = format!(
            "each: {:.1} µs, {} allocations, {} bytes kept",
            race.time(0) / 1e3 / f64::from(number),
            race.allocations(0) / u64::from(number),
            memory.bytes_current / i64::from(number),
        );
        rows.push(
            Row::new(format!("load, {number} descriptors"), race.time(0), race.allocations(0))
                .beside("serde_yaml to Value", race.time(1), race.allocations(1))
                .limit(Limit::Longer { ratio: race.ratio(0, 1), most: 2.0 })
                .note(note),
        );
    }
    let race = race(
        Length { rounds: 201, batch: 1 },
        || (),
        &[Contender::new(|()| Registry::linked().expect("sound descriptors"))],
    );
    rows.push(
        Row::new("load, the built-in providers", race.time(0), race.allocations(0)).limit(Limit::Time(2e6)),
    );
    rows
}
