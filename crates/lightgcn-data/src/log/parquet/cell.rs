//! Converts a column's values to the text that a CSV file would have.

use super::calendar::{write_day, write_time};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, BinaryViewType, ByteArrayType, ByteViewType, Date32Type, Date64Type,
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Float16Type,
    Float32Type, Float64Type, GenericBinaryType, GenericStringType, Int8Type, Int16Type, Int32Type,
    Int64Type, StringViewType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, BooleanArray, GenericByteArray, GenericByteViewArray, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};
use std::fmt::Display;
use std::io::Write;

/// What a column is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The event's time.
    Time,
    Price,
    /// An id or a behavior.
    Label,
    /// A text that may be unknown, such as a brand.
    Detail,
    /// Whether an item is in stock, or how many there are.
    Stock,
    /// Used only to compare rows.
    Compared,
}

impl Role {
    /// The role of the column that the format's `option` names.
    pub(super) fn of(option: &str) -> Self {
        match option {
            "event_time" | "expires_at" => Self::Time,
            "price" => Self::Price,
            "user_session" => Self::Compared,
            "category_id" | "category_code" | "brand" | "title" | "image_url" | "page_url" => {
                Self::Detail
            }
            "in_stock" | "stock" => Self::Stock,
            _ => Self::Label,
        }
    }

    /// Whether a CSV file could have values of that type in the column.
    fn takes(self, kind: Kind) -> bool {
        match kind {
            Kind::Text | Kind::Whole => true,
            // pandas writes a column of texts that are all missing as numbers.
            Kind::Real => self != Self::Label,
            Kind::Instant => matches!(self, Self::Time | Self::Compared),
            Kind::Truth => matches!(self, Self::Stock | Self::Compared),
            Kind::Nothing => !matches!(self, Self::Time | Self::Label),
        }
    }

    /// The types it can have.
    pub(super) fn needed(self) -> &'static str {
        match self {
            Self::Time => "a timestamp, a date, a string or a number",
            Self::Price | Self::Detail => "a number or a string",
            Self::Stock => "a boolean, a number or a string",
            Self::Label | Self::Compared => "a string or an integer",
        }
    }
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Real,
    Instant,
    Truth,
    /// All are null.
    Nothing,
}

/// How to read a column's values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    kind: Kind,
    open: fn(&dyn Array) -> Box<dyn Values>,
}

/// A column's values in a batch of rows, read one by one; their type is determined once.
pub(super) trait Values {
    /// Appends the text of a row; nothing if it is null.
    fn write(&self, row: usize, out: &mut Vec<u8>);

    /// The row's time in seconds since 1970, rounded down, if the column has times and the row is not null.
    fn seconds(&self, row: usize) -> Option<i64> {
        let _ = row;
        None
    }
}

impl Cell {
    /// How to read values of a type; `None` if they cannot be used for `role`. Dictionaries are
    /// treated as their values, as unpacked by [`unpack`](super::unpack).
    pub(super) fn new(data_type: &DataType, role: Role) -> Option<Self> {
        let cell = cell(data_type)?;
        role.takes(cell.kind).then_some(cell)
    }

    /// Whether a text may contain any character.
    pub(super) fn is_text(&self) -> bool {
        self.kind == Kind::Text
    }

    /// Whether values are times, so that they need no parsing.
    pub(super) fn is_instant(&self) -> bool {
        self.kind == Kind::Instant
    }

    /// The values of an array of the type that the cell was made for.
    pub(super) fn values(&self, array: &dyn Array) -> Box<dyn Values> {
        (self.open)(array)
    }
}

