//! What came of a submission.

use keyway::{FieldProblem, Refused, Verdict};

use crate::exit::Exit;

/// What came of it.
pub(crate) enum Outcome {
    /// The values were refused, and nothing was sent.
    Refused(Refused),
    /// The provider was asked.
    Judged { verdict: Verdict, warnings: Vec<FieldProblem> },
}

impl Outcome {
    /// The exit status that says so.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Refused(_) => Exit::Refused,
            Self::Judged { verdict, .. } => verdict.kind().into(),
        }
    }
}
