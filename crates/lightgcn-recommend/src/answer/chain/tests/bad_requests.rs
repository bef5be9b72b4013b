//! Requests that cannot be answered.

use super::*;

#[test]
fn unusable_requests_are_typed_errors() {
    let shop = shop();
    let refused = |options: RecommendOptions| shop.recommend("ann", &options).unwrap_err();
    assert!(matches!(refused(options(0)), RecommendError::ZeroK));
    for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        for (name, options) in [
            (
                "exploration",
                RecommendOptions {
                    exploration: bad,
                    ..options(1)
                },
            ),
            (
                "diversity",
                RecommendOptions {
                    diversity: bad,
                    ..options(1)
                },
            ),
            (
                "revenue",
                RecommendOptions {
                    revenue: bad,
                    ..options(1)
                },
            ),
        ] {
            let RecommendError::Options { issues } = refused(options) else {
                panic!("{name} was accepted");
            };
            assert!(issues.len() == 1 && issues[0].contains(name), "{issues:?}");
        }
    }
    let filtered = |filter| {
        refused(RecommendOptions {
            filter,
            ..options(1)
        })
    };
    let issues = |error| match error {
        RecommendError::Options { issues } => issues.len(),
        other => panic!("{other}"),
    };
    let allow = |allow: &[&str]| ItemFilter {
        allow: Some(allow.iter().map(|id| (*id).to_owned()).collect()),
        ..ItemFilter::default()
    };
    assert_eq!(issues(filtered(allow(&[]))), 1);
    let price = ItemFilter {
        price_min: Some(2.0),
        price_max: Some(1.0),
        ..ItemFilter::default()
    };
    assert_eq!(issues(filtered(price)), 1);
    let chain = |chain: &[Source]| {
        refused(RecommendOptions {
            chain: chain.to_vec(),
            ..options(1)
        })
    };
    assert_eq!(issues(chain(&[])), 1);
    assert_eq!(issues(chain(&[Source::Random, Source::Random])), 1);
    assert_eq!(issues(chain(&[Source::Exploration])), 1);
    assert_eq!(issues("graph".parse::<Source>().unwrap_err()), 1);
    let event = |event: ContextEvent| {
        let request = RecommendRequest::new("ann").with_events(vec![event]);
        shop.answer(&request).unwrap_err()
    };
    for bad in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
        let mut nan = ContextEvent::new("lamp", "view");
        nan.count = bad;
        assert!(matches!(
            event(nan),
            RecommendError::ContextEvent { number: 1, .. }
        ));
    }
    assert!(matches!(
        event(ContextEvent::new("lamp", "kiss")),
        RecommendError::ContextEvent { number: 1, .. }
    ));
    assert!(matches!(
        shop.similar("lampe", &ItemOptions::default()),
        Err(RecommendError::UnknownItem { nearest: Some(near), .. }) if near == "lamp"
    ));
}
