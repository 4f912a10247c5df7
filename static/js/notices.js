import { Live } from "./live.js";

// What waits for a member: counts in the menu and in the tab's title, and parts of a page that keep themselves fresh.
//
// A frame is the whole state: {notices: {requests: 1, ...}, marks: {people: "...", ...}}. An element with
// data-mark-of="people" is fetched anew, with its page, when the mark it was made with is not the present one.

const WORDS = { requests: "friend request", unread: "room with new messages", shared: "shared order", inbox: "customer waiting" };
const menu = document.getElementById("site-menu");
let notices = null;

/** Its state is no affair of the slim bar: that is for the page's own content. */
class QuietLive extends Live {
  enter(state) {
    this.state = state;
  }
}

function show(frame) {
  if (!frame.notices) return;
  announce(frame.notices);
  notices = frame.notices;
  for (const place of document.querySelectorAll("[data-notice]")) {
    const name = place.dataset.notice;
    showCount(place, name === "all" ? total() : (notices[name] ?? 0));
  }
  showTitle();
  freshen(frame.marks ?? {});
}

function total() {
  return Object.values(notices ?? {}).reduce((sum, count) => sum + count, 0);
}

function showCount(place, count) {
  const words = document.createElement("span");
  words.className = "visually-hidden";
  words.textContent = " new";
  place.replaceChildren(String(count), words);
  place.hidden = !count;
}

/** For those who cannot see a number change. What was there when the page came is no news. */
function announce(now) {
  const more = Object.keys(now).filter((name) => notices && now[name] > (notices[name] ?? 0));
  if (more.length) document.getElementById("news").textContent = more.map((name) => `New: ${WORDS[name] ?? name}`).join(". ");
}

// The title: the page writes it as it likes, the count is put before whatever it wrote.

let plain = document.title;
let written = plain;

function showTitle() {
  if (document.title !== written) plain = document.title;
  written = total() ? `(${total()}) ${plain}` : plain;
  if (document.title !== written) document.title = written;
}

new MutationObserver(showTitle).observe(document.querySelector("title"), { childList: true });

// Parts that keep themselves fresh

let fetching = false;
let newest = {};

async function freshen(marks) {
  newest = marks;
  if (fetching) return;
  fetching = true;
  try {
    while (stale().length) {
      const wanted = newest;
      if (!(await replace(stale()))) break;
      if (newest === wanted) break; // what is still different is for the next frame: no page is fetched in a circle
    }
  } finally {
    fetching = false;
  }
}

function stale() {
  const parts = Array.from(document.querySelectorAll("[data-mark-of]"));
  return parts.filter(({ dataset }) => newest[dataset.markOf] !== undefined && newest[dataset.markOf] !== dataset.mark);
}

async function replace(parts) {
  try {
    const answer = await fetch(location.href, { headers: { "X-Background": "1" } }); // messages are not for us
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts) {
      const fresh = page.getElementById(part.id);
      if (fresh) swap(part, document.adoptNode(fresh));
    }
    return answer.ok;
  } catch {
    return false; // the next frame, or the next connection, brings it
  }
}

/** What had the focus keeps it, and what was unfolded stays so. */
function swap(part, fresh) {
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const unfolded = Array.from(part.querySelectorAll("details[open][id]"), ({ id }) => id);
  part.replaceWith(fresh);
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  dispatchEvent(new CustomEvent("part:fresh", { detail: fresh }));
}

// The menu closes like any other

addEventListener("click", ({ target }) => menu.contains(target) || menu.removeAttribute("open"));
menu.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

new QuietLive("/ws/notices/", { onFrame: show }, { needsAccount: true });
