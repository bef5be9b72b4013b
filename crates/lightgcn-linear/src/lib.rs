//! Recommenders that need no gradient descent.
//!
//! Each model is fitted directly from the training pairs and is a linear map from a user's history
//! to scores over all items. So a newcomer's history is scored like that of a training user,
//! without refitting, and the fitted model has nothing about users except what it learned from
//! them. These models are strong baselines, and blend well with graph networks.
//!
//! | model | scores of a history r | source |
//! |---|---|---|
//! | [`ItemKnn`] | cosine similarities of items, shrunk, the N nearest kept | Sarwar et al., WWW 2001; Deshpande and Karypis, TOIS 2004 |
//! | [`Rp3Beta`] | random walks of three steps, with popular ends damped | Paudel et al., TiiS 2017; Cooper et al., WWW 2014 |
//! | [`Ease`] | r B with the B that best restores all histories, in closed form; with DAN's normalization on request | Steck, WWW 2019; Park et al., SIGIR 2025 |
//! | [`SpectralFilter`] | r (R̃ᵀR̃ + α D^-½ V Vᵀ D^½): GF-CF | Shen et al., CIKM 2021 |
//! | [`ChebyshevFilter`] | a polynomial low-pass filter of the item graph: ChebyCF | Kim et al., SIGIR 2025 |
//! | [`TruncatedSvd`] | r V Vᵀ: PureSVD | Cremonesi et al., RecSys 2010 |
//! | [`PropagationConfig`] | r ÂᵀÂ without its diagonal: one untrained layer of LightGCN | He et al., SIGIR 2020 |
//!
//! Three more models need information beyond a history of items. [`CascadingRank`] walks over each
//! behavior's graph in turn (Ko et al., arXiv 2502.11335), and [`SessionTransitionsConfig`] counts
//! which items follow which within sessions (Ludewig and Jannach, UMUAI 2018); as an
//! [`ItemToItem`], either scores any history. [`SessionKnn`] scores a user's latest session by
//! similar ones (STAN, Garg et al., SIGIR 2019).
//!
//! A configuration is a plain struct with `check`, which lists every issue, and `fit`, which takes
//! the training part only. [`PairWeights`] says whether pairs count by their weights (as everywhere
//! in this library), equally, or only if bought. A fitted model is a [`LinearModel`]; histories
//! come from the training part ([`Histories`]) or from anywhere ([`History::new`]).
//! [`FilterConfigs`] fits any of them by its name, a [`Filter`].
//!
//! ```
//! use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
//! use lightgcn_linear::{History, LinearError, LinearModel, Rp3BetaConfig};
//!
//! // Three users bought lamps (0) and bulbs (1), two of them shades (2) too; a fourth bought a
//! // hammer (3) and nails (4).
//! let mut log = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
//! for (user, items) in [(0, vec![0, 1]), (1, vec![0, 1, 2]), (2, vec![0, 1, 2]), (3, vec![3, 4])] {
//!     for item in items {
//!         log.push(UserId(user), ItemId(item), 1.0, &[1], None)?;
//!     }
//! }
//! let split = Split::new(log.build(4, 5)?, Truth::empty(4, 5), Truth::empty(4, 5))?;
//! let model = Rp3BetaConfig::default().fit(&split.train)?;
//!
//! // A newcomer with a lamp: bulbs before shades, and nothing to do with hammers.
//! let scores = model.scores(History::new(&[ItemId(0)], &[1.0])?);
//! assert!(scores[1] > scores[2] && scores[2] > 0.0);
//! assert_eq!(scores[3], 0.0);
//!
//! let error = Rp3BetaConfig { alpha: -1.0, ..Default::default() }.check().unwrap_err();
//! assert!(matches!(error, LinearError::Config { issues, .. } if issues.len() == 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Cost
//!
//! Neighbor models are sparse throughout. The filters take a few sparse products for every 64
//! users, all through [`lightgcn_simd::sparse_dense`]. Singular vectors come from a randomized
//! subspace iteration, filtered by Chebyshev polynomials; products run in single precision, and
//! everything that keeps vectors orthogonal in double. EASE has a dense item-by-item matrix, and
//! reports how much memory it needs before allocating it.
//!
//! # Threads and bits
//!
//! Everything runs on rayon's current pool. Work is cut into pieces of fixed size, each piece
//! belongs to one thread, and partial sums are added in a fixed order; dense products run on one
//! thread each. So on the same machine the same seed gives the same model and the same scores, bit
//! for bit, with any number of threads and any batching of histories. (The dense products of
//! [`faer`] choose their instructions by the machine.)
//!
//! # Layout
//!
//! One model per file in `models/`; `filter` knows them by name. They share: `history` (the input),
//! `matrix` (sparse), `neighbors` (lists of the strongest), `singular` and `low_rank` (singular
//! vectors, and scores by them), `sessions`, `signals` (histories as columns), `inverse` (a large
//! symmetric inverse) and `dense` (what is taken from faer).
#![forbid(unsafe_code)]

mod config;
mod dense;
mod error;
mod filter;
mod history;
mod inverse;
mod low_rank;
mod matrix;
mod model;
mod models;
mod neighbors;
mod sessions;
mod signals;
mod singular;

pub use error::LinearError;
pub use filter::{Filter, FilterConfigs};
pub use history::{Histories, History, PairWeights};
pub use model::LinearModel;
pub use models::{
    CascadingRank, CascadingRankConfig, ChebyshevFilter, ChebyshevFilterConfig, Ease, EaseConfig,
    FeatureWeighting, ItemKnn, ItemKnnConfig, ItemToItem, PropagationConfig, Rp3Beta,
    Rp3BetaConfig, SessionKnn, SessionKnnConfig, SessionTransitionsConfig, SpectralFilter,
    SpectralFilterConfig, TruncatedSvd, TruncatedSvdConfig,
};
