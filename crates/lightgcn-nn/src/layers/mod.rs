//! Layers, usable on their own in any burn model.

mod lg_conv;
mod ngcf_conv;

pub use lg_conv::LgConv;
pub(crate) use ngcf_conv::activation_issues;
pub use ngcf_conv::{NgcfConv, NgcfConvConfig};
