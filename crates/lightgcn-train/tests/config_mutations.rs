//! Configurations of models and training, changed at random: each is read, or refused with a typed error;
//! what is usable can be written and read again. `LIGHTGCN_MUTATIONS` says how many. Default: 600.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use lightgcn_core::random::{Random, Stream};
use lightgcn_nn::{ModelConfig, ModelVisitor, VisitModel};
use lightgcn_train::{Candidate, SearchSpace};

/// Asks a model for all that it tells before it is built.
struct Describe;

impl ModelVisitor for Describe {
    type Output = ();

    fn visit<M: ModelConfig>(self, config: &M) {
        let footprint = config.footprint();
        if config.check().is_ok() {
            assert!(footprint.output_dimension > 0 && !config.graphs().is_empty());
        }
    }
}

const SEEDS: [&str; 5] = [
    "[model]\nname = \"lightgcn\"\ndimension = 64\nlayers = 3\nlayer_weights = { given = [0.4, 0.3, 0.2, 0.1] }\n\
     normalization = \"powers:0.5:-0.5\"\nedge_weights = false\ninit_std = \"xavier\"\n",
    "[model]\nname = \"ngcf\"\nlayer_widths = [64, 32]\nmessage_dropout = 0.1\n[train]\nseed = 7\nepochs = 20\n\
     loss = { name = \"softmax\", temperature = 0.1, negative_weight = 1.5, shared_negatives = 8,\n\
     top_k = { k = 20, temperature = 1.0, every = 5 } }\n",
    "[model]\nname = \"lightgcn++\"\nalpha = 0.6\nbeta = -0.1\ngamma = 0.2\n[train]\nschedule = { cosine = { final_share = 0.0 } }\n\
     order = { by-user = { users_per_epoch = 1000 } }\nnegative_sampling = { popularity = { alpha = 0.75 } }\n",
    "[model]\nname = \"mf\"\ninit_std = 0.1\n[train]\npositives = \"targets\"\ngradient_clipping = 1.0\nmetric = \"ndcg\"\n\
     metric_k = 20\nfused = false\nl2 = 1e-4\npatience = 0\n",
    "[space]\n\"train.learning_rate\" = { low = 1e-3, high = 1e-1, log = true }\n\
     \"model.layers\" = { low = 1, high = 4, step = 1 }\n\"train.batch_size\" = { choices = [1024, 2048] }\n",
];

/// Pieces that parsers stumble over.
const PIECES: [&str; 22] = [
    "nan",
    "-inf",
    "1e999",
    "-1",
    "0",
    "18446744073709551616",
    "9223372036854775807",
    "\"\"",
    "[]",
    "{}",
    "\u{0}",
    "\"",
    "=",
    "\n[train]\n",
    "\n[[model]]\n",
    "[[[[[[[[",
    "powers:nan:1",
    "powers:",
    "\"ü\"",
    "1e-320",
    "true",
    "0x_",
];

/// The text with a few places cut, doubled, replaced or filled with another text's.
fn mutate(text: &str, draws: &mut impl FnMut(u32) -> u32) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=draws(4) {
        let place = draws(bytes.len() as u32 + 1) as usize;
        let end = (place + draws(12) as usize).min(bytes.len());
        match draws(5) {
            0 => drop(bytes.drain(place..end)),
            1 => {
                let piece = bytes[place..end].to_vec();
                bytes.splice(place..place, piece);
            }
            2 => {
                let piece = PIECES[draws(PIECES.len() as u32) as usize];
                bytes.splice(place..end, piece.bytes());
            }
            3 => {
                // A whole value of a line.
                if let Some(start) = bytes[..place].iter().rposition(|&b| b == b'=') {
                    let stop = bytes[start..].iter().position(|&b| b == b'\n' || b == b',');
                    let stop = stop.map_or(bytes.len(), |n| start + n);
                    let piece = PIECES[draws(PIECES.len() as u32) as usize];
                    bytes.splice(start + 1..stop, piece.bytes());
                }
            }
            _ => {
                let other = SEEDS[draws(SEEDS.len() as u32) as usize].as_bytes();
                let from = draws(other.len() as u32) as usize;
                let to = (from + draws(60) as usize).min(other.len());
                bytes.splice(place..place, other[from..to].iter().copied());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn try_one(text: &str) -> bool {
    // Reading a space tries its ends.
    if let Ok(space) = SearchSpace::from_toml(text) {
        assert!(space.n_points() != Some(0), "{text}");
    }
    let Ok(candidate) = toml::from_str::<Candidate>(text) else {
        return false;
    };
    if candidate.train.check().is_err() {
        return false;
    }
    candidate.model.visit(Describe);
    let written = toml::to_string(&candidate).unwrap();
    let again: Candidate =
        toml::from_str(&written).unwrap_or_else(|error| panic!("{text}\n{error}"));
    // By their texts: a number that is none, which only building the model refuses, equals nothing.
    assert_eq!(toml::to_string(&again).unwrap(), written, "{text}");
    true
}

#[test]
fn changed_configurations_are_read_or_refused() {
    let n: u64 = std::env::var("LIGHTGCN_MUTATIONS").map_or(600, |n| n.parse().unwrap());
    for seed in &SEEDS[..4] {
        assert!(try_one(seed), "{seed}");
    }
    let random = Random::new(11, Stream::Synthetic);
    let mut usable = 0;
    for case in 0..n {
        let mut stream = random.at(0, case);
        let mut draws = |below: u32| stream.below(below.max(1));
        let seed = SEEDS[(case % SEEDS.len() as u64) as usize];
        let text = mutate(seed, &mut draws);
        usable += u64::from(try_one(&text));
    }
    // Changes that leave nothing usable would try nothing beyond the parser.
    assert!(usable > n / 50 && usable < n, "{usable} of {n}");
}
