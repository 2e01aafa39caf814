//! The first admin of a new installation.

use lifecycle::secret::Secret;
use store::StoreError;

use crate::Server;
use crate::time::fresh_secret;

impl Server {
    /// The address of the first admin's one-time link, when nobody can sign in yet.
    pub async fn setup_link(&self) -> Result<Option<String>, StoreError> {
        let mut tx = self.app.store.write().await?;
        if tx.one("SELECT id FROM users LIMIT 1", &[]).await?.is_some() {
            return Ok(None);
        }
        let secret: Secret = fresh_secret(&*self.app.dice, "");
        let sql = "INSERT INTO installation (name, value) VALUES ('setup_secret_hash', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        tx.run(sql, &[store::seal::hash(&secret).into()]).await?;
        tx.commit().await?;
        Ok(Some(format!("{}/setup/{}", self.app.public_url, secret.expose())))
    }
}
