//! Aligned text tables.

/// Rows of cells as lines with aligned columns, two spaces apart and without trailing spaces, each line ended. Rows may
/// have different lengths.
///
/// ```
/// let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["long".to_owned(), "x".to_owned()]];
/// assert_eq!(lightgcn_core::aligned(&rows), "a     b\nlong  x\n");
/// ```
#[must_use]
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |n: usize| {
        let cells = rows.iter().filter_map(|row| row.get(n));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}
