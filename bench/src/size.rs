//! The size of a deployment: the binary as `bootstrap` in a ZIP file, with the strongest Deflate.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::announce;
use crate::arguments::Part;
use crate::binaries::Binaries;
use crate::rows::Row;
use crate::subjects::Subject;

pub fn rows(binaries: &Binaries, subjects: &[Subject]) -> anyhow::Result<Vec<Row>> {
    announce("Zipping.");
    // Several subjects have one binary.
    let names: BTreeSet<_> = subjects.iter().map(|subject| subject.binary).collect();
    let rows = names.into_iter().map(|name| {
        let megabytes = zipped_bytes(&binaries.file(name)?)? as f64 / 1e6;
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
