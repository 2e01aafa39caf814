// A tour of the API with Node's own fetch. STAYGREEN_URL and STAYGREEN_API_KEY say where, and as whom.
// Every path, query, body and answer has the type that the API's description gives it: what the server would refuse is not compiled.
import { randomUUID } from 'node:crypto';
import type { components, paths } from './staygreen.js';

type ProblemDocument = components['schemas']['Problem'];
type Sent = { query?: object; path?: object; body?: object; key?: string };
type Method = 'get' | 'post';
/** Paths that answer to a method. */
type PathsOf<M extends Method> = { [P in keyof paths]: paths[P][M] extends { responses: object } ? P : never }[keyof paths];
/** What an operation takes beside its key. */
type Asked<O> = (O extends { parameters: { query?: infer Q } } ? { query?: Q } : object) &
  (O extends { parameters: { path: infer P } } ? { path: P } : object) &
  (O extends { requestBody: { content: { 'application/json': infer B } } } ? { body: B } : object) & { key?: string };
/** What it answers when it was done, or waits. */
type Answer<O> = O extends { responses: infer R }
  ? { [S in keyof R & (200 | 201 | 202)]: R[S] extends { content: { 'application/json': infer A } } ? A : never }[keyof R & (200 | 201 | 202)]
  : never;

/** What the server refused, as it said it (RFC 9457): a stable code, words, and the field that is wrong. */
class Problem extends Error {
  readonly code: string;
  readonly field: string | undefined;
  constructor(document: ProblemDocument) {
    super(document.detail);
    this.code = document.code;
    this.field = document.field;
  }
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const server = setting('STAYGREEN_URL').replace(/\/$/, '');

async function ask<M extends Method, P extends PathsOf<M>>(method: M, path: P, asked: Asked<paths[P][M]>): Promise<Answer<paths[P][M]>> {
  const { query, path: parts, body, key }: Sent = asked;
  const headers: Record<string, string> = { authorization: `Bearer ${setting('STAYGREEN_API_KEY')}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (key !== undefined) headers['idempotency-key'] = key;
  const named = Object.entries(parts ?? {}).reduce<string>((to, [name, value]) => to.replace(`{${name}}`, encodeURIComponent(value)), path);
  const search = new URLSearchParams(Object.entries(query ?? {}).map(([name, value]) => [name, String(value)]));
  // A redirect would carry the key to where nobody meant it to go.
  const answer = await fetch(`${server}${named}?${search}`, {
    method: method.toUpperCase(), headers, redirect: 'error', ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const said: unknown = await answer.json();
  if (!answer.ok) throw new Problem(said as ProblemDocument);
  return said as Answer<paths[P][M]>;
}

type Filters = Omit<NonNullable<paths['/api/v1/profiles']['get']['parameters']['query']>, 'cursor'>;

/** Every profile that fits, page after page. */
async function* profiles(filters: Filters): AsyncGenerator<components['schemas']['Profile'], void> {
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await ask('get', '/api/v1/profiles', { query: { limit: 50, ...filters, ...(cursor ? { cursor } : {}) } });
    yield* page.items;
    cursor = page.next_cursor;
  }
}

/** What was said, where it was sent and does not wait for a login or an approval. */
function sent(said: components['schemas']['Posted'] | components['schemas']['Waits']): components['schemas']['Posted'] {
  if (!('id' in said)) throw new Error(`it waits: ${said.result}`);
  return said;
}

/** Ends the tour in words. */
function end(why: unknown): never {
  console.error(why instanceof Error ? why.message : why);
  process.exit(1);
}

const network = process.argv[2] ?? 'linkedin';
const first = await profiles({ network, status: 'connected' }).next().catch(end);
if (first.done) end(`no profile of ${network} is connected`);
const path = { id: first.value.id };
const checked = await ask('post', '/api/v1/profiles/{id}/check', { path }).catch(end);

// The key names the act: a retry with the same key is the same post.
const key = randomUUID();
const hello = { path, body: { text: 'Hello from TypeScript' }, key };
const post = sent(await ask('post', '/api/v1/profiles/{id}/posts', hello).catch(end));
const again = sent(await ask('post', '/api/v1/profiles/{id}/posts', hello));
if (post.id !== again.id) throw new Error('posted twice');

const under = { ...path, post: post.id };
const reply = { path: under, body: { text: 'And a comment' }, key: randomUUID() };
// Not every network allows what comes now: what is refused is said in words.
const told = (problem: unknown): undefined => void console.error((problem as Problem).message);
const comment = await ask('post', '/api/v1/profiles/{id}/posts/{post}/comments', reply).then(sent).catch(told);
const comments = await ask('get', '/api/v1/profiles/{id}/posts/{post}/comments', { path: under }).catch(told);

// A token is a secret: it goes on to where it is needed, and nowhere else.
const token = await ask('get', '/api/v1/profiles/{id}/access-token', { path, query: { min_ttl: 600 } }).catch(told);

const refused = await ask('get', '/api/v1/profiles', { query: { limit: 0 } }).catch((problem: unknown) => (problem as Problem).code);

console.log(JSON.stringify({
  profile: path.id, status: checked.status, post: post.id, comment: comment?.id, text: comments?.items[0]?.text, token_type: token?.token_type, refused,
}));
