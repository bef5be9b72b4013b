use proptest::prelude::*;

use super::*;
use crate::parallel::same_at_any_thread_count;

fn rounded(level: Level, from: &[f32]) -> Vec<Bf16> {
    let mut to = vec![Bf16::NAN; from.len()];
    convert(level, from, &mut to);
    to
}

fn widened(level: Level, from: &[Bf16]) -> Vec<f32> {
    let mut to = vec![f32::NAN; from.len()];
    convert(level, from, &mut to);
    to
}

/// The bits of one number, rounded by every function that rounds.
fn rounded_bits(number: f32) -> u16 {
    let bits = Bf16::narrow(number).to_bits();
    for level in Level::all() {
        // Alone it takes the path of the tail, in company that of a whole register.
        assert_eq!(rounded(level, &[number])[0].to_bits(), bits);
        assert_eq!(rounded(level, &[number; 8])[5].to_bits(), bits);
    }
    bits
}

#[test]
fn by_hand() {
    // 1 is 0x3f80; a step above it is 2⁻⁷.
    let step = 1.0 / 128.0;
    assert_eq!(rounded_bits(1.0), 0x3f80);
    assert_eq!(rounded_bits(1.0 + 0.49 * step), 0x3f80);
    assert_eq!(rounded_bits(1.0 + 0.51 * step), 0x3f81);
    // Halfway: to the even neighbor, below or above.
    assert_eq!(rounded_bits(1.0 + 0.5 * step), 0x3f80);
    assert_eq!(rounded_bits(1.0 + 1.5 * step), 0x3f82);
    assert_eq!(rounded_bits(-1.0 - 1.5 * step), 0xbf82);
    assert_eq!(rounded_bits(0.0), 0);
    assert_eq!(rounded_bits(-0.0), 0x8000);
}

#[test]
fn the_ends_of_the_range() {
    assert_eq!(rounded_bits(f32::INFINITY), 0x7f80);
    assert_eq!(rounded_bits(f32::NEG_INFINITY), 0xff80);
    assert_eq!(rounded_bits(f32::MAX), 0x7f80);
    // The largest finite number, and half a step beyond.
    assert_eq!(rounded_bits(f32::from_bits(0x7f7f_7fff)), 0x7f7f);
    assert_eq!(rounded_bits(f32::from_bits(0x7f7f_8000)), 0x7f80);
    // Subnormal numbers round like others; the smallest of them is nearer to 0.
    assert_eq!(rounded_bits(f32::from_bits(1)), 0);
    assert_eq!(rounded_bits(f32::from_bits(0x8000)), 0);
    assert_eq!(rounded_bits(f32::from_bits(0x8001)), 1);
    assert_eq!(rounded_bits(f32::from_bits(0x0001_8000)), 2);
    assert_eq!(rounded_bits(f32::from_bits(0x007f_ffff)), 0x0080);
}

#[test]
fn nan_stays_nan() {
    assert_eq!(rounded_bits(f32::from_bits(0x7fc1_2345)), 0x7fc1);
    assert_eq!(rounded_bits(f32::from_bits(0xffc0_0000)), 0xffc0);
    // The payload lies in the lower half alone: cut off, infinity would remain.
    assert_eq!(rounded_bits(f32::from_bits(0x7f80_0001)), 0x7fc0);
    assert_eq!(rounded_bits(f32::from_bits(0xff80_ffff)), 0xffc0);
    assert_eq!(rounded_bits(f32::from_bits(0x7fff_ffff)), 0x7fff);
}

/// Every upper half with every kind of lower half: below, at and above the middle.
#[test]
fn rounds_as_the_half_crate_does() {
    let lower = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff];
    let numbers: Vec<f32> = (0..=u16::MAX)
        .flat_map(|upper| lower.map(|lower| f32::from_bits(u32::from(upper) << 16 | lower)))
        .collect();
    for level in Level::all() {
        for (number, got) in numbers.iter().zip(rounded(level, &numbers)) {
            assert_eq!(
                got.to_bits(),
                half::bf16::from_f32(*number).to_bits(),
                "{level:?}: {:#x}",
                number.to_bits()
            );
        }
    }
}

