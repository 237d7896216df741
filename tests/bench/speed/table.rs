//! The table.

use std::fmt;

/// One line of the table. Times are in nanoseconds.
pub(crate) struct Row {
    what: String,
    ours: f64,
    /// What it is measured beside: a name, and its time.
    beside: Option<(&'static str, f64)>,
    limit: Limit,
    /// Of ours, and of what it is measured beside.
    allocations: (u64, Option<u64>),
    note: String,
}

/// What a number is held against. A benchmark only says whether it is met: whoever reads it knows how busy the machine
/// was.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// Shown for comparison.
    None,
    /// A ratio, shown for comparison.
    Ratio(f64),
    /// The longest time.
    Time(f64),
    /// Ours takes so many times as long as what stands beside it, and may take so many times as long at most.
    Longer { ratio: f64, most: f64 },
    /// The same for work that allocates no more than what stands beside it.
    LongerInPlace { ratio: f64, most: f64 },
    /// Ours is so many times faster, and has to be so many times faster at least.
    Faster { ratio: f64, least: f64 },
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, ours: f64, allocations: u64) -> Self {
        let what = what.into();
        Self {
            what,
            ours,
            beside: None,
            limit: Limit::None,
            allocations: (allocations, None),
            note: String::new(),
        }
    }

    #[must_use]
    pub(crate) fn beside(mut self, name: &'static str, time: f64, allocations: u64) -> Self {
        self.beside = Some((name, time));
        self.allocations.1 = Some(allocations);
        self
    }

    #[must_use]
    pub(crate) fn limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    #[must_use]
    pub(crate) fn note(mut self, note: String) -> Self {
        self.note = note;
        self
    }

    fn is_met(&self) -> bool {
        match self.limit {
            Limit::None | Limit::Ratio(_) => true,
            Limit::Time(most) => self.ours <= most,
            Limit::Longer { ratio, most } => ratio <= most,
            Limit::LongerInPlace { ratio, most } => {
                ratio <= most && self.allocations.1.is_none_or(|beside| self.allocations.0 <= beside)
            }
            Limit::Faster { ratio, least } => ratio >= least,
        }
    }
}

/// A time with a unit that a person reads.
fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (beside, its_time) = self.beside.map_or(("", String::new()), |(name, its)| (name, time(its)));
        let (ratio, limit) = match self.limit {
            Limit::None => (String::new(), String::new()),
            Limit::Ratio(ratio) => (format!("{ratio:.2}"), String::new()),
            Limit::Time(most) => (String::new(), format!("≤ {}", time(most))),
            Limit::Longer { ratio, most } | Limit::LongerInPlace { ratio, most } => {
                (format!("{ratio:.2}"), format!("≤ {most}"))
            }
            Limit::Faster { ratio, least } => (format!("1/{ratio:.1}"), format!("≤ 1/{least}")),
        };
        let said = match self.limit {
            Limit::None | Limit::Ratio(_) => "",
            _ if self.is_met() => "ok",
            _ => "OVER",
        };
        let allocations = match self.allocations {
            (ours, Some(beside)) => format!("{ours} : {beside}"),
            (ours, None) => ours.to_string(),
        };
        let (what, ours, note) = (&self.what, time(self.ours), &self.note);
        let line = format!(
            "{what:38} {ours:>10}  {beside:<22} {its_time:>10} {ratio:>6} {limit:>9} {said:4} {allocations:>17}  {note}"
        );
        f.write_str(line.trim_end())
    }
}

/// Prints the rows under their heads.
pub(crate) fn print(rows: &[Row]) {
    println!(
        "{:38} {:>10}  {:<22} {:>10} {:>6} {:>9} {:4} {:>17}",
        "", "ours", "beside it", "", "ratio", "limit", "", "allocations"
    );
    for row in rows {
        println!("{row}");
    }
}
