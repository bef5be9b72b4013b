//! The log's lines.

use super::calendar::Calendar;
use super::catalogue::Catalogue;
use super::config::ValidShopConfig;
use super::{BEHAVIORS, epoch, user};
use lightgcn_core::random::Random;
use std::io::Write;

pub(super) const HEADER: &[u8] =
    b"event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n";

/// One row before it is written. Rows compare by time and then by the order they were made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    /// Seconds from the start of the period.
    pub(super) second: u32,
    pub(super) sequence: u64,
    pub(super) user: u32,
    /// Which of the user's sessions, from 0.
    pub(super) session: u32,
    pub(super) item: u32,
    pub(super) behavior: u8,
}

/// Writes rows as lines. No field the generator makes needs quoting.
pub(super) struct Lines<'a> {
    pub(super) config: &'a ValidShopConfig,
    pub(super) catalogue: &'a Catalogue,
    pub(super) calendar: &'a Calendar,
    pub(super) random: Random,
}

impl Lines<'_> {
    pub(super) fn write(&self, row: &Row, out: &mut Vec<u8>) -> std::io::Result<()> {
        self.calendar.write(row.second, out);
        out.push(b',');
        out.extend_from_slice(BEHAVIORS[usize::from(row.behavior)].as_bytes());
        out.push(b',');
        out.extend_from_slice(self.catalogue.fields(row.item));
        let user = user::user_id(self.config, &self.random, row.user);
        write!(out, ",{user},")?;
        self.session_id(row, out);
        out.push(b'\n');
        Ok(())
    }

    /// A UUID of version 4.
    fn session_id(&self, row: &Row, out: &mut Vec<u8>) {
        let position = u64::from(row.user) << 10 | u64::from(row.session);
        let mut draws = self.random.at(epoch::SESSION_IDS, position);
        let mut bytes = [0u8; 16];
        for word in bytes.chunks_exact_mut(4) {
            word.copy_from_slice(&draws.next_u32().to_be_bytes());
        }
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        for (n, byte) in bytes.into_iter().enumerate() {
            if matches!(n, 4 | 6 | 8 | 10) {
                out.push(b'-');
            }
            out.push(b"0123456789abcdef"[usize::from(byte >> 4)]);
            out.push(b"0123456789abcdef"[usize::from(byte & 15)]);
        }
    }
}
