//! The conformance suite, and nothing else.

keyway_testkit::conformance!(keyway_rally::REGISTRATION);