#[test]
fn every_number_widens_exactly_and_comes_back() {
    let all: Vec<Bf16> = (0..=u16::MAX).map(Bf16::from_bits).collect();
    for level in Level::all() {
        let wide = widened(level, &all);
        for (number, wide) in all.iter().zip(&wide) {
            assert_eq!(wide.to_bits(), u32::from(number.to_bits()) << 16);
        }
        for (number, back) in all.iter().zip(rounded(level, &wide)) {
            let quiet = if number.is_nan() { 0x40 } else { 0 };
            assert_eq!(back.to_bits(), number.to_bits() | quiet);
        }
    }
}

#[test]
fn every_length_is_converted_without_writing_past_it() {
    let numbers: Vec<f32> = (0..40).map(|i| i as f32 + 0.5).collect();
    for level in Level::all() {
        for start in 0..3 {
            for n in 0..=numbers.len() - start {
                let mut narrow = [Bf16::MAX; 45];
                convert(level, &numbers[start..start + n], &mut narrow[1..=n]);
                let mut wide = [f32::MAX; 45];
                convert(level, &narrow[1..=n], &mut wide[2..n + 2]);
                for (i, (narrow, wide)) in narrow[1..].iter().zip(&wide[2..]).enumerate() {
                    if i < n {
                        assert_eq!(*narrow, Bf16::from_f32(numbers[start + i]));
                        assert_eq!(*wide, narrow.to_f32());
                    } else {
                        assert_eq!((*narrow, *wide), (Bf16::MAX, f32::MAX));
                    }
                }
                assert_eq!(
                    (narrow[0], wide[0], wide[1]),
                    (Bf16::MAX, f32::MAX, f32::MAX)
                );
            }
        }
    }
}

#[test]
fn many_numbers_at_any_thread_count() {
    let numbers: Vec<f32> = (0..300_007).map(|i| (i as f32 * 0.7).sin()).collect();
    let rounded = same_at_any_thread_count(|| {
        let mut rounded = vec![Bf16::NAN; numbers.len()];
        round_to_bf16(&numbers, &mut rounded);
        rounded
    });
    let mut wide = vec![f32::NAN; numbers.len()];
    widen_bf16(&rounded, &mut wide);
    for ((number, rounded), wide) in numbers.iter().zip(rounded).zip(wide) {
        assert_eq!(rounded, Bf16::from_f32(*number));
        assert_eq!(wide, rounded.to_f32());
    }
}

#[test]
#[should_panic(expected = "3 numbers cannot be converted into 2")]
fn slices_of_different_length_panic() {
    round_to_bf16(&[1.0; 3], &mut [Bf16::ZERO; 2]);
}

proptest! {
    #[test]
    fn no_number_is_nearer(bits in any::<u32>()) {
        let number = f32::from_bits(bits);
        prop_assume!(number.is_finite());
        let rounded = rounded_bits(number);
        // Distances in f64 are exact; infinity counts as the step after the largest number.
        let place = |bits: u16| match bits & 0x7fff {
            0x7f80 => 2.0_f64.powi(128).copysign(f64::from(number)),
            _ => f64::from(Bf16::from_bits(bits).widen()),
        };
        let distance = |bits: u16| (place(bits) - f64::from(number)).abs();
        let magnitude = rounded & 0x7fff;
        if magnitude < 0x7f80 {
            prop_assert!(distance(rounded) <= distance(rounded + 1));
        }
        if magnitude > 0 {
            prop_assert!(distance(rounded) <= distance(rounded - 1));
        }
        if number.is_normal() && magnitude < 0x7f80 {
            prop_assert!(distance(rounded) <= f64::from(number).abs() / 256.0);
        }
    }
}
