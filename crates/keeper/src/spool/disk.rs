//! The few things the spool asks of a folder, so that a test can let each of them fail.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of small files. Every method blocks; names are plain file names.
pub trait Disk: Send + Sync {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A whole file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Makes a file of so many bytes whose room is really there: written, and synced together with its folder.
    fn allocate(&self, name: &str, len: usize) -> io::Result<()>;
    /// Writes from the beginning of a file that is there, and syncs.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Writes zeros over the beginning of a file. Not synced: who finds the old content again recognises it as done.
    fn blank(&self, name: &str, len: usize) -> io::Result<()>;
    /// Gives a file another name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// A real folder, locked for this process.
pub struct Folder {
    path: PathBuf,
    _lock: Arc<File>,
}

impl Folder {
    /// Makes the folder, for its owner only, and locks it.
    ///
    /// # Errors
    /// `ResourceBusy` when another process has it; otherwise what the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
        }
        let lock = File::options().create(true).truncate(false).write(true).open(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => io::ErrorKind::ResourceBusy.into(),
            std::fs::TryLockError::Error(error) => error,
        })?;
        Ok(Self { path: path.to_owned(), _lock: Arc::new(lock) })
    }

    fn private(&self, name: &str, options: &mut OpenOptions) -> io::Result<File> {
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
        options.write(true).open(self.path.join(name))
    }

    /// A name is durable only when its folder is.
    fn sync_folder(&self) -> io::Result<()> {
        if cfg!(unix) { File::open(&self.path)?.sync_all() } else { Ok(()) }
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = vec![];
        for entry in std::fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string());
        }
        // The lock and the node's name lie here as well.
        names.retain(|name| ["slot-", "unread-", "unreadable-"].iter().any(|kind| name.starts_with(kind)));
        names.sort();
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.path.join(name))
    }

    fn allocate(&self, name: &str, len: usize) -> io::Result<()> {
        let mut file = self.private(name, File::options().create_new(true))?;
        let written = file.write_all(&vec![0; len]).and_then(|()| file.sync_all()).and_then(|()| self.sync_folder());
        if written.is_err() {
            // Half a slot is no slot; what cannot be removed either is found too short at the next start.
            let _ = std::fs::remove_file(self.path.join(name));
        }
        written
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.private(name, &mut File::options())?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn blank(&self, name: &str, len: usize) -> io::Result<()> {
        self.private(name, &mut File::options())?.write_all(&vec![0; len])
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))?;
        self.sync_folder()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }
}
