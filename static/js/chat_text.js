import { serverNow } from "./clock.js";

// What people wrote, as nodes: never as markup.

const LINK = /\bhttps?:\/\/[^\s<>"]+/gi;
const CLOSERS = { ")": "(", "]": "[" };

/** An element with a class and a text, both optional. */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** A button that does something here; it submits nothing. */
export function textButton(text, className, act) {
  const button = make("button", className, text);
  button.type = "button";
  button.addEventListener("click", act);
  return button;
}

/** Links can be clicked, everything else is text. */
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

/** The mark at the end of a sentence is not part of the address, nor is a bracket that was opened before it. */
function withoutFullStop(address) {
  let text = address;
  for (;;) {
    const last = text.at(-1);
    const isLoose = last in CLOSERS && text.split(last).length > text.split(CLOSERS[last]).length;
    if (!isLoose && !".,;:!?'*_".includes(last)) return text;
    text = text.slice(0, -1);
  }
}

/** As the server counts: a smiley is one. */
export function lengthOf(text) {
  return [...text].length;
}

/** "18:42"; the day stands above. */
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
