// Comfort only: everything works without this file.
const menus = () => document.querySelectorAll('details.menu[open]');
document.addEventListener('click', (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  for (const menu of menus()) { menu.open = false; menu.querySelector('summary').focus(); }
});
// A pressed button says that it works, and works once. Nothing moves: the words that come when it takes long lie above the page.
const words = document.getElementById('busy');
const SLOW_MS = 700;
// A form whose answer is no page (or that never comes) is not held for ever.
const HELD_MS = 30000;
let held = null;
const release = () => {
  if (!held) return;
  clearTimeout(held.slow);
  clearTimeout(held.end);
  held.form.removeAttribute('aria-busy');
  held.button?.removeAttribute('aria-busy');
  words.textContent = '';
  held = null;
};
document.addEventListener('submit', (event) => {
  if (event.defaultPrevented) return;
  if (held?.form === event.target) { event.preventDefault(); return; }
  release();
  const slow = setTimeout(() => { words.textContent = words.dataset.words; }, SLOW_MS);
  held = { form: event.target, button: event.submitter, slow, end: setTimeout(release, HELD_MS) };
  held.form.setAttribute('aria-busy', 'true');
  held.button?.setAttribute('aria-busy', 'true');
});
// Somebody who comes back with the browser's own button finds the page as it was.
addEventListener('pageshow', release);
// What is marked stays true while the page is open: only what changed is replaced, and never what has the focus.
const live = () => document.querySelectorAll('[data-live]');
const refresh = async () => {
  if (document.hidden || menus().length) return;
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } }).catch(() => null);
  if (!answer || !answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const old of live()) {
    const now = fresh.querySelector(`[data-live="${old.dataset.live}"]`);
    if (now && now.innerHTML !== old.innerHTML && !old.contains(document.activeElement)) old.innerHTML = now.innerHTML;
  }
};
if (live().length) {
  let line = null;
  let soon = null;
  // Many events in a row are one reason to look. Hidden pages give their line back: a browser has few of them.
  const heard = () => { soon ??= setTimeout(() => { soon = null; refresh(); }, 300); };
  const listen = () => {
    if (document.hidden) { line?.close(); line = null; return; }
    if (line) return;
    line = new EventSource('/api/v1/events/stream');
    line.onmessage = heard;
    // What happened before the line was open is not told over it.
    line.onopen = heard;
  };
  document.addEventListener('visibilitychange', listen);
  listen();
  // Also without a line, and because times go by.
  setInterval(refresh, 20000);
}
// A page that waits for a network goes on by itself: its answer is 202 until there is something else to see.
const WAIT_MS = 3000;
if (document.querySelector('[data-wait]')) {
  const look = async () => {
    const answer = document.hidden ? null : await fetch(location.href, { headers: { accept: 'text/html' } }).catch(() => null);
    if (answer && answer.status !== 202 && answer.status < 500) location.reload();
    else setTimeout(look, WAIT_MS);
  };
  setTimeout(look, WAIT_MS);
}
// A post is measured by each chosen network while it is written, by the same check as the button.
const writing = document.querySelector('form[data-check]');
if (writing) {
  const value = (name) => writing.elements[name]?.value.trim() || undefined;
  let soon = null;
  let asked = 0;
  const rows = (name) => writing.elements[name].value.split('\n').map((row) => row.trim());
  // Large files are looked at by the button only: they would be sent again at every word.
  const short = (data) => (data.length > 2_700_000 ? 'AA==' : data);
  const encoded = async (chosen) => {
    if (chosen.size > 2_000_000) return { content_type: chosen.type, data: 'AA==' };
    const bytes = new Uint8Array(await chosen.arrayBuffer());
    return { content_type: chosen.type, data: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')) };
  };
  const kept = () => [...writing.querySelectorAll('[name=picture_type]')].map((kind) => ({ content_type: kind.value, data: short(kind.nextElementSibling.value) }));
  const kind = (url) => (/[.](mp4|m4v|mov|webm)([?#]|$)/i.test(url) ? 'video/mp4' : 'image/jpeg');
  const pictures = async () => {
    const files = await Promise.all([...writing.elements.picture.files].map(encoded));
    const sent = files.length ? files : kept();
    const urls = rows('picture_url').filter(Boolean);
    const alts = rows('alt');
    const one = (_, n) => ({ content_type: kind(urls[n] || ''), url: urls[n], alt: alts[n] || undefined, ...sent[n] });
    return Array.from({ length: Math.max(urls.length, sent.length) }, one);
  };
  const measure = async () => {
    soon = null;
    const lines = [...document.querySelectorAll('[data-fit]')];
    const profiles = [...writing.querySelectorAll('input[name=profiles]:checked')].map((box) => box.value);
    for (const line of lines) if (!profiles.includes(line.dataset.fit)) line.textContent = '';
    const mine = ++asked;
    if (!profiles.length) return;
    const body = JSON.stringify({ profiles, text: writing.elements.text.value.trim(), link: value('link'), title: value('title'), media: await pictures() });
    const answer = await fetch('/api/v1/posts/check', { method: 'POST', headers: { 'content-type': 'application/json' }, body }).catch(() => null);
    if (!answer?.ok || mine !== asked) return;
    for (const item of (await answer.json()).items) {
      const line = lines.find((line) => line.dataset.fit === item.profile);
      if (!line) continue;
      const fits = line.dataset.fits.replace('{n}', item.counted).replace('{max}', item.max);
      line.textContent = item.fits ? [fits, item.note].filter(Boolean).join(' ') : item.problem.detail;
      line.classList.toggle('wrong', !item.fits);
    }
  };
  const later = () => { clearTimeout(soon); soon = setTimeout(measure, 500); };
  writing.addEventListener('input', later);
  writing.addEventListener('change', later);
}
