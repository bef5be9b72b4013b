//! From a share of the period's traffic to a second of the five months.

/// The first day of the log.
const DAYS_PER_MONTH: [(i32, u32, u32); 5] = [
    (2019, 10, 31),
    (2019, 11, 30),
    (2019, 12, 31),
    (2020, 1, 31),
    (2020, 2, 29),
];
/// The published rows of each month of the full log.
const MONTH_ROWS: [f64; 5] = [
    4_102_283.0,
    4_635_837.0,
    3_533_286.0,
    4_264_752.0,
    4_156_682.0,
];
/// The length of the period in days.
pub(super) const N_DAYS: u32 = 152;
const DAY: u32 = 86_400;
/// The last second of the period.
pub(super) const LAST_SECOND: u32 = N_DAYS * DAY - 1;
/// Traffic over the day is proportional to exp(k cos(2π (hour − 13) / 24)): k = 1.3 gives the rate
/// at which the real sample's five windows after midnight run, 0.19 of the mean rate.
const DAY_CONTRAST: f64 = 1.3;
const BUSIEST_HOUR: f64 = 13.0;
const KNOTS: usize = 96;

/// Turns shares of traffic into times.
pub(super) struct Calendar {
    month_shares: [f64; 5],
    day_shares: Vec<f64>,
    dates: Vec<String>,
}

impl Calendar {
    pub(super) fn new() -> Self {
        let total: f64 = MONTH_ROWS.iter().sum();
        let rate = |knot: usize| {
            let hour = (knot as f64 + 0.5) * 24.0 / KNOTS as f64;
            let angle = std::f64::consts::TAU * (hour - BUSIEST_HOUR) / 24.0;
            (DAY_CONTRAST * angle.cos()).exp()
        };
        let day_shares = super::distributions::cumulate((0..KNOTS).map(rate));
        let whole = day_shares[KNOTS - 1];
        let dates = DAYS_PER_MONTH.iter().flat_map(|&(year, month, days)| {
            (1..=days).map(move |day| format!("{year}-{month:02}-{day:02}"))
        });
        Self {
            month_shares: MONTH_ROWS.map(|rows| rows / total),
            day_shares: day_shares.iter().map(|s| s / whole).collect(),
            dates: dates.collect(),
        }
    }

    /// The second, from the start of the period, by which `share` (in [0, 1)) of the traffic has come.
    pub(super) fn second(&self, share: f64) -> u32 {
        let mut rest = share;
        let mut first_day = 0.0;
        for (n, (&month, &(_, _, days))) in
            self.month_shares.iter().zip(&DAYS_PER_MONTH).enumerate()
        {
            if rest < month || n == 4 {
                let day = (rest / month).min(1.0) * f64::from(days);
                let whole = day.floor().min(f64::from(days) - 1.0);
                let second = (first_day + whole) * f64::from(DAY) + self.in_day(day - whole);
                return (second as u32).min(LAST_SECOND);
            }
            rest -= month;
            first_day += f64::from(days);
        }
        LAST_SECOND
    }

    fn in_day(&self, share: f64) -> f64 {
        let knot = self
            .day_shares
            .partition_point(|&s| s <= share)
            .min(KNOTS - 1);
        let before = if knot == 0 {
            0.0
        } else {
            self.day_shares[knot - 1]
        };
        let part = (share - before) / (self.day_shares[knot] - before);
        (knot as f64 + part.clamp(0.0, 1.0)) * f64::from(DAY) / KNOTS as f64
    }

    /// Writes `YYYY-MM-DD HH:MM:SS UTC`.
    pub(super) fn write(&self, second: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(self.dates[(second / DAY) as usize].as_bytes());
        let in_day = second % DAY;
        for (mark, part) in [
            (b' ', in_day / 3600),
            (b':', in_day / 60 % 60),
            (b':', in_day % 60),
        ] {
            out.push(mark);
            out.push(b'0' + (part / 10) as u8);
            out.push(b'0' + (part % 10) as u8);
        }
        out.extend_from_slice(b" UTC");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_run_through_the_five_months_in_order() {
        let calendar = Calendar::new();
        assert_eq!(calendar.dates.len(), N_DAYS as usize);
        assert_eq!(calendar.second(0.0), 0);
        assert!(calendar.second(1.0 - 1e-12) <= LAST_SECOND);
        assert!(calendar.second(1.0 - 1e-12) > LAST_SECOND - 3600);
        let times: Vec<u32> = (0..10_000)
            .map(|n| calendar.second(f64::from(n) / 1e4))
            .collect();
        assert!(times.is_sorted());
        // October has 19.8 of 100 rows: day 31 begins there.
        let october = 4_102_283.0 / 20_692_840.0;
        assert!(calendar.second(october + 1e-9).abs_diff(31 * DAY) < 60);
    }

    #[test]
    fn midnight_is_quiet() {
        let calendar = Calendar::new();
        let in_first_hour = calendar.day_shares[3];
        assert!(
            (in_first_hour * 24.0 - 0.19).abs() < 0.02,
            "{in_first_hour}"
        );
    }

    #[test]
    fn times_are_written_as_the_log_writes_them() {
        let mut out = Vec::new();
        Calendar::new().write(LAST_SECOND, &mut out);
        assert_eq!(out, b"2020-02-29 23:59:59 UTC");
    }
}
