//! JSON requests: any bytes give an error, or a request that is answered or gives a typed error; an answer
//! is valid and can be written.

use lightgcn_recommend::{ExplainRequest, ItemOptions, RecommendRequest, Recommender};
use std::collections::HashSet;

thread_local! {
    static RECOMMENDER: Recommender = {
        let recommender = Recommender::from_artifact(crate::shop::artifact()).expect("a shop");
        recommender.warm();
        recommender
    };
}

/// The first byte chooses the kind of request, the rest is its JSON.
pub fn fuzz_one(bytes: &[u8]) {
    let Some((&choice, json)) = bytes.split_first() else {
        return;
    };
    RECOMMENDER.with(|recommender| match choice % 3 {
        0 => recommend(recommender, json),
        1 => explain(recommender, json),
        _ => drop(serde_json::from_slice::<ItemOptions>(json)),
    });
}

fn recommend(recommender: &Recommender, json: &[u8]) {
    let Ok(request) = serde_json::from_slice::<RecommendRequest>(json) else {
        return;
    };
    if let Ok(answer) = recommender.answer(&request) {
        assert!(answer.items.len() <= request.options.k);
        let distinct: HashSet<&str> = answer.items.iter().map(|i| i.item.as_str()).collect();
        assert_eq!(distinct.len(), answer.items.len());
        let text = serde_json::to_string(&answer).expect("an answer is JSON");
        let again: lightgcn_recommend::Answer =
            serde_json::from_str(&text).expect("an answer that was written can be read");
        assert_eq!(again, answer, "{text}");
    }
}

fn explain(recommender: &Recommender, json: &[u8]) {
    let Ok(request) = serde_json::from_slice::<ExplainRequest>(json) else {
        return;
    };
    if let Ok(explanation) = recommender.explain_request(&request) {
        let parts: f64 = explanation.contributions.iter().map(|c| c.value).sum();
        let own = explanation.self_contribution.map_or(0.0, |part| part.value);
        assert!((parts + own + explanation.rounding).is_finite());
        serde_json::to_string(&explanation).expect("an explanation is JSON");
    }
}
