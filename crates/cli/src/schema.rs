//! `keyway schema`.

use keyway::Descriptor;
use keyway_testkit::Fixtures;

use crate::{
    args::File,
    exit::{Exit, Failure},
    output,
};

/// Prints the JSON Schema of a file that a provider consists of.
pub(crate) fn print(file: File) -> Result<Exit, Failure> {
    output::json(&match file {
        File::Descriptor => Descriptor::json_schema(),
        File::Fixtures => Fixtures::json_schema(),
    })?;
    Ok(Exit::Done)
}
