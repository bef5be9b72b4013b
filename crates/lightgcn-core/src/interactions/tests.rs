//! Pairs by hand.

use super::*;
use crate::BehaviorId;

fn builder() -> InteractionsBuilder {
    InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"]).unwrap()
}

#[test]
fn pairs_are_sorted_and_found() {
    let mut b = builder();
    b.push(UserId(1), ItemId(2), 0.5, &[1, 0], Some(30))
        .unwrap();
    b.push(UserId(0), ItemId(1), 1.0, &[0, 2], Some(10))
        .unwrap();
    b.push(UserId(1), ItemId(0), 0.25, &[3, 1], Some(20))
        .unwrap();
    let x = b.build(3, 3).unwrap();
    assert_eq!(x.offsets(), [0, 1, 3, 3]);
    assert_eq!(x.items_of(UserId(1)), [ItemId(0), ItemId(2)]);
    assert_eq!(x.weights(), [1.0, 0.25, 0.5]);
    assert_eq!(x.last_times(), [10, 20, 30]);
    let pair = x.find(UserId(1), ItemId(0)).unwrap();
    assert_eq!(x.counts_of(pair), [3, 1]);
    assert!(x.is_target(pair));
    assert_eq!(x.find(UserId(2), ItemId(0)), None);
    assert_eq!(x.n_targets(), 2);
    let targets = [vec![ItemId(1)], vec![ItemId(0)], vec![]];
    assert_eq!(x.targets(), targets.into_iter().collect());
    assert_eq!(x.iter().count(), 3);
}

fn event(behavior: u8, day: i64) -> PairEvent {
    PairEvent::new(BehaviorId(behavior), day * 86_400)
}

#[test]
fn events_follow_their_pairs_and_can_be_filtered() {
    let mut b = builder();
    let late = [event(1, 5), event(0, 2), event(0, 4)];
    b.push_events(UserId(1), ItemId(0), 1.0, &late).unwrap();
    b.push_events(UserId(0), ItemId(1), 0.5, &[event(0, 3)])
        .unwrap();
    let x = b.build(2, 2).unwrap();
    assert_eq!(x.events_of(0), [event(0, 3)]);
    assert_eq!(x.events_of(1), [event(0, 2), event(0, 4), event(1, 5)]);
    assert_eq!(
        (x.counts_of(1), x.last_times()[1]),
        (&[2, 1][..], 5 * 86_400)
    );

    let mut weights = crate::BehaviorWeightsConfig::single("purchase");
    let mut view = weights.behaviors[0].clone();
    (view.name, view.weight, view.target) = ("view".to_owned(), 0.1, false);
    weights.behaviors.insert(0, view);
    weights.half_life_days = Some(2.0);
    let weights = weights.check().unwrap();
    // Before day 5: nothing is bought, and the views of days 2 and 4 weigh .1 (½ + 1).
    let before = |_, _, time: Option<i64>| time.unwrap() < 5 * 86_400;
    let earlier = x.filtered(&weights, before).unwrap();
    assert_eq!(earlier.n_targets(), 0);
    assert_eq!(earlier.counts(), [1, 0, 2, 0]);
    assert!((earlier.weights()[1] - 0.15).abs() < 1e-6);
    // Item 1 was viewed on day 3 alone, and is dropped with it.
    let last = x
        .filtered(&weights, |_, _, time| time.unwrap() > 3 * 86_400)
        .unwrap();
    assert_eq!((last.n_pairs(), last.n_users()), (1, 2));
    assert_eq!(last.items_of(UserId(1)), [ItemId(0)]);

    // Without events, behaviors are kept or dropped as a whole.
    let mut b = builder();
    b.push(UserId(0), ItemId(0), 1.0, &[2, 1], None).unwrap();
    let untimed = b.build(1, 1).unwrap();
    let viewed = untimed
        .filtered(&weights, |_, behavior, _| behavior.0 == 0)
        .unwrap();
    assert_eq!((viewed.counts(), viewed.n_targets()), (&[2, 0][..], 0));
    let short = crate::BehaviorWeightsConfig::single("purchase")
        .check()
        .unwrap();
    assert!(matches!(
        untimed.filtered(&short, |_, _, _| true),
        Err(CoreError::BehaviorCounts {
            given: 1,
            expected: 2
        })
    ));
}

#[test]
fn events_keep_their_sessions() {
    let session = |n| crate::SessionMark::of_number(n);
    let mut b = builder();
    // At one time in two sessions, in any order.
    let events = [event(0, 4).in_session(session(1)), event(0, 4), event(1, 2)];
    b.push_events(UserId(1), ItemId(0), 1.0, &events).unwrap();
    let other = [event(0, 4).in_session(session(0))];
    b.push_events(UserId(0), ItemId(1), 0.5, &other).unwrap();
    let x = b.build(2, 2).unwrap();
    let kept = [event(1, 2), event(0, 4), event(0, 4).in_session(session(1))];
    assert_eq!(x.events_of(1), kept);
    assert_eq!(x.events_of(0), other);
    assert_eq!(x.of_users(&[UserId(1)]).unwrap().events_of(0), kept);
    let mut weights = crate::BehaviorWeightsConfig::single("purchase");
    let mut view = weights.behaviors[0].clone();
    (view.name, view.target) = ("view".to_owned(), false);
    weights.behaviors.insert(0, view);
    let weights = weights.check().unwrap();
    let views = x.filtered(&weights, |_, behavior, _| behavior == BehaviorId(0));
    assert_eq!(views.unwrap().events_of(1), &kept[1..]);
}

#[test]
fn pairs_with_and_without_events_do_not_mix() {
    let mut b = builder();
    b.push(UserId(0), ItemId(0), 1.0, &[1, 0], Some(3)).unwrap();
    let mixed = b.push_events(UserId(0), ItemId(1), 1.0, &[event(0, 1)]);
    assert!(matches!(mixed, Err(CoreError::Damaged { .. })));
    let mut b = builder();
    for events in [&[][..], &[event(9, 0)]] {
        let refused = b.push_events(UserId(0), ItemId(0), 1.0, events);
        assert!(matches!(refused, Err(CoreError::Damaged { .. })));
    }
    b.push_events(UserId(0), ItemId(0), 1.0, &[event(0, 1)])
        .unwrap();
    let mixed = b.push(UserId(0), ItemId(1), 1.0, &[1, 0], Some(3));
    assert!(matches!(mixed, Err(CoreError::Damaged { .. })));
}

#[test]
fn issues_are_named() {
    for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let error = builder()
            .push(UserId(4), ItemId(0), weight, &[1, 0], None)
            .unwrap_err();
        assert!(matches!(error, CoreError::PairWeight { ref user, .. } if user == "row 4"));
    }
    let mut b = builder();
    assert!(matches!(
        b.push(UserId(0), ItemId(0), 1.0, &[1], None),
        Err(CoreError::BehaviorCounts {
            given: 1,
            expected: 2
        })
    ));
    b.push(UserId(0), ItemId(0), 1.0, &[1, 0], None).unwrap();
    assert!(b.push(UserId(0), ItemId(1), 1.0, &[1, 0], Some(1)).is_err());
    b.push(UserId(0), ItemId(0), 1.0, &[1, 0], None).unwrap();
    assert!(matches!(
        b.clone().build(0, 1),
        Err(CoreError::RowOutOfRange { .. })
    ));
    assert_eq!(
        b.build(1, 1),
        Err(CoreError::DuplicatePair { user: 0, item: 0 })
    );
    assert!(InteractionsBuilder::from_names(&["view"], &["purchase"]).is_err());
}
