//! Lists of what a file may name: layers, encoders, data sets, optimizers. Whatever is in a list can be written in a
//! file, is in the schema, and is reached through one trait.

/// Makes, from a list `"name" => Variant(Config)`:
///
/// - the enum of configs, an externally tagged choice in the file: `"name"` or `{ name = { ... } }`;
/// - the enum of their kinds, with [`name`](crate::layers::LayerKind::name) as the file has it;
/// - `spec()` and `spec_mut()`, the config as the trait that all of them implement.
macro_rules! registry {
    (
        $(#[$about:meta])*
        $config:ident, $kind:ident, dyn $spec:ident {
            $($(#[$doc:meta])* $name:literal => $variant:ident($inner:ty),)*
        }
    ) => {
        $(#[$about])*
        pub enum $config {
            $($(#[$doc])* #[serde(rename = $name)] $variant($inner),)*
        }

        #[doc = concat!("Which of the list a [`", stringify!($config), "`] is.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $kind {
            $($variant,)*
        }

        impl $kind {
            /// The name in the file.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl $config {
            /// Which it is.
            pub fn kind(&self) -> $kind {
                match self {
                    $(Self::$variant(_) => $kind::$variant,)*
                }
            }

            /// What it says of itself.
            pub fn spec(&self) -> &dyn $spec {
                match self {
                    $(Self::$variant(config) => config,)*
                }
            }

            /// The same, to be changed.
            pub fn spec_mut(&mut self) -> &mut dyn $spec {
                match self {
                    $(Self::$variant(config) => config,)*
                }
            }
        }
    };
}

pub(crate) use registry;
