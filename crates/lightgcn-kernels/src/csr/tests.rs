use super::*;
use lightgcn_simd::CsrError;

fn build(
    n_columns: usize,
    row_offsets: &[u64],
    columns: &[u32],
    values: &[f32],
) -> Result<HostCsr, KernelError> {
    HostCsr::new(CsrSlices {
        n_columns,
        row_offsets,
        columns,
        values,
    })
}

/// ```text
/// 0 2 0
/// 1 0 3
/// ```
fn rectangular() -> HostCsr {
    build(3, &[0, 1, 3], &[1, 0, 2], &[2.0, 1.0, 3.0]).unwrap()
}

#[test]
fn transposing_swaps_rows_and_columns() {
    let transposed = rectangular().transpose();
    assert_eq!((transposed.n_rows, transposed.n_columns), (3, 2));
    assert_eq!(transposed.row_offsets, [0, 1, 2, 3]);
    assert_eq!(transposed.columns, [1, 0, 1]);
    assert_eq!(transposed.values, [1.0, 2.0, 3.0]);
    assert_eq!(transposed.transpose(), rectangular());
}

#[test]
fn counts_beyond_32_bits_are_errors() {
    let most = i32::MAX as usize;
    assert_eq!(check_counts(most, most, most), Ok(()));
    for (what, counts) in [
        ("rows", [most + 1, 1, 1]),
        ("columns", [1, most + 1, 1]),
        ("edges", [1, 1, 1 << 31]),
    ] {
        let [rows, columns, edges] = counts;
        let error = check_counts(rows, columns, edges).unwrap_err();
        let (count, limit) = (most + 1, most);
        assert_eq!(error, KernelError::TooLarge { what, count, limit });
    }
}

#[test]
fn each_invalid_array_has_its_error() {
    let build = |n_columns, offsets: &[u64], columns: &[u32], values: &[f32]| {
        build(n_columns, offsets, columns, values).unwrap_err()
    };
    assert_eq!(
        build(2, &[], &[], &[]),
        KernelError::Csr(CsrError::NoOffsets)
    );
    assert_eq!(
        build(2, &[0, 1, 2], &[0, 2], &[1.0, 1.0]),
        KernelError::Csr(CsrError::ColumnOutOfRange {
            row: 1,
            position: 1,
            column: 2,
            n_columns: 2
        })
    );
    assert!(matches!(
        build(1, &[0, 1], &[0], &[f32::NAN]),
        KernelError::ValueNotFinite {
            row: 0,
            column: 0,
            ..
        }
    ));
    let too_many = i32::MAX as usize + 1;
    assert_eq!(
        build(too_many, &[0], &[], &[]),
        KernelError::TooLarge {
            what: "columns",
            count: too_many,
            limit: i32::MAX as usize
        }
    );
}

#[test]
fn symmetry_is_checked_and_row_order_does_not_matter() {
    let symmetric = build(3, &[0, 2, 3, 4], &[2, 1, 0, 0], &[5.0, 4.0, 4.0, 5.0]);
    assert_eq!(symmetric.unwrap().check_symmetric(), Ok(()));

    let other_weight = build(2, &[0, 1, 2], &[1, 0], &[1.0, 2.0]).unwrap();
    assert_eq!(
        other_weight.check_symmetric(),
        Err(KernelError::NotSymmetric { row: 0 })
    );
    let missing_edge = build(3, &[0, 0, 1, 1], &[2], &[1.0]).unwrap();
    assert_eq!(
        missing_edge.check_symmetric(),
        Err(KernelError::NotSymmetric { row: 1 })
    );
    assert_eq!(
        rectangular().check_symmetric(),
        Err(KernelError::SymmetricNotSquare {
            n_rows: 2,
            n_columns: 3
        })
    );
}

#[test]
fn rounding_of_a_normalization_counts_as_symmetric() {
    let weight = 0.123_456_79_f32;
    let rounded = f32::from_bits(weight.to_bits() + 1);
    let matrix = build(2, &[0, 1, 2], &[1, 0], &[weight, rounded]).unwrap();
    assert_eq!(matrix.check_symmetric(), Ok(()));
}
