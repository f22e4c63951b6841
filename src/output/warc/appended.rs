//! The file of an archive, which only grows by whole members.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use tempfile::{SpooledData, SpooledTempFile};

pub(super) struct Appended {
    pub(super) file: File,
    /// Where the members end.
    pub(super) end: u64,
}

impl Appended {
    /// Appends `len` bytes. Returns where they begin.
    ///
    /// # Errors
    ///
    /// They could not be written, and are cut off.
    pub(super) fn append(&mut self, members: SpooledTempFile, len: u64) -> io::Result<u64> {
        let at = self.end;
        let written = self.write(members);
        if let Err(error) = written {
            // If this fails, the next run cuts the torn member off.
            let _ = self.file.set_len(at);
            return Err(error);
        }
        self.end += len;
        Ok(at)
    }

    fn write(&mut self, members: SpooledTempFile) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        match members.into_inner() {
            SpooledData::InMemory(bytes) => self.file.write_all(bytes.get_ref()),
            SpooledData::OnDisk(mut file) => {
                file.rewind()?;
                io::copy(&mut file, &mut self.file).map(drop)
            }
        }
    }
}
