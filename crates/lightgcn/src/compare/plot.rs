//! A comparison as a chart.

use super::ModelComparison;
use plotters::prelude::{
    ChartBuilder, Color, IntoDrawingArea, IntoSegmentedCoord, PathElement, RGBColor, Rectangle,
    SVGBackend, SegmentValue, TRANSPARENT, WHITE,
};
use std::error::Error;

const BAR: RGBColor = RGBColor(0x4c, 0x78, 0xa8);
const INTERVAL: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Pixels.
const WIDTH: u32 = 960;
const ROW: u32 = 28;
const MARGIN: u32 = 12;
const LEFT: u32 = 200;
const ABOVE_AND_BELOW: u32 = 96;

impl ModelComparison {
    /// The leading metric of every row with its interval, as an SVG document. The same comparison gives the
    /// same bytes. Needs the feature `plots`.
    ///
    /// # Errors
    /// [`Error::Plot`](crate::Error::Plot) if it cannot be drawn.
    pub fn to_svg(&self) -> Result<String, crate::Error> {
        let mut svg = String::new();
        self.draw(&mut svg)
            .map_err(|error| crate::Error::Plot(error.to_string()))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn Error>> {
        let table = &self.comparison;
        // The best is at the top.
        let names: Vec<String> = table.rows.iter().rev().map(|r| r.ranker.clone()).collect();
        let height = ROW * names.len() as u32 + ABOVE_AND_BELOW;
        let most = table.rows.iter().map(|row| row.interval.high);
        let most = most.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let area = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE)?;
        let title = format!("{}@{} on {} data", table.metric, table.k, table.part);
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin(MARGIN)
            .x_label_area_size(ROW)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(0.0..most * 1.05, (0..names.len()).into_segmented())?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .light_line_style(TRANSPARENT)
            .y_labels(names.len())
            .y_label_formatter(&|place| match place {
                SegmentValue::CenterOf(n) => names.get(*n).cloned().unwrap_or_default(),
                _ => String::new(),
            })
            .draw()?;
        let rows = table.rows.iter().rev().enumerate();
        chart.draw_series(rows.clone().map(|(n, row)| {
            let bar = [
                (0.0, SegmentValue::Exact(n)),
                (row.interval.mean, SegmentValue::Exact(n + 1)),
            ];
            let mut bar = Rectangle::new(bar, BAR.filled());
            bar.set_margin(4, 4, 0, 0);
            bar
        }))?;
        chart.draw_series(rows.map(|(n, row)| {
            let ends = [row.interval.low, row.interval.high];
            let line = ends.map(|x| (x, SegmentValue::CenterOf(n)));
            PathElement::new(line.to_vec(), INTERVAL.stroke_width(2))
        }))?;
        area.present()?;
        Ok(())
    }
}
