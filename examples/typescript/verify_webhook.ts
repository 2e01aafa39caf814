// Verifies a delivery (Standard Webhooks). WEBHOOK_SECRET is whsec_…, the three arguments are the headers webhook-id,
// webhook-timestamp and webhook-signature, and standard input is the body as it came. Exit code 0: it is signed by your server.
import { createHmac, timingSafeEqual } from 'node:crypto';

/** What is older may be a copy that somebody sends again. */
const AGE_MAX = 300;

type Headers = { id: string; timestamp: string; signatures: string };

export function isGenuine(secret: string, { id, timestamp, signatures }: Headers, body: Buffer): boolean {
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= AGE_MAX)) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const wanted = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  // For 24 hours after a new secret was made there are two signatures: one that fits is enough.
  return signatures.split(' ').filter((one) => one.startsWith('v1,')).some((one) => {
    const given = Buffer.from(one.slice(3), 'base64');
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}

const parts: Buffer[] = [];
for await (const part of process.stdin) parts.push(part as Buffer);
const [id = '', timestamp = '', signatures = ''] = process.argv.slice(2);
if (!isGenuine(process.env['WEBHOOK_SECRET'] ?? '', { id, timestamp, signatures }, Buffer.concat(parts))) {
  console.error('not signed with this secret, or too old');
  process.exit(1);
}
