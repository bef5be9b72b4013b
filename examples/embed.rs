//! Recommendations inside another program: opens a trained model and answers, without training code or
//! the log.
//!
//! ```text
//! cargo run --release --example embed -- target/quickstart/model USER
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use lightgcn::prelude::*;

fn main() -> Result<(), lightgcn::Error> {
    let mut args = std::env::args().skip(1);
    let (Some(model), Some(user)) = (args.next(), args.next()) else {
        eprintln!("usage: embed MODEL USER (the quickstart example makes a model)");
        std::process::exit(2);
    };
    // Opening validates every byte; afterwards an answer takes milliseconds and no disk.
    let recommender = Recommender::open(&model)?;
    let options = RecommendOptions {
        k: 5,
        ..RecommendOptions::default()
    };
    let answer = recommender.recommend(&user, &options)?;
    if !answer.known {
        println!("{user} is not known: here is what most users bought");
    }
    for item in &answer.items {
        let brand = item.details.brand.as_deref().unwrap_or("no brand");
        println!(
            "{:>2}. {} ({brand}), score {:.3}",
            item.rank, item.item, item.score
        );
    }
    Ok(())
}
