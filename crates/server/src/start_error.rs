//! Why a server cannot start.

use store::{OpenError, StoreError};

/// The server cannot start; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("{0} cannot be listened on: {1}. Is another server running? Choose another server.listen, or --port 0 for any free one")]
    Listen(String, std::io::Error),
    /// The data folder cannot be used.
    #[error(
        "the data folder {0} cannot be made or written: {1}. Choose another server.data_dir, or give the folder to the user the server runs as"
    )]
    DataFolder(String, std::io::Error),
    /// Nothing was ever stored there.
    #[error(
        "there is no Staygreen here: {0} does not exist. To ask a server that runs, set STAYGREEN_URL (or --url) and STAYGREEN_API_KEY (or --api-key-file); for an installation on this machine, name its configuration with --config (or set server.data_dir). staygreen serve begins a new one"
    )]
    NothingThere(String),
    /// The spool cannot be used.
    #[error(
        "the folder {0} for renewed tokens cannot be made or written: {1}. Choose another keeper.spool_dir, or give the folder to the user the server runs as"
    )]
    Spool(String, std::io::Error),
    /// Another process uses the spool.
    #[error("another Staygreen already uses {0}. Give each server its own data folder, or its own keeper.spool_dir")]
    SpoolInUse(String),
    /// The key file.
    #[error(transparent)]
    Keys(#[from] store::seal::KeyFileError),
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The storage.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Mail.
    #[error("{0}")]
    Mail(String),
    /// TLS for outgoing requests.
    #[error("outgoing requests cannot be set up: {0}")]
    Client(reqwest::Error),
}
