use super::*;

fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n)
        .map(|i| ((i * 7919 + seed * 104_729) % 211) as f32 / 211.0 - 0.5)
        .collect()
}

/// The product in double precision.
fn expected(shape: Shape, left: Left<'_>, right: &[f32], start: &[f32]) -> Vec<f64> {
    let mut out: Vec<f64> = start.iter().map(|&x| f64::from(x)).collect();
    for m in 0..shape.rows {
        for n in 0..shape.columns {
            for k in 0..shape.steps {
                let a = f64::from(left.data[m * left.row + k * left.step]);
                out[m * shape.columns + n] += a * f64::from(right[k * shape.columns + n]);
            }
        }
    }
    out
}

#[test]
fn equals_the_definition_at_every_tile_size_and_level() {
    for rows in [1, 2, 5, 6, 7, 13] {
        for columns in [16, 32, 48, 64, 80, 144] {
            for steps in [0, 1, 3, 17] {
                let shape = Shape {
                    rows,
                    columns,
                    steps,
                };
                let data = numbers(rows * steps.max(1), 1);
                let right = numbers(steps * columns, 2);
                // Row-major, and transposed.
                for (row, step) in [(steps, 1), (1, rows)] {
                    let data = &data;
                    let left = Left { data, row, step };
                    for add in [false, true] {
                        let start = vec![if add { 0.25 } else { 0.0 }; rows * columns];
                        let expected = expected(shape, left, &right, &start);
                        let mut first: Option<Vec<f32>> = None;
                        for level in Level::all() {
                            let mut out = start.clone();
                            if !add {
                                out.fill(f32::NAN);
                            }
                            let product = DenseProduct {
                                shape,
                                left,
                                right: &right,
                                add,
                            };
                            multiply(level, product, &mut out);
                            for (got, expected) in out.iter().zip(&expected) {
                                let error = (f64::from(*got) - expected).abs();
                                assert!(error < 1e-5, "{shape:?}: {got} is not {expected}");
                            }
                            if level != Level::Portable {
                                let first = first.get_or_insert_with(|| out.clone());
                                assert_eq!(*first, out, "registers of any width give one result");
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "every element")]
fn a_short_left_operand_panics() {
    let left = Left {
        data: &[0.0; 5],
        row: 3,
        step: 1,
    };
    let shape = Shape {
        rows: 2,
        columns: 16,
        steps: 3,
    };
    let product = DenseProduct {
        shape,
        left,
        right: &[0.0; 48],
        add: false,
    };
    multiply(Level::Portable, product, &mut [0.0; 32]);
}
