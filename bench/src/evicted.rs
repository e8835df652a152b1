//! A binary that is not in the page cache, as on a machine that has never run it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

/// A copy of a binary that no other process runs: pages in use are not evicted.
pub fn copy(file: &Path, folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let copy = folder.join(format!("evicted-{name}"));
    fs::copy(file, &copy)?;
    // Unwritten pages are not evicted either.
    File::open(&copy)?.sync_all()?;
    Ok(copy)
}

/// Asks the kernel to drop the pages of the file.
pub fn evict(file: &Path) -> anyhow::Result<()> {
    Ok(posix_fadvise(&File::open(file)?, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?)
}
