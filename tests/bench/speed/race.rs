//! Contenders side by side: in turns, in short batches, so that a busy machine slows all of them alike.

use std::{hint::black_box, time::Instant};

use allocation_counter::measure;

/// How often the contenders take turns, and on how many inputs each time.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    pub(crate) rounds: usize,
    pub(crate) batch: u32,
}

/// For what takes nanoseconds: an input is small enough that a batch of them stays in the processor's cache.
pub(crate) const SHORT: Length = Length { rounds: 3001, batch: 16 };

/// A contender: does its work on every input of a batch.
pub(crate) struct Contender<'c, I>(Box<Work<'c, I>>);

type Work<'c, I> = dyn Fn(&mut [I]) + 'c;

impl<'c, I> Contender<'c, I> {
    /// Takes the work on one input. The loop is compiled together with it, so that nothing but the work is measured.
    pub(crate) fn new<T>(work: impl Fn(&mut I) -> T + 'c) -> Self {
        Self(Box::new(move |inputs| {
            for input in inputs {
                black_box(work(black_box(input)));
            }
        }))
    }
}

/// What the contenders took.
pub(crate) struct Race {
    /// Nanoseconds for one input: by contender, then by round.
    times: Vec<Vec<f64>>,
    /// Allocations for one input, by contender.
    allocations: Vec<u64>,
}

/// Lets contenders take turns. Making the inputs is not measured.
pub(crate) fn race<I>(length: Length, input: impl Fn() -> I, contenders: &[Contender<'_, I>]) -> Race {
    let allocations = contenders.iter().map(|contender| {
        // The first use of something may allocate what it keeps.
        contender.0(&mut [input()]);
        let mut one = [input()];
        let counted = measure(|| contender.0(&mut one));
        counted.count_total
    });
    let allocations = allocations.collect();
    let mut times = vec![Vec::with_capacity(length.rounds); contenders.len()];
    for round in 0..length.rounds {
        for turn in 0..contenders.len() {
            // Whoever comes first finds another cache than whoever comes second: that changes from round to round.
            let which = (round + turn) % contenders.len();
            let mut inputs: Vec<I> = (0..length.batch).map(|_| input()).collect();
            let start = Instant::now();
            contenders[which].0(&mut inputs);
            let taken = start.elapsed();
            times[which].push(taken.as_secs_f64() * 1e9 / f64::from(length.batch));
        }
    }
    Race { times, allocations }
}

impl Race {
    /// Nanoseconds for one input: the median of the rounds.
    pub(crate) fn time(&self, which: usize) -> f64 {
        median(self.times[which].clone())
    }

    /// How many times longer one contender takes than another: the median of the rounds' own ratios.
    pub(crate) fn ratio(&self, which: usize, beside: usize) -> f64 {
        median(self.times[which].iter().zip(&self.times[beside]).map(|(a, b)| a / b).collect())
    }

    /// Allocations for one input.
    pub(crate) fn allocations(&self, which: usize) -> u64 {
        self.allocations[which]
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
