// A tour of the API with Node's own fetch. STAYGREEN_URL and STAYGREEN_API_KEY say where, and as whom.
// The types are for editors and TypeScript (checkJs); nothing has to be compiled.
// @ts-check
import { randomUUID } from 'node:crypto';

const api = `${process.env.STAYGREEN_URL?.replace(/\/$/, '')}/api/v1`;

/** What the server refused, as it said it (RFC 9457): a stable code, words, and the field that is wrong. */
class Problem extends Error {
  /** @param {{detail: string, code: string, field?: string}} document */
  constructor(document) {
    super(document.detail);
    this.code = document.code;
    this.field = document.field;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{query?: Record<string, string>, body?: unknown, key?: string}} [more]
 * @returns {Promise<any>}
 */
async function ask(method, path, { query, body, key } = {}) {
  const headers = { authorization: `Bearer ${process.env.STAYGREEN_API_KEY}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (key) headers['idempotency-key'] = key;
  const url = api + path + (query ? `?${new URLSearchParams(query)}` : '');
  // A redirect would carry the key to where nobody meant it to go.
  const answer = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), redirect: 'error' });
  const said = await answer.json();
  if (!answer.ok) throw new Problem(said);
  return said;
}

/** Every profile that fits, page after page. @param {Record<string, string>} filters */
async function* profiles(filters) {
  for (let cursor; cursor !== null; ) {
    const page = await ask('GET', '/profiles', { query: { limit: '50', ...filters, ...(cursor ? { cursor } : {}) } });
    yield* page.items;
    cursor = page.next_cursor;
  }
}

const network = process.argv[2] ?? 'linkedin';
const first = await profiles({ network, status: 'connected' }).next();
const profile = first.value.id;
const checked = await ask('POST', `/profiles/${profile}/check`);

// The key names the act: a retry with the same key is the same post.
const key = randomUUID();
const post = await ask('POST', `/profiles/${profile}/posts`, { body: { text: 'Hello from JavaScript' }, key });
const again = await ask('POST', `/profiles/${profile}/posts`, { body: { text: 'Hello from JavaScript' }, key });
if (post.id !== again.id) throw new Error('posted twice');

const comments = `/profiles/${profile}/posts/${encodeURIComponent(post.id)}/comments`;
const comment = await ask('POST', comments, { body: { text: 'And a comment' }, key: randomUUID() });
const said = await ask('GET', comments);

// A token is a secret: it goes on to where it is needed, and nowhere else.
const token = await ask('GET', `/profiles/${profile}/access-token`, { query: { min_ttl: '600' } });

const refused = await ask('GET', '/profiles', { query: { limit: '0' } }).catch((problem) => problem.code);

console.log(JSON.stringify({
  profile, status: checked.status, post: post.id, comment: comment.id, text: said.items[0].text, token_type: token.token_type, refused,
}));
