//! How a person gets a key.

use crate::{
    Markup,
    yaml::{At, Holds, Key, MapView, Node, Words},
};

pub(crate) static GUIDE: Words = Words {
    noun: "a guide",
    keys: &[
        Key::may(
            "needs",
            Holds::List(&Holds::Text, 0),
            "what somebody must have before the first step",
            &["[An account on Acme's own servers.]"],
        ),
        Key::need(
            "steps",
            Holds::List(&Holds::Text, 1),
            "the steps, in order",
            &["[Open **Settings**., Copy the key.]"],
        ),
        Key::may("warnings", Holds::List(&Holds::Text, 0), "what to mind", &["[The key is shown once.]"]),
    ],
    together: &[],
};

const NO_STEPS: &str = "a guide has at least one step";

/// How a person gets a key: what it takes, the steps, and what to mind.
#[derive(Debug, Clone, Default)]
pub struct Guide {
    needs: Vec<Markup>,
    steps: Vec<Markup>,
    warnings: Vec<Markup>,
}

impl Guide {
    /// What somebody must have before the first step.
    pub fn needs(&self) -> &[Markup] {
        &self.needs
    }

    /// The steps, in order. A field's [`step`](crate::Field::step) counts them from 1.
    pub fn steps(&self) -> &[Markup] {
        &self.steps
    }

    /// What to mind.
    pub fn warnings(&self) -> &[Markup] {
        &self.warnings
    }

    /// Reads a list of steps, or a map with `needs`, `steps` and `warnings`.
    pub(crate) fn read(at: &At<'_>, node: &Node) -> Option<Self> {
        if let Node::List(items) = node {
            if items.is_empty() {
                at.key_fault(NO_STEPS, None);
            }
            let steps = items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| Markup::read(&at.item(index), item))
                .collect();
            return Some(Self { steps, ..Self::default() });
        }
        let map = MapView::open(node, at, &GUIDE);
        let needs = map.list("needs", Markup::read);
        let warnings = map.list("warnings", Markup::read);
        let steps = map.need("steps", |_, _| Some(())).map(|()| map.list("steps", Markup::read))?;
        if matches!(map.get("steps"), Some(Node::List(items)) if items.is_empty()) {
            at.key("steps").key_fault(NO_STEPS, None);
        }
        Some(Self { needs, steps, warnings })
    }
}
