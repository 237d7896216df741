//! Loading descriptors of Rootly's size, beside what a YAML parser alone takes for the same bytes.

use std::{hint::black_box, time::Instant};

use allocation_counter::measure;
use keyway_core::Registry;

/// Descriptors that differ in their ids.
pub(crate) fn descriptors(number: usize) -> Vec<(String, String)> {
    let rootly = include_str!("../../../providers/rootly/provider.yaml");
    let of = |index: usize| {
        let text = rootly.replacen("id: rootly", &format!("id: rootly{index}"), 1);
        (format!("rootly{index}.yaml"), text)
    };
    (0..number).map(of).collect()
}

pub(crate) fn load(texts: &[(String, String)]) -> Registry {
    let list = texts.iter().map(|(file, text)| (file.as_str(), text.as_str()));
    Registry::from_descriptors(list).expect("Rootly's descriptor under another id")
}

pub(crate) fn parse(texts: &[(String, String)]) {
    for (_, text) in texts {
        black_box(serde_yaml::from_str::<serde_yaml::Value>(text).expect("YAML"));
    }
}

pub(crate) fn rows() {
    let texts = descriptors(1000);
    for _ in 0..5 {
        let start = Instant::now();
        black_box(load(&texts));
        let ours = start.elapsed();
        let start = Instant::now();
        parse(&texts);
        let theirs = start.elapsed();
        println!(
            "load 1000: {ours:?} serde_yaml {theirs:?} ratio {:.2}",
            ours.as_secs_f64() / theirs.as_secs_f64()
        );
    }
    let counted = measure(|| {
        black_box(load(&texts));
    });
    println!("{counted:?}");
}
pub(crate) fn hot() {
    let texts = descriptors(1000);
    for _ in 0..20 {
        black_box(load(&texts));
    }
}
