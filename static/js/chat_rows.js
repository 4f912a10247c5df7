import { hourOf, make, textButton, withLinks } from "./chat_text.js";
import { requestPart } from "./chat_requests.js";

// Draw the rows of a room's stream. chat_log.js decides which rows there are.

/** handlers: hasMenu(message), onMenu(seq), and for staff onAnswer(message, accept) to a request. */
export function messageRow(message, handlers) {
  const isEvent = message.kind === "event";
  const row = make("li", isEvent ? "event" : `said ${message.mine ? "mine" : "theirs"}`);
  row.dataset.seq = message.seq;
  row.append(isEvent ? eventLine(message) : bubble(message, handlers));
  return row;
}

function eventLine({ message, at }) {
  const line = make("p", "happened");
  line.append(make("span", "", message), " ", timeOf(at));
  return line;
}

function bubble(message, { hasMenu, onMenu, onAnswer }) {
  const box = make("div", "bubble");
  const meta = make("p", "meta");
  meta.append(timeOf(message.at));
  if (message.edited && !message.deleted) meta.append(" ", make("span", "edited", "edited"));
  box.append(nameOf(message), wordsOf(message));
  if (message.kind === "wish" && !message.deleted) box.append(requestPart(message, onAnswer));
  box.append(meta);
  if (hasMenu(message)) box.append(menuButton(message, onMenu));
  return box;
}

function nameOf({ username, mine, guest, staff }) {
  const from = make("p", mine ? "from visually-hidden" : "from");
  const name = make("strong", "", mine ? "You" : username);
  name.dir = "auto";
  from.append(name);
  if (guest && !mine) from.append(" ", make("span", "tag", "guest"));
  if (staff && !mine) from.append(" ", make("span", "tag", "staff"));
  return from;
}

function wordsOf({ message, deleted }) {
  const words = make("p", deleted ? "words gone" : "words");
  words.dir = "auto"; // right to left where the script is
  words.append(deleted ? "This message was removed." : withLinks(message));
  return words;
}

function menuButton({ seq, mine, username }, onMenu) {
  const button = textButton("⋯", "more", () => onMenu(seq));
  button.ariaLabel = `Actions for ${mine ? "this" : `${username}’s`} message`;
  button.tabIndex = -1; // only one menu is a stop for the Tab key: see Log.setTabStop
  return button;
}

function timeOf(at) {
  const time = make("time", "", hourOf(at));
  time.dateTime = at;
  return time;
}

/** Draw a message that is typed but not answered yet. */
export function pendingRow({ id, text, error }, isLive, { onRetry, onDiscard }) {
  const row = make("li", `said mine ${error ? "failed" : "waits"}`);
  const box = make("div", "bubble");
  box.append(wordsOf({ message: text }));
  box.append(make("p", "meta", error || (isLive ? "Sending…" : "Waiting for the connection")));
  const look = "btn btn-outline-primary";
  if (error) box.append(textButton("Try again", look, () => onRetry(id)), textButton("Discard", look, () => onDiscard(id)));
  row.append(box);
  return row;
}
