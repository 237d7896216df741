//! Why a client does not get a provider's answer whole.

use crate::problem::Problem;

/// Why a client does not get a provider's answer whole.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It gets this instead, unless the answer has begun.
    Problem(Problem),
    /// The answer had begun, and cannot be ended: the client has to see that.
    CutOff,
    /// It is gone.
    ClientGone,
}

impl<P: Into<Problem>> From<P> for Trouble {
    fn from(problem: P) -> Self {
        Self::Problem(problem.into())
    }
}
