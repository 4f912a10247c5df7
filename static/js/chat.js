import { Live } from "./live.js";
import { duration } from "./clock.js";
import { listOf } from "./words.js";
import { Composer } from "./chat_composer.js";
import { Log } from "./chat_log.js";
import { MessageMenu } from "./chat_menu.js";
import { Outbox } from "./chat_outbox.js";
import { Requests } from "./chat_requests.js";
import { whose } from "./whose.js";

/** One room, on its own page, beside an order or in the inbox: its socket, and the parts that draw the frames.
 *
 *  root holds templates/chat/room_parts.html. onUnread(count), if given, is called with the number of unread
 *  messages.
 */
export class Chat {
  static NO_ROOM = "There is no such room, or it is not open to you.";
  static STOPPED = "This page has stopped. What you typed is kept, and nothing is sent.";
  static TYPING_MS = 5000;
  static ANSWER_MS = 5000; // a message without an answer is sent again after this time, on a new socket
  static READ_ON_MS = 200; // between two pages of what was missed
  static BURST = 10; // messages that the server accepts ...
  static BURST_MS = 5500; // ... in a little less than this time

  constructor(root, onUnread = () => {}) {
    this.root = root;
    this.onUnread = onUnread;
    this.slug = root.dataset.slug;
    this.room = null; // as last sent by the server
    this.reads = new Map(); // username -> seq
    this.typists = new Map(); // username -> timer
    this.edits = new Map(); // id -> {message, text}: sent but not answered yet
    this.sentAt = [];
    this.inFlight = null; // the id of the message that waits for its answer
    this.told = 0; // the newest seq reported as read
    this.isBehind = false; // after a break, until all that was missed is here
    this.outbox = new Outbox(`chat:${whose}:${encodeURIComponent(this.slug)}`, () => this.followOutbox());
    this.outbox.takeOld(`chat:${root.dataset.me}:${this.slug}`);
    this.log = new Log(root, this.logHandlers());
    this.composer = new Composer(root, this.composerHandlers());
    this.requests = root.querySelector(".chat-requests") && new Requests(root, (request) => this.act(request));
    this.menu = new MessageMenu(root, () => this.room, {
      onEdit: (message) => this.composer.edit(message),
      onAct: (action) => this.act(action),
      onLate: () => this.showProblem("You can change a message for five minutes after you sent it."),
    });
    this.showPending();
    const [onFrame, onState] = [(frame) => this.hear(frame), (state, code) => this.enter(state, code)];
    const handlers = { onFrame, onState, newest: () => (this.isBehind ? Infinity : this.log.last) };
    this.live = new Live(() => this.path(), handlers, { isPersonal: true });
  }

  logHandlers() {
    return {
      onOlder: (seq) => this.live.send({ type: "history", before: seq }),
      onSeen: (seq) => this.seen(seq),
      hasMenu: (message) => this.menu.choices(message).length > 0,
      onMenu: (message) => this.menu.open(message),
      onAnswer: "answers" in this.root.dataset && ((message, accept) => this.act({ type: "answer_wish", seq: message.seq, accept })),
      onRetry: (id) => (this.outbox.retry(id), this.pump()),
      onDiscard: (id) => (this.outbox.remove(id), this.showPending()),
    };
  }

  composerHandlers() {
    return {
      onText: (text) => this.say(text),
      onEdit: (message, text) => this.edit(message, text),
      onTyping: () => this.live.send({ type: "typing" }),
      lastOwn: () => [...this.log.messages.values()].filter(MessageMenu.isFresh).sort((a, b) => b.seq - a.seq)[0],
    };
  }

  /** After a break, ask only for what came after the last message shown. */
  path() {
    const query = new URLSearchParams();
    if (this.root.dataset.username) query.set("username", this.root.dataset.username);
    if (this.log.last) query.set("after", this.log.last);
    return `/ws/chat/${encodeURIComponent(this.slug)}/${query.size ? `?${query}` : ""}`;
  }

