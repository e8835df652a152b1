//! A binary that is not in the page cache, as on a machine that has never run it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

/// A copy of a binary that no other process runs: pages in use are not evicted.
#[derive(Debug)]
pub struct Evictable(PathBuf);

impl Evictable {
    pub fn copy_of(file: &Path, folder: &Path, name: &str) -> anyhow::Result<Self> {
        let copy = folder.join(format!("evicted-{name}"));
        fs::copy(file, &copy)?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
        // Unwritten pages are not evicted either.
        File::open(&copy)?.sync_all()?;
        Ok(Self(copy))
    }

    pub fn file(&self) -> &Path {
        &self.0
    }

    /// Asks the kernel to drop the pages of the file.
    pub fn evict(&self) -> anyhow::Result<()> {
        let file = File::open(&self.0)?;
        Ok(posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?)
    }
}

impl Drop for Evictable {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}
