//! Unsupported formats, recognized by their first bytes.

/// The number of first bytes to look at.
pub(super) const HEAD: u64 = 512;

/// What a file is, and what to do about it.
type Format = (&'static str, &'static str);

const TO_UTF8: [Format; 2] = [
    ("UTF-16", "convert it with `iconv -f UTF-16 -t UTF-8`"),
    ("UTF-32", "convert it with `iconv -f UTF-32 -t UTF-8`"),
];

/// The first bytes of each format, longer ones before their own prefixes.
const FORMATS: [(&[u8], Format); 17] = [
    (
        b"PK\x03\x04",
        (
            "zip",
            "unpack it with `unzip`, or save a spreadsheet as CSV",
        ),
    ),
    (b"PK\x05\x06", ("zip", "it has no files; pack it again")),
    (b"BZh", (BZIP2, "unpack it with `bunzip2`")),
    (b"\xfd7zXZ\0", ("xz", "unpack it with `unxz`")),
    (b"\x5d\0\0", ("lzma", "unpack it with `unlzma`")),
    (b"7z\xbc\xaf\x27\x1c", ("7z", "unpack it with `7z x`")),
    (b"\x04\x22\x4d\x18", ("lz4", "unpack it with `unlz4`")),
    (b"\x1f\x9d", ("compress", "unpack it with `uncompress`")),
    (
        b"\xff\x06\0\0sNaPpY",
        ("Snappy", "compress it with gzip or zstd"),
    ),
    (b"\xff\xfe\0\0", TO_UTF8[1]),
    (b"\0\0\xfe\xff", TO_UTF8[1]),
    (b"\xff\xfe", TO_UTF8[0]),
    (b"\xfe\xff", TO_UTF8[0]),
    (b"Obj\x01", ("Avro", "convert it to Parquet or CSV")),
    (b"ARROW1\0\0", ("Arrow", "convert it to Parquet or CSV")),
    (b"SQLite format 3\0", ("SQLite", "export the table as CSV")),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        ("Excel", "save it as CSV"),
    ),
];

const BZIP2: &str = "bzip2";

/// The bytes after `BZh` and a digit in a bzip2 file, with or without content.
const BZIP2_BLOCKS: [&[u8]; 2] = [b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"];

/// Prefixes that the content of a compressed file must not have.
const WITHIN: [(&[u8], Format); 3] = [
    (
        b"\x1f\x8b",
        ("doubly compressed", "decompress it once with `gunzip`"),
    ),
    (
        b"\x28\xb5\x2f\xfd",
        ("doubly compressed", "decompress it once with `unzstd`"),
    ),
    (
        b"PAR1",
        (
            "compressed Parquet",
            "decompress it; Parquet files are compressed inside",
        ),
    ),
];

/// The unsupported format that a file starts with, if any.
pub(super) fn foreign(head: &[u8]) -> Option<Format> {
    let is_bzip2 = || {
        let blocks = head.get(4..10);
        blocks.is_some_and(|blocks| BZIP2_BLOCKS.contains(&blocks))
    };
    let mut formats = FORMATS.iter().filter(|(first, _)| head.starts_with(first));
    let found = formats.find(|(_, (format, _))| *format != BZIP2 || is_bzip2());
    let found = found.map(|(_, format)| *format);
    // A header may start with these letters.
    let is_orc =
        head.starts_with(b"ORC") && head.get(3).is_some_and(|&b| !(b' '..0x7f).contains(&b));
    let is_tar = head.get(257..262) == Some(b"ustar");
    found
        .or_else(|| is_orc.then_some(("ORC", "convert it to Parquet or CSV")))
        .or_else(|| is_tar.then_some(("tar", "unpack it with `tar -x`")))
}

/// The unsupported format that the content of a compressed file starts with, if any.
pub(super) fn foreign_within(head: &[u8]) -> Option<Format> {
    let found = WITHIN.iter().find(|(first, _)| head.starts_with(first));
    found.map(|(_, format)| *format).or_else(|| foreign(head))
}
