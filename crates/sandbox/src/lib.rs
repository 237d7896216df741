#![doc = include_str!("../README.md")]

mod server;
mod stand_in;

pub use server::{Sandbox, SandboxError};
