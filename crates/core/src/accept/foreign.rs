//! What the keys of all providers look like: one that is pasted into the form of another provider is recognised.

use std::collections::HashMap;

use crate::{Id, Shape};

/// What keys look like, by what they begin with: looking one up takes no longer for a thousand providers than for two.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    by_prefix: HashMap<String, Vec<Alike>>,
    /// How long the prefixes are, in bytes.
    lengths: Vec<usize>,
}

/// One shape, and the providers whose keys have it, in order.
#[derive(Debug)]
struct Alike {
    shape: Shape,
    providers: Vec<Known>,
}

/// A provider. Of several, the first one by rank is named.
#[derive(Debug)]
struct Known {
    rank: usize,
    id: Id,
    name: String,
}

impl Shapes {
    /// Takes the shapes of all providers, in order.
    pub(crate) fn of<'s>(all: impl Iterator<Item = (&'s Id, &'s str, &'s Shape)>) -> Self {
        let mut shapes = Self::default();
        // What begins with nothing tells nothing.
        for (rank, (id, name, shape)) in all.filter(|(.., shape)| !shape.prefix().is_empty()).enumerate() {
            let prefix = shape.prefix();
            if !shapes.lengths.contains(&prefix.len()) {
                shapes.lengths.push(prefix.len());
            }
            let known = Known { rank, id: id.clone(), name: name.to_owned() };
            let group = shapes.by_prefix.entry(prefix.to_owned()).or_default();
            match group.iter_mut().find(|alike| alike.shape.is_like(shape)) {
                Some(alike) => alike.providers.push(known),
                None => group.push(Alike { shape: shape.clone(), providers: vec![known] }),
            }
        }
        shapes
    }

    /// The other provider whose key this can hardly fail to be.
    pub(crate) fn fitting(&self, value: &str, own: &Id) -> Option<&str> {
        let fits = |alike: &&Alike| alike.shape.is_specific() && alike.shape.fits(value);
        Some(&first(self.beginning_alike(value).filter(fits), own)?.1.name)
    }

    /// The other provider whose keys begin like this, and what they begin with.
    pub(crate) fn beginning(&self, value: &str, own: &Id) -> Option<(&str, &str)> {
        let (alike, known) = first(self.beginning_alike(value), own)?;
        Some((&known.name, alike.shape.prefix()))
    }

    fn beginning_alike(&self, value: &str) -> impl Iterator<Item = &Alike> {
        let prefixes = self.lengths.iter().filter_map(|length| value.get(..*length));
        prefixes.filter_map(|prefix| self.by_prefix.get(prefix)).flatten()
    }
}

fn first<'s>(all: impl Iterator<Item = &'s Alike>, own: &Id) -> Option<(&'s Alike, &'s Known)> {
    let others =
        |alike: &'s Alike| alike.providers.iter().find(|known| known.id != *own).map(|known| (alike, known));
    all.filter_map(others).min_by_key(|(_, known)| known.rank)
}
