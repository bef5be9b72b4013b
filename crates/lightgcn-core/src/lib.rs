//! The types that all `lightgcn` crates share.
//!
//! A shop's log becomes [`Interactions`] (one row per user and item, with a weight and the counts
//! of each behavior), which a split turns into [`Train`], [`Validation`] and [`Test`]: three types
//! that cannot be confused. [`UserId`] and [`ItemId`] are dense row numbers; a [`Vocabulary`] maps
//! the shop's own ids to them and back. All randomness of the library is a function of (seed,
//! stream, epoch, position): see [`random`].
//!
//! ```
//! use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId, Vocabulary};
//!
//! let mut users = Vocabulary::<UserId>::new();
//! let ann = users.insert("ann")?;
//! assert_eq!(users.name(ann), Some("ann"));
//!
//! // Two items that one user bought; a third is held out for the test.
//! let mut train = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
//! train.push(ann, ItemId(0), 1.0, &[1], None)?;
//! train.push(ann, ItemId(1), 1.0, &[1], None)?;
//! let train = train.build(1, 3)?;
//! let test = Truth::from_pairs(1, 3, vec![(ann, ItemId(2))])?;
//! let split = Split::new(train, Truth::empty(1, 3), test)?;
//! assert_eq!(split.test.truth().n_pairs(), 1);
//! # Ok::<(), lightgcn_core::CoreError>(())
//! ```
#![forbid(unsafe_code)]

mod aligned;
mod behavior;
mod catalogue;
mod dataset;
mod error;
mod id;
mod id_normalization;
mod id_rule;
mod interactions;
mod item_details;
mod knowledge;
mod label_column;
mod lineage;
mod listing_rule;
mod listings;
mod pair_event;
pub mod random;
mod reference_time;
mod rows;
mod sessions;
mod shorten;
mod split;
mod truth;
mod vocabulary;

pub use aligned::aligned;
pub use behavior::{Behavior, BehaviorId, BehaviorWeights, BehaviorWeightsConfig, Ceiling};
pub use catalogue::Catalogue;
pub use dataset::Dataset;
pub use error::CoreError;
pub use id::{EntityId, ItemId, NodeId, UserId};
pub use id_normalization::IdNormalization;
pub use id_rule::{IdIssue, MAX_ID_BYTES, check_id, is_invisible, is_no_value};
pub use interactions::{Interaction, Interactions, InteractionsBuilder};
pub use item_details::ItemDetails;
pub use knowledge::{Knowledge, Triple};
pub use label_column::LabelColumn;
pub use lineage::{InputFile, Lineage, StageReport, TimeSpan};
pub use listing_rule::{
    MAX_TITLE_CHARS, MAX_URL_BYTES, TitleIssue, UrlIssue, check_title, check_url,
};
pub use listings::Listings;
pub use pair_event::PairEvent;
pub use reference_time::reference_time;
pub use rows::Rows;
pub use sessions::{SessionMark, session_numbers};
pub use shorten::shorten;
pub use split::{Split, Test, Train, Validation};
pub use truth::Truth;
pub use vocabulary::Vocabulary;
