//! The load: rounds of `wrk`, one contender after the other in each, in alternating order.

use std::{process::Command, time::Duration};

use crate::{contender::Prepared, process::Proxy};

/// How often each contender is started to see how long it takes.
const STARTS: usize = 5;

/// How the load is made.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// How many rounds
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// How long each contender has in each round, in seconds
    #[arg(long, default_value_t = 3)]
    seconds: u32,
    /// How many connections there are
    #[arg(long, default_value_t = 32)]
    connections: u32,
}

/// What one contender did in one round.
struct Turn {
    /// CPU time of the proxy for one request, in µs.
    cost: f64,
    per_second: f64,
    /// In ms.
    p99: f64,
}

struct Measured {
    prepared: Prepared,
    proxy: Proxy,
    /// From start to the first answer.
    ready: Duration,
    turns: Vec<Turn>,
}

impl Load {
    /// Measures, and prints the table.
    pub(crate) fn run(&self, contenders: Vec<Prepared>) {
        let mut all: Vec<Measured> = contenders.into_iter().map(|prepared| self.started(prepared)).collect();
        for round in 0..self.rounds {
            for place in 0..all.len() {
                let which = if round % 2 == 0 { place } else { all.len() - 1 - place };
                let Measured { prepared, proxy, turns, .. } = &mut all[which];
                turns.push(turn(prepared, proxy, self.connections, self.seconds));
            }
            eprint!("\rround {} of {}", round + 1, self.rounds);
        }
        eprintln!();
        print(&all);
    }

    fn started(&self, prepared: Prepared) -> Measured {
        let ready = median((0..STARTS).map(|_| prepared.start().ready.as_secs_f64()));
        let proxy = prepared.start();
        // Connections, caches and branch predictors are warm before anything counts.
        turn(&prepared, &proxy, self.connections, 1);
        Measured { prepared, proxy, ready: Duration::from_secs_f64(ready), turns: Vec::new() }
    }
}

/// The time that one request in a hundred takes longer than, in ms.
pub(crate) fn p99(prepared: &Prepared, proxy: &Proxy, connections: u32, seconds: u32) -> f64 {
    turn(prepared, proxy, connections, seconds).p99
}

/// One run of `wrk`.
fn turn(prepared: &Prepared, proxy: &Proxy, connections: u32, seconds: u32) -> Turn {
    let before = proxy.cpu();
    let output = Command::new("wrk")
        .args(["-t1", "--latency", "--timeout", "30s", &format!("-c{connections}"), &format!("-d{seconds}s")])
        .args(["-H", &format!("Authorization: {}", prepared.caller)])
        .arg(format!("http://{}/v1/incidents", proxy.address))
        .output()
        .unwrap();
    let cpu = proxy.cpu() - before;
    let text = String::from_utf8(output.stdout).unwrap();
    let failed = text.contains("Non-2xx") || text.contains("Socket errors");
    assert!(output.status.success() && !failed, "{}: {text}", prepared.contender.name());
    let requests: f64 = word(&text, "requests in", 0).parse().unwrap();
    Turn {
        cost: cpu / requests * 1e6,
        per_second: word(&text, "Requests/sec:", 1).parse().unwrap(),
        p99: milliseconds(word(&text, "99%", 1)),
    }
}

/// A word of the first line in which `of` stands, counted from 0.
fn word<'a>(text: &'a str, of: &str, number: usize) -> &'a str {
    let line = text.lines().find(|line| line.contains(of)).expect("wrk prints this");
    line.split_whitespace().nth(number).expect("wrk prints this")
}

fn milliseconds(text: &str) -> f64 {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let factor = match &text[digits.len()..] {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        unit => panic!("wrk counts in {unit}"),
    };
    digits.parse::<f64>().unwrap() * factor
}

fn print(all: &[Measured]) {
    println!(
        "{:28} {:>11} {:>9} {:>13} {:>11} {:>9} {:>12} {:>9}",
        "", "CPU/request", "ratio", "lowest–highest", "requests/s", "p99", "peak memory", "ready in"
    );
    for one in all {
        let base = one.prepared.contender.base();
        let base = all.iter().find(|other| other.prepared.contender == base);
        let ratios: Vec<f64> = base.map_or_else(Vec::new, |base| {
            one.turns.iter().zip(&base.turns).map(|(ours, theirs)| ours.cost / theirs.cost).collect()
        });
        let of = |value: fn(&Turn) -> f64| median(one.turns.iter().map(value));
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ratios.iter().copied().fold(0.0, f64::max);
        let (ratio, range) = if ratios.is_empty() {
            (String::new(), String::new())
        } else {
            (format!("{:.2}", median(ratios.into_iter())), format!("{lowest:.2}–{highest:.2}"))
        };
        println!(
            "{:28} {:>8.2} µs {ratio:>9} {range:>14} {:>11.0} {:>6.2} ms {:>8.1} MiB {:>6.0} ms",
            one.prepared.contender.name(),
            of(|turn| turn.cost),
            of(|turn| turn.per_second),
            of(|turn| turn.p99),
            one.proxy.memory().1,
            one.ready.as_secs_f64() * 1e3,
        );
    }
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
