import { fetchInTime } from "./fetch_in_time.js";
import { Live } from "./live.js";
import { whose } from "./whose.js";

// Notices for members: counts in the menu and in the tab's title, and parts of a page that are refreshed.
//
// A frame is the whole state: {notices: {requests: 1, ...}, marks: {people: "...", ...}}. An element with
// data-mark-of="people" is fetched again, with its page, when its mark is no longer the current one.

const WORDS = { requests: "friend request", unread: "room with new messages", shared: "shared order", inbox: "customer waiting" };
const menu = document.getElementById("site-menu");
let notices = null;

/** A socket whose state is not shown in the slim bar, which is for the page's own content. */
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

/** Announce new notices to screen readers, except for those that the page was loaded with. */
function announce(now) {
  const more = Object.keys(now).filter((name) => notices && now[name] > (notices[name] ?? 0));
  if (more.length) document.getElementById("news").textContent = more.map((name) => `New: ${WORDS[name] ?? name}`).join(". ");
}

// The title: the count is put before whatever title the page sets.

let plain = document.title;
let written = plain;

function showTitle() {
  if (document.title !== written) plain = document.title;
  written = total() ? `(${total()}) ${plain}` : plain;
  if (document.title !== written) document.title = written;
}

new MutationObserver(showTitle).observe(document.querySelector("title"), { childList: true });

// Parts that are refreshed

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
      if (newest === wanted) break; // any part that still differs waits for the next frame, so that no page is fetched in a loop
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
    const answer = await fetchInTime(location.href, { headers: { "X-Background": "1" } }); // leaves the messages for the next real page view
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (page.querySelector("meta[name=whose]")?.content !== whose) return false; // somebody else is here by now
    for (const part of parts) {
      const fresh = page.getElementById(part.id);
      if (fresh) swap(part, document.adoptNode(fresh));
    }
    return answer.ok;
  } catch {
    return false; // the next frame or connection tries again
  }
}

/** Replace a part, keeping the focus and the open details. */
function swap(part, fresh) {
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const unfolded = Array.from(part.querySelectorAll("details[open][id]"), ({ id }) => id);
  part.replaceWith(fresh);
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  dispatchEvent(new CustomEvent("part:fresh", { detail: fresh }));
}

// Close the menu on a click outside it and on Escape

addEventListener("click", ({ target }) => menu.contains(target) || menu.removeAttribute("open"));
menu.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

new QuietLive("/ws/notices/", { onFrame: show }, { isPersonal: true });
