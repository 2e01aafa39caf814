-- Whose tokens are to be revoked, as the network names them: some networks end everything that came with the same login, which
-- must wait while another of its access tokens is held here.
ALTER TABLE revocations ADD COLUMN person_network_id TEXT;

-- What our client was registered with at an instance: another redirect address or other scopes want another registration.
ALTER TABLE network_apps ADD COLUMN redirect_uri TEXT;
ALTER TABLE network_apps ADD COLUMN scopes TEXT;
