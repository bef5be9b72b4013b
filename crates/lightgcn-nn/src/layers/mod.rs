//! Layers, usable on their own in any burn model.

mod bi_interaction;
mod causal_block;
mod lg_conv;
mod ngcf_conv;

pub use bi_interaction::BiInteraction;
pub use causal_block::CausalBlock;
pub use lg_conv::LgConv;
pub(crate) use ngcf_conv::activation_issues;
pub use ngcf_conv::{NgcfConv, NgcfConvConfig};
