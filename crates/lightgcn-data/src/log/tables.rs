//! The tables of a log's files, one after the other.

use crate::log::form::FileForm;
use crate::log::instacart::{self, Joined};
use crate::log::table::Table;
use crate::log::wanted::Wanted;
use crate::{DataError, ReadConfig};
use lightgcn_core::{InputFile, StageReport};
use std::path::PathBuf;

/// Opens a log's files in their order.
pub(crate) struct Tables<'a> {
    config: &'a ReadConfig,
    wanted: &'a Wanted<'a>,
    files: std::vec::IntoIter<PathBuf>,
    /// Those that had to be opened together.
    opened: std::vec::IntoIter<Table>,
    /// Files that were read already, since they only say something about the rows of others.
    pub(crate) inputs: Vec<InputFile>,
    /// What was kept and dropped of those files.
    pub(crate) stages: Vec<StageReport>,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(
        mut files: Vec<PathBuf>,
        config: &'a ReadConfig,
        wanted: &'a Wanted<'a>,
    ) -> Result<Self, DataError> {
        let (mut opened, mut inputs, mut stages) = (Vec::new(), Vec::new(), Vec::new());
        if config.format.form == FileForm::Instacart {
            let joined = instacart::join(&files, config)?;
            let Joined { tables, report, .. } = joined;
            (files, opened, inputs) = (Vec::new(), tables, joined.inputs);
            tracing::info!("{report}");
            stages.push(report);
        }
        Ok(Self {
            config,
            wanted,
            files: files.into_iter(),
            opened: opened.into_iter(),
            inputs,
            stages,
        })
    }

    /// Opens the next file.
    pub(crate) fn next(&mut self) -> Result<Option<Table>, DataError> {
        match self.opened.next() {
            Some(table) => Ok(Some(table)),
            None => {
                let file = self.files.next();
                file.map(|file| Table::open(&file, &self.config.format, self.wanted))
                    .transpose()
            }
        }
    }
}
