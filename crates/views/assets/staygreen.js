// Comfort only: every page works without it.

// Menus: one open at a time; Escape and a click elsewhere close them.
const open = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!(menu instanceof HTMLDetailsElement) || !menu.matches(".menu") || !menu.open) return;
  for (const other of open()) if (other !== menu) other.open = false;
}, true);

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    const held = menu.contains(document.activeElement);
    menu.open = false;
    if (held) menu.querySelector("summary").focus();
  }
});

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

// A filter is applied as soon as it is chosen; typing waits for the button or Enter.
document.addEventListener("change", (event) => {
  if (event.target instanceof HTMLSelectElement && event.target.form?.matches("[data-auto]")) event.target.form.requestSubmit(event.target.form.querySelector("[type=submit]"));
});

// A click into a read-only field that holds a link or key selects all of it.
document.addEventListener("focusin", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.matches("[data-select]")) event.target.select();
});

// Live parts: the same page is fetched again and parts that changed are replaced. A part that holds the focus or an
// open menu is left alone until the next round.
const EVERY_MS = 10_000;
const parts = () => document.querySelectorAll("[data-live]");

function say(news) {
  const voice = document.getElementById("live-news");
  if (voice && news.length) voice.textContent = news.join(" ");
}

async function look() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error", cache: "no-store" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const news = [];
  for (const part of parts()) {
    const next = fresh.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
    if (!next || part.innerHTML === next.innerHTML) continue;
    if (part.contains(document.activeElement) || part.querySelector("details[open]")) continue;
    if (part.dataset.status !== next.dataset.status) {
      if (next.dataset.news) news.push(next.dataset.news);
    }
    part.replaceWith(document.importNode(next, true));
  }
  say(news);
}

if (parts().length) {
  const round = () => look().catch(() => {}).finally(() => setTimeout(round, EVERY_MS));
  setTimeout(round, EVERY_MS);
}
