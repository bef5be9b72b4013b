//! The values of a column as the text that a CSV file would have.

use super::calendar::{write_day, write_time};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, BinaryViewType, ByteArrayType, ByteViewType, Date32Type, Date64Type,
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Float16Type,
    Float32Type, Float64Type, GenericBinaryType, GenericStringType, Int8Type, Int16Type, Int32Type,
    Int64Type, StringViewType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_schema::{DataType, TimeUnit};
use std::fmt::Display;
use std::io::Write;

/// What a column is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The event's time.
    Time,
    Price,
    /// An id or a behavior.
    Label,
    /// A text that may be unknown, such as a brand.
    Detail,
    /// Nothing but the comparison of rows.
    Compared,
}

impl Role {
    /// The role of the column that the format's `option` names.
    pub(super) fn of(option: &str) -> Self {
        match option {
            "event_time" => Self::Time,
            "price" => Self::Price,
            "user_session" => Self::Compared,
            "category_id" | "category_code" | "brand" => Self::Detail,
            _ => Self::Label,
        }
    }

    /// Whether a CSV file could have values of that kind in the column.
    fn takes(self, kind: Kind) -> bool {
        match kind {
            Kind::Text | Kind::Whole => true,
            // pandas writes a column of texts that are all missing as numbers.
            Kind::Real => self != Self::Label,
            Kind::Instant(_) => matches!(self, Self::Time | Self::Compared),
            Kind::Truth => self == Self::Compared,
            Kind::Nothing => matches!(self, Self::Price | Self::Detail | Self::Compared),
        }
    }

    /// The types that it can have.
    pub(super) fn needed(self) -> &'static str {
        match self {
            Self::Time => "a timestamp, a date, a string or a number",
            Self::Price | Self::Detail => "a number or a string",
            Self::Label | Self::Compared => "a string or an integer",
        }
    }
}

/// Seconds since 1970 of a row's time, rounded down.
pub(super) type Seconds = fn(&dyn Array, usize) -> i64;

/// What the values of a column are.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Whole,
    Real,
    Instant(Seconds),
    Truth,
    /// All are null.
    Nothing,
}

/// How the values of a column are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    kind: Kind,
    /// Adds the text of a row that is not null.
    pub(super) write: fn(&dyn Array, usize, &mut Vec<u8>),
}

impl Cell {
    /// How values of a type are read; `None` if they cannot be used for `role`. Dictionaries are those of their
    /// values, which [`unpack`](super::unpack) yields.
    pub(super) fn new(data_type: &DataType, role: Role) -> Option<Self> {
        let cell = cell(data_type)?;
        role.takes(cell.kind).then_some(cell)
    }

    /// Whether a text may contain any character.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text)
    }

    pub(super) fn seconds(&self) -> Option<Seconds> {
        match self.kind {
            Kind::Instant(seconds) => Some(seconds),
            _ => None,
        }
    }
}

