#![doc = include_str!("../README.md")]

keyway_core::provider!(Rally);
