//! The first admin of a new installation.

use store::{StoreError, first_admin};

use crate::Server;
use crate::time::fresh_secret;

impl Server {
    /// The address of the first admin's one-time link, while there is no company admin: the same from every server on the database.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn setup_link(&self) -> Result<Option<String>, StoreError> {
        let mut tx = self.app.store.write().await?;
        let secret = first_admin::secret(&mut tx, self.app.store.keys(), &fresh_secret(&*self.app.dice, "")).await?;
        tx.commit().await?;
        Ok(secret.map(|secret| format!("{}/setup/{}", self.app.public_url, secret.expose())))
    }
}
