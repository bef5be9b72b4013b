//! Opens the tables of a log's files, one after the other.

use crate::error::shown_path;
use crate::log::form::FileForm;
use crate::log::input::Input;
use crate::log::instacart::{self, Joined};
use crate::log::messages;
use crate::log::table::Table;
use crate::log::wanted::Wanted;
use crate::{DataError, ReadConfig};
use lightgcn_core::{InputFile, StageReport};
use std::path::{Path, PathBuf};

/// Opens a log's files in their order.
pub(crate) struct Tables<'a> {
    config: &'a ReadConfig,
    wanted: &'a Wanted<'a>,
    files: std::vec::IntoIter<Input>,
    /// Whether the latest file was found in a folder or by a pattern, so it may be empty.
    pub(crate) is_found: bool,
    /// Those that had to be opened together.
    opened: std::vec::IntoIter<Table>,
    /// Files already read, since they only describe the rows of others.
    pub(crate) inputs: Vec<InputFile>,
    /// What was kept and dropped of those files.
    pub(crate) stages: Vec<StageReport>,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(
        mut files: Vec<Input>,
        config: &'a ReadConfig,
        wanted: &'a Wanted<'a>,
    ) -> Result<Self, DataError> {
        let (mut opened, mut inputs, mut stages) = (Vec::new(), Vec::new(), Vec::new());
        if config.format.form == FileForm::Instacart {
            let paths: Vec<PathBuf> = files.into_iter().map(|file| file.path).collect();
            let joined = instacart::join(&paths, config)?;
            let Joined { tables, report, .. } = joined;
            (files, opened, inputs) = (Vec::new(), tables, joined.inputs);
            messages::info(&report);
            stages.push(report);
        }
        Ok(Self {
            config,
            wanted,
            is_found: false,
            files: files.into_iter(),
            opened: opened.into_iter(),
            inputs,
            stages,
        })
    }

    /// Opens the next file. Skips empty files unless they were named explicitly; parallel writers
    /// leave them.
    pub(crate) fn next(&mut self) -> Result<Option<Table>, DataError> {
        if let Some(table) = self.opened.next() {
            return Ok(Some(table));
        }
        for file in self.files.by_ref() {
            self.is_found = file.is_found;
            let table = open_unless_empty(&file.path, file.is_found, self.config, self.wanted)?;
            if table.is_some() {
                return Ok(table);
            }
        }
        Ok(None)
    }
}

/// Opens a file; `None`, with a warning, if it is empty and was found in a folder or by a pattern.
pub(crate) fn open_unless_empty(
    path: &Path,
    is_found: bool,
    config: &ReadConfig,
    wanted: &Wanted<'_>,
) -> Result<Option<Table>, DataError> {
    match Table::open(path, &config.format, wanted) {
        Err(DataError::EmptyFile { path }) if is_found => {
            messages::warn(format_args!("{} is empty", shown_path(&path)));
            Ok(None)
        }
        table => table.map(Some),
    }
}
