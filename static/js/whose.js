import { fetchInTime } from "./fetch_in_time.js";

/** Whose page this is, and whether it still is.
 *
 *  Another tab of the browser can log in as somebody else, or out. Then this page stops: forms and sockets send nothing
 *  more, and what was typed stays. It goes on if its person comes back. Every page tells the other tabs whose it is, and
 *  one that hears of somebody else asks the shop, as the other page can be an old one.
 *
 *  "whose:changed" is dispatched with {isOurs, username} when the page stops or goes on.
 */
export const whose = document.querySelector("meta[name=whose]")?.content ?? "";

const AGAIN_MS = 2000;
const FOR_ANYBODY = /^\/(log-in|log-out|sign-up|forgotten-password|new-password|admin\/log(in|out))\//;
const tabs = typeof BroadcastChannel === "function" ? new BroadcastChannel("whose") : null;
let isOurs = true;

/** Ask the shop who is here now. Return true if it is still this page's person, null if the shop does not answer. */
export async function look() {
  try {
    const answer = await fetchInTime("/whose/", { headers: { "X-Background": "1" } });
    if (!answer.ok) return null;
    const now = await answer.json();
    const username = typeof now.username === "string" ? now.username : "";
    follow(now.whose === whose, username);
    return isOurs;
  } catch {
    return null;
  }
}

function follow(isNow, username) {
  document.getElementById("logged-out")?.remove();
  if (!isNow) showWhose(username);
  if (isNow === isOurs) return;
  isOurs = isNow;
  dispatchEvent(new CustomEvent("whose:changed", { detail: { isOurs, username } }));
}

/** Say it once, however many sockets the page has, with a link that leads back to this page. */
function showWhose(username) {
  const bar = document.createElement("div");
  bar.id = "logged-out";
  bar.className = "reconnecting";
  bar.setAttribute("role", "alert");
  const above = document.getElementById("reconnecting");
  if (above) above.after(bar);
  else document.body.prepend(bar);
  const link = document.createElement("a");
  link.href = username ? location.href : `/log-in/?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = username ? "Reload." : "Log in again.";
  if (username) link.addEventListener("click", reload);
  const words = username ? `You are now logged in as ${username} in another tab. ` : "You have been logged out. ";
  bar.append(words, link); // appended to the existing bar, so that a screen reader announces it
}

function reload(event) {
  event.preventDefault(); // the address can end with #, to which a link only scrolls
  location.reload();
}

/** Keep a form of the person of before on the page, with what was typed in it. */
function hold(event) {
  if (isOurs || !isForItsPerson(event.target)) return;
  event.preventDefault();
  document.querySelector("#logged-out a")?.focus();
}

/** Return whether a form does something for the page's person. A field can be named "action", and hide the property. */
function isForItsPerson(form) {
  const { pathname } = new URL(form.getAttribute("action") ?? "", location.href);
  return form.getAttribute("method")?.toLowerCase() === "post" && !FOR_ANYBODY.test(pathname);
}

// The back/forward cache keeps a page as it was. It is put away unseen, and shown again once the shop has said that it
// is still this person's.

function putAway(event) {
  if (event.persisted) document.documentElement.classList.add("put-away");
}

async function comeBack(event) {
  if (!event.persisted) return;
  const is = await look();
  if (is === null) return setTimeout(() => comeBack(event), AGAIN_MS);
  if (!is) return location.reload();
  document.documentElement.classList.remove("put-away");
}

if (whose) {
  tabs?.addEventListener("message", ({ data }) => (data !== whose || !isOurs) && look());
  tabs?.postMessage(whose);
  addEventListener("submit", hold, true);
  addEventListener("pagehide", putAway);
  addEventListener("pageshow", comeBack);
}
