import { serverNow } from "./clock.js";

// Turn what people wrote into nodes, never into markup.

const LINK = /\bhttps?:\/\/[^\s<>"]+/gi;
const CLOSERS = { ")": "(", "]": "[" };

/** Make an element with a class and a text, both optional. */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** Make a button that calls act and submits nothing. */
export function textButton(text, className, act) {
  const button = make("button", className, text);
  button.type = "button";
  button.addEventListener("click", act);
  return button;
}

/** Turn addresses in the text into links. Everything else stays text. */
export function withLinks(text) {
  const parts = document.createDocumentFragment();
  let end = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const link = linkTo(withoutFullStop(found));
    if (!link) continue;
    parts.append(text.slice(end, index), link);
    end = index + link.textContent.length;
  }
  parts.append(text.slice(end));
  return parts;
}

function linkTo(address) {
  if (!URL.canParse(address)) return null;
  const link = make("a", "", address);
  link.href = address;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  return link;
}

/** Cut punctuation off the end of an address, and a closing bracket whose opening one is before the address. */
function withoutFullStop(address) {
  let text = address;
  for (;;) {
    const last = text.at(-1);
    const isLoose = last in CLOSERS && text.split(last).length > text.split(CLOSERS[last]).length;
    if (!isLoose && !".,;:!?'*_".includes(last)) return text;
    text = text.slice(0, -1);
  }
}

/** Count characters as the server does: an emoji of one code point counts as one. */
export function lengthOf(text) {
  return [...text].length;
}

/** Format the time as "18:42". The day is shown above. */
export function hourOf(moment) {
  return new Date(moment).toLocaleTimeString("en-US", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export function dayOf(moment) {
  const date = new Date(moment);
  const now = new Date(serverNow());
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (date.toDateString() === now.toDateString()) return "Today";
  if (date.toDateString() === yesterday.toDateString()) return "Yesterday";
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  return date.toLocaleDateString("en-US", { weekday: "long", month: "long", day: "numeric", ...year });
}