fn cell(data_type: &DataType) -> Option<Cell> {
    use Kind::{Instant, Nothing, Real, Text, Truth, Whole};
    let of = |kind, open| Some(Cell { kind, open });
    match data_type {
        DataType::Utf8 => of(Text, text::<GenericStringType<i32>>),
        DataType::LargeUtf8 => of(Text, text::<GenericStringType<i64>>),
        DataType::Utf8View => of(Text, view::<StringViewType>),
        // Hive and Impala wrote strings this way.
        DataType::Binary => of(Text, text::<GenericBinaryType<i32>>),
        DataType::LargeBinary => of(Text, text::<GenericBinaryType<i64>>),
        DataType::BinaryView => of(Text, view::<BinaryViewType>),
        DataType::Int8 => of(Whole, whole::<Int8Type>),
        DataType::Int16 => of(Whole, whole::<Int16Type>),
        DataType::Int32 => of(Whole, whole::<Int32Type>),
        DataType::Int64 => of(Whole, whole::<Int64Type>),
        DataType::UInt8 => of(Whole, whole::<UInt8Type>),
        DataType::UInt16 => of(Whole, whole::<UInt16Type>),
        DataType::UInt32 => of(Whole, whole::<UInt32Type>),
        DataType::UInt64 => of(Whole, whole::<UInt64Type>),
        DataType::Float16 => of(Real, |array| primitive::<Float16Type>(array, display)),
        DataType::Float32 => of(Real, |array| primitive::<Float32Type>(array, display)),
        DataType::Float64 => of(Real, |array| primitive::<Float64Type>(array, real)),
        DataType::Decimal32(_, scale) => of(digits(*scale), decimal::<Decimal32Type>),
        DataType::Decimal64(_, scale) => of(digits(*scale), decimal::<Decimal64Type>),
        DataType::Decimal128(_, scale) => of(digits(*scale), decimal::<Decimal128Type>),
        DataType::Decimal256(_, scale) => of(digits(*scale), decimal::<Decimal256Type>),
        DataType::Null => of(Nothing, |_| Box::new(Nulls)),
        DataType::Boolean => of(Truth, |array| Box::new(array.as_boolean().clone())),
        DataType::Date32 => of(Instant, |array| {
            Box::new(Days(array.as_primitive().clone()))
        }),
        DataType::Date64 => of(Instant, instant::<Date64Type, 1_000>),
        DataType::Timestamp(TimeUnit::Second, _) => of(Instant, instant::<TimestampSecondType, 1>),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            of(Instant, instant::<TimestampMillisecondType, 1_000>)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            of(Instant, instant::<TimestampMicrosecondType, 1_000_000>)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            of(Instant, instant::<TimestampNanosecondType, 1_000_000_000>)
        }
        DataType::Dictionary(_, values) => cell(values),
        _ => None,
    }
}

/// How to read decimal numbers of that scale.
fn digits(scale: i8) -> Kind {
    match scale {
        0 => Kind::Whole,
        _ => Kind::Real,
    }
}

fn text<T: ByteArrayType>(array: &dyn Array) -> Box<dyn Values> {
    Box::new(array.as_bytes::<T>().clone())
}

impl<T: ByteArrayType> Values for GenericByteArray<T> {
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_valid(row) {
            let value: &[u8] = self.value(row).as_ref();
            out.extend_from_slice(value);
        }
    }
}

fn view<T: ByteViewType>(array: &dyn Array) -> Box<dyn Values> {
    Box::new(array.as_byte_view::<T>().clone())
}

impl<T: ByteViewType> Values for GenericByteViewArray<T> {
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_valid(row) {
            let value: &[u8] = self.value(row).as_ref();
            out.extend_from_slice(value);
        }
    }
}

/// Numbers, and how to write each one.
struct Numbers<T: ArrowPrimitiveType> {
    array: PrimitiveArray<T>,
    write: fn(T::Native, &mut Vec<u8>),
}

impl<T: ArrowPrimitiveType> Values for Numbers<T> {
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.array.is_valid(row) {
            (self.write)(self.array.value(row), out);
        }
    }
}

fn primitive<T: ArrowPrimitiveType>(
    array: &dyn Array,
    write: fn(T::Native, &mut Vec<u8>),
) -> Box<dyn Values> {
    let array = array.as_primitive::<T>().clone();
    Box::new(Numbers { array, write })
}

fn whole<T: ArrowPrimitiveType<Native: itoa::Integer>>(array: &dyn Array) -> Box<dyn Values> {
    primitive::<T>(array, |value, out| {
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    })
}

