//! The macro behind the registry of models.

/// Makes [`AnyModelConfig`](super::AnyModelConfig): one line for each model,
/// `Variant(file::Config) = "name",`. The first is the default.
macro_rules! registry {
    ($($variant:ident($file:ident::$config:ident) = $name:literal,)+) => {
        $(pub use $file::*;)+

        use crate::config::{ModelConfig, ModelVisitor, VisitModel};
        use serde::{Deserialize, Serialize};

        /// The config of any model of this crate, by its name: `{"name": "lightgcn", "layers": 2}`.
        ///
        /// ```
        /// use lightgcn_nn::AnyModelConfig;
        ///
        /// let read = |json| serde_json::from_str::<AnyModelConfig>(json);
        /// assert_eq!(read(r#"{"name": "lightgcn", "layers": 2}"#)?.name(), "lightgcn");
        /// assert!(read(r#"{"name": "lightgcn", "layerz": 2}"#).is_err());
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "name")]
        #[non_exhaustive]
        pub enum AnyModelConfig {
            $(
                #[doc = concat!("See [`", stringify!($config), "`].")]
                #[serde(rename = $name)]
                $variant($config),
            )+
        }

        impl AnyModelConfig {
            /// The names of all models.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The default config of the model of that name, if there is one.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some($config::default().into()),)+
                    _ => None,
                }
            }

            /// The settings of this model's publication.
            #[must_use]
            pub fn published(&self) -> Self {
                match self {
                    $(Self::$variant(_) => $config::published().into(),)+
                }
            }

            /// The model's name: one of [`NAMES`](Self::NAMES).
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }

            /// The same model with embeddings of another dimension.
            #[must_use]
            pub fn with_dimension(self, dimension: usize) -> Self {
                match self {
                    $(Self::$variant(config) => config.with_dimension(dimension).into(),)+
                }
            }

            /// The same model with another number of layers; `None` if it has none.
            #[must_use]
            pub fn with_layers(self, layers: usize) -> Option<Self> {
                match self {
                    $(Self::$variant(config) => config.with_layers(layers).map(Self::from),)+
                }
            }
        }

        impl Default for AnyModelConfig {
            /// The first model of the registry.
            fn default() -> Self {
                let [first, ..] = [$(Self::from($config::default())),+];
                first
            }
        }

        impl VisitModel for AnyModelConfig {
            fn visit<V: ModelVisitor>(&self, visitor: V) -> V::Output {
                match self {
                    $(Self::$variant(config) => visitor.visit(config),)+
                }
            }
        }

        $(
            impl From<$config> for AnyModelConfig {
                fn from(config: $config) -> Self {
                    Self::$variant(config)
                }
            }
        )+
    };
}

pub(super) use registry;