  // From the server

  hear(frame) {
    this[`hear_${frame.type}`]?.(frame);
  }

  hear_welcome({ room, you }) {
    this.you = you;
    this.isWelcome = true;
    this.land();
    clearTimeout(this.readingOn);
    this.isBehind = this.log.last > 0;
    this.log.forgetAsking();
    this.log.markUnread(room);
    this.told = room.last_read;
    this.hear_room({ room });
    for (const { message, text } of [...this.edits.values()]) this.edit(message, text); // sending an edit twice does no harm
  }

  hear_room({ room }) {
    this.room = room;
    this.composer.allow(room);
    this.menu.follow();
  }

  hear_history(frame) {
    for (const { id } of frame.messages) this.answered(id);
    if (this.log.takeHistory(frame) && this.isBehind) this.readOn(frame.more);
    this.count();
    this.pump();
  }

  /** Ask for the next page of what was missed. Pending messages wait, so that they are shown in their place. */
  readOn(more, milliseconds = Chat.READ_ON_MS) {
    clearTimeout(this.readingOn);
    this.isBehind = more;
    if (more) this.readingOn = setTimeout(() => this.live.send({ type: "history", after: this.log.last }), milliseconds);
  }

  hear_message(message) {
    this.answered(message.id);
    this.stopTyping(message.username);
    this.log.take([message]);
    this.count();
    this.pump();
  }

  hear_changed(frame) {
    this.log.change(frame);
    this.menu.follow();
    this.edits.delete(editId(frame));
  }

  hear_read({ username, seq }) {
    if (username === this.you?.username) return;
    this.reads.set(username, Math.max(seq, this.reads.get(username) ?? 0));
    this.log.showReaders(this.reads);
  }

  hear_here({ people }) {
    const others = people.filter(({ username, guest }) => username !== this.you?.username || guest !== this.you?.guest);
    const names = others.map(({ username, guest }) => (guest ? `${username} (guest)` : username));
    const who = this.you?.guest && this.room?.kind === "public" ? `You are ${this.you.username} (guest). ` : "";
    this.part("here", who + (names.length ? `${listOf(names, 4)} ${names.length > 1 ? "are" : "is"} here` : "Nobody else is here right now"));
  }

  hear_typing({ username }) {
    if (username === this.you?.username) return;
    clearTimeout(this.typists.get(username));
    this.typists.set(username, setTimeout(() => this.stopTyping(username), Chat.TYPING_MS));
    this.showTyping();
  }

  hear_line(line) {
    this.part("line", lineWords(line));
  }

  hear_reported() {
    this.part("thanks", "Thank you. The staff will look at it.");
  }

  hear_error({ error, id }) {
    if (id && this.outbox.fail(id, error)) {
      this.land();
      this.pump();
    } else this.showProblem(error);
    if (this.isBehind && !id) this.readOn(true, Chat.ANSWER_MS); // it was asked too often
    const refused = this.edits.get(id);
    if (!refused) return;
    this.edits.delete(id);
    this.composer.edit(refused.message, refused.text); // keep what was typed
  }

  // To the server

  /** Send a message now, or as soon as there is a connection again. */
  say(text) {
    this.showProblem("");
    this.outbox.add(text);
    this.log.goToEnd();
    this.pump();
  }

  edit(message, text) {
    const id = editId(message);
    if (!this.act({ type: "edit", seq: message.seq, message: text, id })) return false;
    this.edits.set(id, { message, text });
    return true;
  }

  /** Send pending messages one at a time, each after the answer to the one before: this keeps their order. */
  pump() {
    this.showPending();
    const item = this.outbox.next();
    if (!item || this.inFlight || !this.isReady || this.isBehind) return;
    const now = Date.now();
    this.sentAt = this.sentAt.filter((at) => now - at < Chat.BURST_MS);
    if (this.sentAt.length >= Chat.BURST) return this.pumpLater(this.sentAt[0] + Chat.BURST_MS - now);
    if (!this.live.send({ message: item.text, id: item.id })) return;
    this.sentAt.push(now);
    this.inFlight = item.id;
    this.waiting = setTimeout(() => this.live.lose(), Chat.ANSWER_MS);
  }

