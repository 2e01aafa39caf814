// Comfort only: everything works without this file.
const menus = () => document.querySelectorAll('details.menu[open]');
document.addEventListener('click', (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  for (const menu of menus()) { menu.open = false; menu.querySelector('summary').focus(); }
});
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
