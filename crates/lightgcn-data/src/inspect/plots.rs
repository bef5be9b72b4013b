//! Plots of an inspection.

use super::{Inspection, Times, date};
use crate::DataError;
use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, Color, DrawingArea, IntoDrawingArea, IntoLogRange, RGBColor, Rectangle,
    SVGBackend, TRANSPARENT, WHITE,
};
use std::error::Error;

/// Pixels.
const SIZE: (u32, u32) = (960, 360);

/// Pixels around a chart, below it and to its left.
const MARGIN: u32 = 12;
const BELOW: u32 = 32;
const LEFT: u32 = 72;

const EVENTS: RGBColor = RGBColor(0x4c, 0x78, 0xa8);
const TARGETS: RGBColor = RGBColor(0xe4, 0x57, 0x56);

/// A plot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plot {
    /// A name for its file, without the extension, such as `events-per-day`.
    pub name: &'static str,
    /// The SVG document.
    pub svg: String,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

impl Inspection {
    /// Plots events per day (if times are known), the distributions of events per user and per
    /// item, and conversion by behavior (if known). The same inspection gives the same bytes. Needs
    /// the feature `plots`.
    ///
    /// # Errors
    /// [`DataError::Plot`] if one cannot be drawn.
    pub fn plots(&self) -> Result<Vec<Plot>, DataError> {
        let mut plots = Vec::new();
        if let Some(times) = &self.times {
            plots.push(plot("events-per-day", |area| days(times, area))?);
        }
        plots.push(plot("events-per-user-and-item", |area| {
            let sides = [&self.users.histogram, &self.items.histogram];
            histograms(sides.map(Vec::as_slice), area)
        })?);
        let known = self.behaviors.iter();
        let known = known.filter_map(|b| Some((b.name.as_str(), b.conversion?)));
        let known: Vec<(&str, f64)> = known.collect();
        if !known.is_empty() {
            plots.push(plot("conversion", |area| conversions(&known, area))?);
        }
        Ok(plots)
    }
}

fn plot(name: &'static str, draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<Plot, DataError> {
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let filled = area.fill(&WHITE).map_err(Into::into);
        filled
            .and_then(|()| draw(&area))
            .and_then(|()| Ok(area.present()?))
    };
    drawn.map_err(|error| DataError::Plot {
        name,
        reason: error.to_string(),
    })?;
    Ok(Plot { name, svg })
}

fn days(times: &Times, area: &Area<'_>) -> Drawn {
    let numbers = times.days.iter().map(|day| day.number);
    let first = numbers.clone().min().unwrap_or(0) as f64;
    let end = numbers.max().unwrap_or(0) as f64 + 1.0;
    let most = times.days.iter().map(|day| day.events).max().unwrap_or(0);
    let mut chart = chart(area, "Events per day; targets in red")
        .build_cartesian_2d(first..end, 0.0..most as f64 * 1.05)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(8)
        .x_label_formatter(&|day| date(day.floor() as i64))
        .y_label_formatter(&|n| format!("{n:.0}"))
        .draw()?;
    let bar = |day: i64, n: u64, color: RGBColor| {
        let corners = [(day as f64, 0.0), (day as f64 + 1.0, n as f64)];
        Rectangle::new(corners, color.filled())
    };
    chart.draw_series(times.days.iter().flat_map(|day| {
        [
            bar(day.number, day.events, EVENTS),
            bar(day.number, day.targets, TARGETS),
        ]
    }))?;
    Ok(())
}

