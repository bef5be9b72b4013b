//! Files of lists: one row per item and user.

use anyhow::{Context, bail};
use lightgcn::recommend::{ListedItem, Recommender};
use parquet::basic::{Compression, Encoding};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, FloatType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// The file format, chosen by the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Parquet,
}

impl Format {
    /// The format of a path.
    pub(crate) fn of(path: &Path) -> anyhow::Result<Self> {
        let end = path.extension().map(|end| end.to_ascii_lowercase());
        match end.as_ref().and_then(|end| end.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            _ => bail!(
                "{} is neither .csv nor .parquet; use one of these extensions",
                path.display()
            ),
        }
    }
}

/// Writes lists block by block, keeping only the current block in memory.
pub(crate) enum Lists {
    Csv(Box<csv::Writer<File>>),
    Parquet(Box<ParquetLists>),
}

impl Lists {
    pub(crate) fn new(file: File, format: Format) -> anyhow::Result<Self> {
        match format {
            Format::Csv => {
                let mut file = csv::Writer::from_writer(file);
                file.write_record(["user", "rank", "item", "score", "source", "familiar"])?;
                Ok(Self::Csv(Box::new(file)))
            }
            Format::Parquet => Ok(Self::Parquet(Box::new(ParquetLists::new(file)?))),
        }
    }

    /// Writes the lists of these users and returns the number of rows.
    pub(crate) fn write(
        &mut self,
        shop: &Recommender,
        users: &[&str],
        lists: &[Vec<ListedItem>],
    ) -> anyhow::Result<u64> {
        match self {
            Self::Csv(file) => {
                for (user, list) in users.iter().zip(lists) {
                    for (listed, rank) in list.iter().zip(1..) {
                        file.write_record([
                            user,
                            rank.to_string().as_str(),
                            shop.item_id(listed.item).unwrap_or_default(),
                            &listed.score.to_string(),
                            listed.source.name(),
                            &listed.familiar.to_string(),
                        ])?;
                    }
                }
            }
            Self::Parquet(file) => file.write(shop, users, lists)?,
        }
        Ok(lists.iter().map(|list| list.len() as u64).sum())
    }

    /// Writes the rest and syncs the file.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let file = match self {
            Self::Csv(file) => file.into_inner().map_err(|error| error.into_error())?,
            Self::Parquet(file) => file.writer.into_inner()?,
        };
        Ok(file.sync_all()?)
    }
}

const SCHEMA: &str = "message lists {
    required binary user (string);
    required int32 rank;
    required binary item (string);
    required float score;
    required binary source (string);
    required boolean familiar;
}";

/// Lists as a Parquet file: one row group per block, dictionaries, Snappy.
pub(crate) struct ParquetLists {
    writer: SerializedFileWriter<File>,
    /// The ids of the items that occurred, by row.
    items: HashMap<u32, ByteArray>,
}

impl ParquetLists {
    fn new(file: File) -> anyhow::Result<Self> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            // Scores rarely repeat.
            .set_column_dictionary_enabled("score".into(), false)
            .set_column_encoding("score".into(), Encoding::PLAIN)
            .set_created_by(format!("lightgcn {}", env!("CARGO_PKG_VERSION")));
        Ok(Self {
            writer: SerializedFileWriter::new(file, schema, Arc::new(properties.build()))?,
            items: HashMap::new(),
        })
    }

    fn write(
        &mut self,
        shop: &Recommender,
        users: &[&str],
        lists: &[Vec<ListedItem>],
    ) -> anyhow::Result<()> {
        let n = lists.iter().map(Vec::len).sum();
        let (mut names, mut items) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let (mut ranks, mut scores) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let (mut sources, mut familiar) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let mut known = HashMap::new();
        for (user, list) in users.iter().zip(lists) {
            let user = ByteArray::from(*user);
            for (listed, rank) in list.iter().zip(1i32..) {
                names.push(user.clone());
                ranks.push(rank);
                let name = || ByteArray::from(shop.item_id(listed.item).unwrap_or_default());
                let item = self.items.entry(listed.item.0).or_insert_with(name);
                items.push(item.clone());
                scores.push(listed.score);
                let name = || ByteArray::from(listed.source.name());
                sources.push(known.entry(listed.source).or_insert_with(name).clone());
                familiar.push(listed.familiar);
            }
        }
        let mut group = self.writer.next_row_group()?;
        column::<ByteArrayType>(&mut group, &names)?;
        column::<Int32Type>(&mut group, &ranks)?;
        column::<ByteArrayType>(&mut group, &items)?;
        column::<FloatType>(&mut group, &scores)?;
        column::<ByteArrayType>(&mut group, &sources)?;
        column::<BoolType>(&mut group, &familiar)?;
        group.close()?;
        Ok(())
    }
}

/// Writes the next column of a row group.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
) -> anyhow::Result<()> {
    let mut column = group
        .next_column()?
        .context("the schema has fewer columns than are written")?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_the_format() {
        let format = |name: &str| Format::of(Path::new(name));
        assert_eq!(format("x/lists.csv").unwrap(), Format::Csv);
        assert_eq!(format("lists.PARQUET").unwrap(), Format::Parquet);
        for name in ["lists", "lists.txt", "lists.parquet.gz"] {
            assert!(format(name).is_err(), "{name}");
        }
    }
}