  /** Wait no longer for the answer to a message. */
  land() {
    clearTimeout(this.waiting);
    this.inFlight = null;
  }

  pumpLater(milliseconds) {
    clearTimeout(this.pumping);
    this.pumping = setTimeout(() => this.pump(), milliseconds);
  }

  /** Another tab has sent, typed or left something. */
  followOutbox() {
    if (this.inFlight && !this.outbox.find(this.inFlight)) this.land();
    this.pump();
  }

  answered(id) {
    if (!id || !this.outbox.remove(id)) return;
    if (this.inFlight === id) this.land();
    this.showPending();
  }

  /** Send anything but a message: now or not at all. */
  act(action) {
    this.showProblem("");
    this.part("thanks", "");
    if (this.isReady && this.live.send(action)) return true;
    this.showProblem("No connection right now, so nothing was changed.");
    return false;
  }

  seen(seq) {
    this.count();
    if (seq > this.told && this.live.send({ type: "read", seq })) this.told = seq;
  }

  get isReady() {
    return this.live?.state === "live" && this.room !== null && this.isWelcome;
  }

  enter(state, code) {
    if (state !== "live") this.isWelcome = false;
    this.root.dataset.connection = state;
    this.land();
    const whyNot = Live.CAN_COME_BACK.includes(code) ? Chat.STOPPED : Chat.NO_ROOM;
    if (code) this.composer.allow({ may_write: false, why_not: whyNot });
    this.showPending();
  }

  // Around the stream

  /** Set the text of a part, if the page has it, unless it is unchanged: screen readers read out what is written. */
  part(name, text) {
    const element = this.root.querySelector(`.chat-${name}`);
    if (element && element.textContent !== text) element.textContent = text;
  }

  showPending() {
    this.log.showPending(this.outbox.items, this.live?.state === "live");
  }

  showTyping() {
    const names = [...this.typists.keys()];
    this.part("typing", names.length ? `${listOf(names)} ${names.length > 1 ? "are" : "is"} typing…` : "");
  }

  stopTyping(username) {
    clearTimeout(this.typists.get(username));
    if (this.typists.delete(username)) this.showTyping();
  }

  showProblem(sentence) {
    this.part("problem", sentence);
  }

  count() {
    const unread = [...this.log.messages.values()].filter(({ seq, mine, kind }) => seq > this.told && !mine && kind !== "event");
    this.onUnread(unread.length);
  }

  /** Stop, because another conversation is opened here. */
  end() {
    clearTimeout(this.readingOn);
    this.live.stop();
    this.outbox.end();
    this.log.end();
  }
}

function editId({ seq }) {
  return `edit-${seq}`;
}

/** Make a full-height page as high as its visible part, so that a phone's keyboard covers nothing. */
export function followKeyboard() {
  const fit = () => {
    if (visualViewport.scale > 1.01) return; // zoomed by hand, not a keyboard
    document.documentElement.style.setProperty("--visible-height", `${visualViewport.height}px`);
    scrollTo(0, 0); // undo the browser's scrolling
  };
  visualViewport.addEventListener("resize", fit);
  fit();
}

/** Say who answers, or how long the wait usually is. */
function lineWords({ state, agent, before, waited_seconds: waited }) {
  if (state === "active") return `${agent} is answering`;
  if (state === "closed") return "This conversation is closed. Write, and it opens again.";
  if (state !== "waiting") return "";
  const place = before ? `${before} before you` : "You are next";
  return waited === null ? place : `${place}; recent waits were about ${duration(waited * 1000)}`;
}
