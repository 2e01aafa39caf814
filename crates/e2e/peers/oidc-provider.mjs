// A certified authorization server (npm oidc-provider) on loopback, set up to be hard on clients: PKCE required, single-use
// refresh tokens whose replay ends the grant, short lives, strict redirect addresses. The client authenticates by client_secret_basic;
// with CLIENT_JWKS, the address of its public keys, by private_key_jwt alone, and has to push its requests (RFC 9126).
// First line on stdout once up: JSON {ready, issuer, pid}.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
const home = createRequire(`${process.env.PEER_HOME}/package.json`);
const { Provider, default: Default } = await import(pathToFileURL(home.resolve('oidc-provider')).href);
const port = Number(process.env.OP_PORT), issuer = `http://127.0.0.1:${port}`;
const byKey = process.env.CLIENT_JWKS, client = byKey
  ? { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks_uri: byKey, require_pushed_authorization_requests: true }
  : { token_endpoint_auth_method: 'client_secret_basic', client_secret: 'a secret/+:%' };
const provider = new (Provider ?? Default)(issuer, {
  clients: [{
    client_id: 'staygreen', ...client,
    redirect_uris: [process.env.REDIRECT], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    scope: 'openid offline_access profile',
  }],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'] },
  findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id, name: `Name of ${id}`, preferred_username: id }) }),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  ttl: { AccessToken: Number(process.env.AT_TTL ?? 20), RefreshToken: 3600, AuthorizationCode: 60, Grant: 3600, Interaction: 600, Session: 3600, IdToken: 300 },
  features: { devInteractions: { enabled: true }, revocation: { enabled: true }, introspection: { enabled: true }, userinfo: { enabled: true }, pushedAuthorizationRequests: { enabled: true } },
  cookies: { keys: ['peer-only'] },
});
const server = provider.listen(port, '127.0.0.1', () => console.log(JSON.stringify({ ready: true, issuer, pid: process.pid })));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => server.close(() => process.exit(0)));
