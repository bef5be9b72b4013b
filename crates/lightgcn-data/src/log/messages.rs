//! The log lines of reading. They can be held back while it is not known whether a log will be read again.

use std::cell::RefCell;
use std::fmt::Display;

thread_local! {
    static HELD: RefCell<Option<Vec<Line>>> = const { RefCell::new(None) };
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Info(String),
    Warning(String),
}

impl Line {
    /// Holds the line back, or logs it.
    fn add(self) {
        HELD.with_borrow_mut(|held| match held {
            Some(lines) => lines.push(self),
            None => self.log(),
        });
    }

    fn log(self) {
        match self {
            Self::Info(text) => tracing::info!("{text}"),
            Self::Warning(text) => tracing::warn!("{text}"),
        }
    }
}

pub(crate) fn info(text: impl Display) {
    Line::Info(text.to_string()).add();
}

pub(crate) fn warn(text: impl Display) {
    Line::Warning(text.to_string()).add();
}

/// Lines that were held back. They are dropped unless they are released.
#[must_use]
#[derive(Debug)]
pub(crate) struct Held(Vec<Line>);

impl Held {
    pub(crate) fn release(self) {
        self.0.into_iter().for_each(Line::add);
    }
}

/// Calls `read`, and holds back its lines on this thread.
pub(crate) fn hold<T>(read: impl FnOnce() -> T) -> (T, Held) {
    let outer = Restore(HELD.replace(Some(Vec::new())));
    let result = read();
    let lines = HELD.take().unwrap_or_default();
    drop(outer);
    (result, Held(lines))
}

/// Ends holding back, even after a panic.
struct Restore(Option<Vec<Line>>);

impl Drop for Restore {
    fn drop(&mut self) {
        HELD.set(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_held_until_they_are_released() {
        let (inner, outer) = hold(|| {
            warn("first");
            let (n, inner) = hold(|| {
                info("second");
                7
            });
            assert_eq!(
                (n, &inner.0[..]),
                (7, &[Line::Info("second".to_owned())][..])
            );
            inner
        });
        assert_eq!(outer.0, [Line::Warning("first".to_owned())]);
        let ((), all) = hold(|| {
            outer.release();
            inner.release();
        });
        assert_eq!(all.0.len(), 2);
        let panicked = std::panic::catch_unwind(|| hold(|| panic!("as the test wants")).0);
        assert!(panicked.is_err());
        assert!(HELD.take().is_none());
    }
}
