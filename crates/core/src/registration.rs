//! How a provider's crate makes itself known.

use crate::{Descriptor, Provider};

/// What a provider's crate registers: plain constant data.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// The package's name.
    pub package: &'static str,
    /// `provider.yaml`.
    pub descriptor: &'static str,
    /// `fixtures.yaml`.
    pub fixtures: &'static str,
    /// `logo.svg`.
    pub logo: &'static str,
    /// Builds the provider of its descriptor.
    pub build: fn(Descriptor) -> Box<dyn Provider>,
}

inventory::collect!(Registration);

/// Makes a provider's crate: `keyway_core::provider!(Rally);`
///
/// It embeds `provider.yaml`, `fixtures.yaml` and `logo.svg` of the crate's folder, defines the type, implements
/// [`Provider`] for it, makes `pub const REGISTRATION`, and submits that to the registry of every program that links
/// the crate.
///
/// `keyway_core::provider!(Rally, custom);` leaves `impl Provider for Rally` to the crate; the type has
/// a field `descriptor`.
#[macro_export]
macro_rules! provider {
    ($type:ident) => {
        $crate::provider!($type, custom);

        impl $crate::Provider for $type {
            fn descriptor(&self) -> &$crate::Descriptor {
                &self.descriptor
            }
        }
    };
    ($type:ident, custom) => {
        #[doc = concat!("The provider of `", env!("CARGO_PKG_NAME"), "`.")]
        #[derive(Debug)]
        pub struct $type {
            descriptor: $crate::Descriptor,
        }

        /// What this crate registers.
        pub const REGISTRATION: $crate::Registration = $crate::Registration {
            package: env!("CARGO_PKG_NAME"),
            descriptor: include_str!("../provider.yaml"),
            fixtures: include_str!("../fixtures.yaml"),
            logo: include_str!("../logo.svg"),
            build: |descriptor| Box::new($type { descriptor }),
        };

        $crate::__private::inventory::submit! { REGISTRATION }
    };
}