/// Writes a number as [`display`] does, but most prices faster: a whole number of hundredths below
/// 10^15 is the only decimal with so few digits that parses to this float, so it is the shortest.
fn real(value: f64, out: &mut Vec<u8>) {
    let hundredths = (value * 100.0).round();
    let is_short = hundredths.abs() < 1e15 && hundredths / 100.0 == value;
    if !is_short || hundredths == 0.0 {
        return display(value, out);
    }
    if value < 0.0 {
        out.push(b'-');
    }
    let hundredths = hundredths.abs() as u64;
    let (whole, rest) = (hundredths / 100, (hundredths % 100) as u8);
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    if rest > 0 {
        out.extend_from_slice(&[b'.', b'0' + rest / 10]);
        if rest % 10 > 0 {
            out.push(b'0' + rest % 10);
        }
    }
}

fn display(value: impl Display, out: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    drop(write!(out, "{value}"));
}

/// Decimal numbers.
struct Decimals<T: DecimalType>(PrimitiveArray<T>);

fn decimal<T: DecimalType>(array: &dyn Array) -> Box<dyn Values> {
    Box::new(Decimals(array.as_primitive::<T>().clone()))
}

impl<T: DecimalType> Values for Decimals<T> {
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.0.is_valid(row) {
            display(self.0.value_as_string(row), out);
        }
    }
}

struct Nulls;

impl Values for Nulls {
    fn write(&self, _: usize, _: &mut Vec<u8>) {}
}

impl Values for BooleanArray {
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_valid(row) {
            display(self.value(row), out);
        }
    }
}

struct Days(PrimitiveArray<Date32Type>);

impl Values for Days {
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.0.is_valid(row) {
            write_day(i64::from(self.0.value(row)), out);
        }
    }

    fn seconds(&self, row: usize) -> Option<i64> {
        let day = self.0.is_valid(row).then(|| self.0.value(row))?;
        Some(i64::from(day) * 86_400)
    }
}

/// Times that count from 1970 in a unit of which `PER_SECOND` make a second. Arrow stores times
/// with a zone in UTC; times without one are taken as UTC, as in CSV files.
struct Instants<T: ArrowPrimitiveType<Native = i64>, const PER_SECOND: i64>(PrimitiveArray<T>);

fn instant<T: ArrowPrimitiveType<Native = i64>, const PER_SECOND: i64>(
    array: &dyn Array,
) -> Box<dyn Values> {
    Box::new(Instants::<T, PER_SECOND>(array.as_primitive().clone()))
}

impl<T: ArrowPrimitiveType<Native = i64>, const PER_SECOND: i64> Values
    for Instants<T, PER_SECOND>
{
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.0.is_valid(row) {
            let value = self.0.value(row);
            let nanoseconds = value.rem_euclid(PER_SECOND) * (1_000_000_000 / PER_SECOND);
            write_time(value.div_euclid(PER_SECOND), nanoseconds, out);
        }
    }

    fn seconds(&self, row: usize) -> Option<i64> {
        let value = self.0.is_valid(row).then(|| self.0.value(row))?;
        Some(value.div_euclid(PER_SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(value: f64) -> [String; 2] {
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        real(value, &mut fast);
        display(value, &mut slow);
        [fast, slow].map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn special_numbers_are_written_as_ever() {
        for value in [
            0.0,
            -0.0,
            0.01,
            -0.01,
            1.0,
            -1.1,
            2.62,
            0.005,
            100.0,
            1e13,
            9_999_999_999_999.99,
            1e15,
            1e21,
            5e-324,
            f64::MAX,
            f64::MIN,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            let [fast, slow] = texts(value);
            assert_eq!(fast, slow);
        }
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_ever(value: f64, hundredths in -2_000_000_000_000_000i64..2_000_000_000_000_000, small in -300_000i32..300_000) {
            for value in [value, hundredths as f64 / 100.0, f64::from(small) / 100.0, f64::from(small) / 1000.0] {
                let [fast, slow] = texts(value);
                prop_assert_eq!(fast, slow);
            }
        }
    }
}
