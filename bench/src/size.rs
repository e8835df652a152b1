//! What is uploaded: the binary as `bootstrap` in a ZIP file, compressed as far as Deflate goes.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::announce;
use crate::arguments::Part;
use crate::binaries::Binaries;
use crate::rows::Row;

/// A row a function.
pub fn rows(binaries: &Binaries) -> anyhow::Result<Vec<Row>> {
    announce("Zipping.");
    let rows = binaries.functions().map(|(name, file)| {
        let megabytes = zipped_bytes(file)? as f64 / 1e6;
        Ok(Row::new(Part::Size, name, Some(megabytes), "MB"))
    });
    rows.collect()
}

fn zipped_bytes(file: &Path) -> anyhow::Result<usize> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", options)?;
    zip.write_all(&fs::read(file)?)?;
    Ok(zip.finish()?.into_inner().len())
}