/// The number of users (blue) and items (red) in each bin.
fn histograms(sides: [&[u64]; 2], area: &Area<'_>) -> Drawn {
    let n_bins = sides.iter().map(|side| side.len()).max().unwrap_or(0) as i32;
    let most = sides.iter().flat_map(|side| side.iter()).max();
    let most = most.copied().unwrap_or(0).max(1) as f64;
    // Each bin has a bar on either side of an odd number, where its label is.
    let first = match sides.iter().all(|side| side.first() == Some(&0)) {
        true => 2,
        false => 0,
    };
    let mut chart = chart(area, "Users (blue) and items (red) by number of events")
        .build_cartesian_2d(first..2 * n_bins, (0.5..most * 2.0).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(2 * n_bins as usize + 1)
        .x_label_formatter(&|&x| match x % 2 {
            1 => bin_name(x / 2),
            _ => String::new(),
        })
        .y_label_formatter(&|n| format!("{n:.0}"))
        .draw()?;
    for (side, (bins, color)) in sides.iter().zip([EVENTS, TARGETS]).enumerate() {
        let filled = bins.iter().enumerate().filter(|&(_, &n)| n > 0);
        chart.draw_series(filled.map(|(bin, &n)| {
            let left = 2 * bin as i32 + side as i32;
            Rectangle::new([(left, 0.5), (left + 1, n as f64)], color.filled())
        }))?;
    }
    Ok(())
}

/// The numbers of events in a bin of a histogram.
fn bin_name(bin: i32) -> String {
    match bin {
        0 | 1 => bin.to_string(),
        bin => format!("{}–{}", 1u64 << (bin - 1), (1u64 << bin) - 1),
    }
}

fn conversions(known: &[(&str, f64)], area: &Area<'_>) -> Drawn {
    let most = known.iter().map(|&(_, share)| share).fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.05 } else { 1.0 };
    let n = known.len() as i32;
    let mut chart = chart(area, "Share of pairs bought at that time or later")
        .build_cartesian_2d(0..2 * n, 0.0..most)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(2 * known.len() + 1)
        .x_label_formatter(&|&x| match (x % 2, known.get(x as usize / 2)) {
            (1, Some((name, _))) => (*name).to_owned(),
            _ => String::new(),
        })
        .y_label_formatter(&|share| format!("{:.1}%", share * 100.0))
        .draw()?;
    chart.draw_series((0..).zip(known).map(|(place, &(_, share))| {
        let corners = [(2 * place, 0.0), (2 * place + 2, share)];
        let mut bar = Rectangle::new(corners, EVENTS.filled());
        bar.set_margin(0, 0, 8, 8);
        bar
    }))?;
    Ok(())
}

fn chart<'a, 'b>(area: &'a Area<'b>, title: &str) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut chart = ChartBuilder::on(area);
    chart
        .caption(title, ("sans-serif", 18))
        .margin(MARGIN)
        .margin_right(2 * MARGIN)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT);
    chart
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventLogBuilder;
    use lightgcn_core::BehaviorWeightsConfig;

    fn plots(events: &[(&str, &str, &str, i64)]) -> Vec<Plot> {
        let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
        let mut log = EventLogBuilder::new(&weights);
        for &(user, item, behavior, time) in events {
            log.push(user, item, behavior, time).unwrap();
        }
        let log = log.build().unwrap();
        Inspection::of_log(&log, &weights).unwrap().plots().unwrap()
    }

    /// How many shapes of this color a plot has.
    fn shapes(plot: &Plot, color: &str) -> usize {
        plot.svg.matches(&format!("fill=\"{color}\"")).count()
    }

    #[test]
    fn every_figure_is_drawn() {
        let day = 86_400;
        let start = 18_170 * day;
        let plots = plots(&[
            ("u", "a", "view", start),
            ("u", "a", "purchase", start + 5),
            ("v", "a", "cart", start + day),
            ("v", "b", "view", start + 3 * day),
        ]);
        let names: Vec<&str> = plots.iter().map(|plot| plot.name).collect();
        assert_eq!(
            names,
            ["events-per-day", "events-per-user-and-item", "conversion"]
        );
        for plot in &plots {
            assert!(plot.svg.starts_with("<svg") && plot.svg.trim_end().ends_with("</svg>"));
        }
        let [days, bins, conversion] = &plots[..] else {
            panic!("three plots");
        };
        // A bar for each of three days, twice.
        assert_eq!((shapes(days, "#4C78A8"), shapes(days, "#E45756")), (3, 3));
        assert!(days.svg.contains("2019-10-01"));
        // Both users have 2 events; one item has 3 and one has 1.
        assert_eq!((shapes(bins, "#4C78A8"), shapes(bins, "#E45756")), (1, 2));
        assert!(bins.svg.contains("2–3"));
        assert_eq!(shapes(conversion, "#4C78A8"), 2);
        assert!(conversion.svg.contains("view") && conversion.svg.contains("cart"));
    }

    #[test]
    fn logs_of_targets_alone_have_no_conversion() {
        let plots = plots(&[("u", "a", "purchase", 1_569_888_000)]);
        let names: Vec<&str> = plots.iter().map(|plot| plot.name).collect();
        assert_eq!(names, ["events-per-day", "events-per-user-and-item"]);
    }

    #[test]
    fn bins_are_named_by_their_numbers() {
        let names: Vec<String> = (0..5).map(bin_name).collect();
        assert_eq!(names, ["0", "1", "2–3", "4–7", "8–15"]);
    }
}
