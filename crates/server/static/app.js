// Comfort only: everything works without this file.
const menus = () => document.querySelectorAll('details.menu[open]');
document.addEventListener('click', (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  for (const menu of menus()) { menu.open = false; menu.querySelector('summary').focus(); }
});
// The status column stays true while the page is open: rows are replaced one by one, focus stays where it is.
const table = document.getElementById('profiles');
if (table) {
  setInterval(async () => {
    if (document.hidden || menus().length) return;
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } }).catch(() => null);
    if (!answer || !answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    for (const row of fresh.querySelectorAll('#profiles tr[data-id]')) {
      const old = table.querySelector(`tr[data-id="${row.dataset.id}"]`);
      if (old && old.children[1].innerHTML !== row.children[1].innerHTML) old.children[1].innerHTML = row.children[1].innerHTML;
    }
  }, 5000);
}