fn cell(data_type: &DataType) -> Option<Cell> {
    let of = |kind, write| Some(Cell { kind, write });
    match data_type {
        DataType::Utf8 => of(Kind::Text, text::<GenericStringType<i32>>),
        DataType::LargeUtf8 => of(Kind::Text, text::<GenericStringType<i64>>),
        DataType::Utf8View => of(Kind::Text, view::<StringViewType>),
        // Hive and Impala wrote strings so.
        DataType::Binary => of(Kind::Text, text::<GenericBinaryType<i32>>),
        DataType::LargeBinary => of(Kind::Text, text::<GenericBinaryType<i64>>),
        DataType::BinaryView => of(Kind::Text, view::<BinaryViewType>),
        DataType::Int8 => of(Kind::Whole, whole::<Int8Type>),
        DataType::Int16 => of(Kind::Whole, whole::<Int16Type>),
        DataType::Int32 => of(Kind::Whole, whole::<Int32Type>),
        DataType::Int64 => of(Kind::Whole, whole::<Int64Type>),
        DataType::UInt8 => of(Kind::Whole, whole::<UInt8Type>),
        DataType::UInt16 => of(Kind::Whole, whole::<UInt16Type>),
        DataType::UInt32 => of(Kind::Whole, whole::<UInt32Type>),
        DataType::UInt64 => of(Kind::Whole, whole::<UInt64Type>),
        DataType::Float16 => of(Kind::Real, real::<Float16Type>),
        DataType::Float32 => of(Kind::Real, real::<Float32Type>),
        DataType::Float64 => of(Kind::Real, real::<Float64Type>),
        DataType::Decimal32(_, scale) => of(digits(*scale), decimal::<Decimal32Type>),
        DataType::Decimal64(_, scale) => of(digits(*scale), decimal::<Decimal64Type>),
        DataType::Decimal128(_, scale) => of(digits(*scale), decimal::<Decimal128Type>),
        DataType::Decimal256(_, scale) => of(digits(*scale), decimal::<Decimal256Type>),
        DataType::Null => of(Kind::Nothing, |_, _, _| {}),
        DataType::Boolean => of(Kind::Truth, truth),
        DataType::Date32 => of(Kind::Instant(day_seconds), day),
        DataType::Date64 => Some(instant::<Date64Type, 1_000>()),
        DataType::Timestamp(TimeUnit::Second, _) => Some(instant::<TimestampSecondType, 1>()),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Some(instant::<TimestampMillisecondType, 1_000>())
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(instant::<TimestampMicrosecondType, 1_000_000>())
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Some(instant::<TimestampNanosecondType, 1_000_000_000>())
        }
        DataType::Dictionary(_, values) => cell(values),
        _ => None,
    }
}

/// What decimal numbers of that scale are.
fn digits(scale: i8) -> Kind {
    match scale {
        0 => Kind::Whole,
        _ => Kind::Real,
    }
}

fn text<T: ByteArrayType>(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    let value: &[u8] = array.as_bytes::<T>().value(row).as_ref();
    out.extend_from_slice(value);
}

fn view<T: ByteViewType>(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    let value: &[u8] = array.as_byte_view::<T>().value(row).as_ref();
    out.extend_from_slice(value);
}

fn whole<T: ArrowPrimitiveType<Native: itoa::Integer>>(
    array: &dyn Array,
    row: usize,
    out: &mut Vec<u8>,
) {
    let value = array.as_primitive::<T>().value(row);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn real<T: ArrowPrimitiveType<Native: Display>>(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    display(array.as_primitive::<T>().value(row), out);
}

fn decimal<T: DecimalType>(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    display(array.as_primitive::<T>().value_as_string(row), out);
}

fn truth(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    display(array.as_boolean().value(row), out);
}

fn display(value: impl Display, out: &mut Vec<u8>) {
    // A vector takes everything.
    drop(write!(out, "{value}"));
}

fn day(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    write_day(
        i64::from(array.as_primitive::<Date32Type>().value(row)),
        out,
    );
}

fn day_seconds(array: &dyn Array, row: usize) -> i64 {
    i64::from(array.as_primitive::<Date32Type>().value(row)) * 86_400
}

/// Times that count from 1970 in a unit of which `PER_SECOND` make a second. Where they have a zone, they are in
/// UTC all the same; where they have none, they are taken as UTC, as those of a CSV file are.
fn instant<T: ArrowPrimitiveType<Native = i64>, const PER_SECOND: i64>() -> Cell {
    Cell {
        kind: Kind::Instant(|array, row| {
            let value = array.as_primitive::<T>().value(row);
            value.div_euclid(PER_SECOND)
        }),
        write: |array, row, out| {
            let value = array.as_primitive::<T>().value(row);
            let nanoseconds = value.rem_euclid(PER_SECOND) * (1_000_000_000 / PER_SECOND);
            write_time(value.div_euclid(PER_SECOND), nanoseconds, out);
        },
    }
}
