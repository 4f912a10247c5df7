import { listOf } from "./words.js";
import { messageRow, pendingRow } from "./chat_rows.js";
import { dayOf, make } from "./chat_text.js";

/** The stream of a room: messages and events in the order of `seq`, each once.
 *
 *  handlers: onOlder(seq) asks for messages before it; onSeen(seq) is the newest one seen; hasMenu(message) says
 *  whether there is a menu; onMenu(message) opens it; onAnswer(message, accept) answers a request; onRetry(id) and
 *  onDiscard(id) are for messages that could not be sent.
 */
export class Log {
  static NEAR_PX = 48; // this close to the end counts as the end
  static EARLY_PX = 240; // ask for older messages before the top is reached
  static TOGETHER_MS = 5 * 60_000; // one name above messages of one person within this time

  constructor(root, handlers) {
    this.handlers = handlers;
    this.scroller = root.querySelector(".chat-scroll");
    this.list = root.querySelector(".chat-messages");
    this.pending = root.querySelector(".chat-pending");
    this.older = root.querySelector(".chat-older");
    this.newest = root.querySelector(".chat-newest");
    this.messages = new Map(); // seq -> message
    this.rows = new Map(); // seq -> its <li>
    this.first = Infinity;
    this.last = 0;
    this.readUpTo = Infinity; // the unread marker is below this seq
    this.hasOlder = this.isAsking = false;
    this.isAtEnd = true;
    this.missed = 0;
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.older.addEventListener("click", () => this.askOlder());
    this.newest.addEventListener("click", () => this.goToEnd());
    this.list.addEventListener("keydown", (event) => this.walk(event));
    document.addEventListener("visibilitychange", () => this.see());
    // A phone's keyboard takes half of the height: a stream that is at its end stays there.
    this.sizes = new ResizeObserver(() => this.isAtEnd && this.goToEnd());
    this.sizes.observe(this.scroller);
  }

  // From the server

  /** Take the latest messages, an older page, or what came while there was no connection; return true for the last. */
  takeHistory({ messages, more }) {
    const isFirst = !this.rows.size;
    const isOlder = !isFirst && this.isAsking && (messages.at(-1)?.seq ?? 0) < this.first;
    if (isFirst || isOlder) this.hasOlder = more;
    if (isOlder) this.isAsking = false;
    this.older.hidden = !this.hasOlder;
    this.scroller.ariaBusy = "true"; // screen readers stay silent
    if (isFirst) this.begin(messages);
    else if (isOlder) this.keepPlace(() => this.add(messages));
    else this.take(messages);
    requestAnimationFrame(() => {
      this.scroller.ariaBusy = "false";
      this.scrolled();
    });
    return !isFirst && !isOlder;
  }

  take(messages) {
    const added = messages.filter(({ seq }) => !this.rows.has(seq));
    this.add(messages);
    if (this.isAtEnd) this.goToEnd();
    else this.missed += added.filter(({ mine, kind }) => !mine && kind !== "event").length;
    this.showNewest();
  }

  /** Add messages. Known ones are drawn again: they can have changed while there was no connection. */
  add(messages) {
    for (const message of messages) {
      const known = this.rows.has(message.seq);
      this.messages.set(message.seq, message);
      if (known) this.redraw(message);
      else this.insert(message);
    }
    this.setTabStop();
    this.showReaders();
  }

  /** Show an edit, a removal, or the answer to a request. */
  change({ seq, body, edited, deleted, data }) {
    const message = this.messages.get(seq);
    if (!message) return;
    Object.assign(message, { message: body ?? "", edited, deleted, data: data ?? message.data });
    this.keepPlace(() => this.redraw(message));
    this.showReaders();
  }

  // Rows

  insert(message) {
    const row = this.draw(message);
    let next = null;
    for (let before = this.list.lastElementChild; before && Number(before.dataset.seq) > message.seq; before = before.previousElementSibling) next = before;
    this.list.insertBefore(row, next);
    this.rows.set(message.seq, row);
    this.first = Math.min(this.first, message.seq);
    this.last = Math.max(this.last, message.seq);
    this.relate(row);
    if (next) this.relate(next);
  }

  redraw(message) {
    const old = this.rows.get(message.seq);
    const hadFocus = old.contains(document.activeElement);
    const row = this.draw(message);
    old.replaceWith(row);
    this.rows.set(message.seq, row);
    this.relate(row);
    this.setTabStop();
    if (hadFocus) (row.querySelector("button") ?? this.scroller).focus();
  }

  /** Make the newest menu the only stop for the Tab key. From there the arrow keys go to the others. */
  setTabStop() {
    this.tabStop?.setAttribute("tabindex", -1);
    this.tabStop = [...this.list.querySelectorAll(".more")].at(-1);
    this.tabStop?.setAttribute("tabindex", 0);
  }

  walk(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const buttons = [...this.list.querySelectorAll(".more")];
    const here = buttons.indexOf(event.target);
    if (!step || here < 0) return;
    event.preventDefault();
    buttons[here + step]?.focus();
  }

  draw(message) {
    return messageRow(message, { ...this.handlers, onMenu: (seq) => this.handlers.onMenu(this.messages.get(seq)) });
  }

  /** Show what depends on the row before: a new day, the unread marker, the name. */
  relate(row) {
    const message = this.messages.get(Number(row.dataset.seq));
    const before = this.messages.get(Number(row.previousElementSibling?.dataset.seq));
    for (const mark of row.querySelectorAll(".day, .unread")) mark.remove();
    if (message.seq > this.readUpTo && (before?.seq ?? 0) <= this.readUpTo) row.prepend(make("p", "unread", "New"));
    const isNewDay = !before || dayOf(before.at) !== dayOf(message.at);
    if (isNewDay) row.prepend(make("p", "day", dayOf(message.at)));
    row.classList.toggle("together", !isNewDay && this.belongTogether(before, message));
  }

  belongTogether(before, message) {
    const isSame = before.username === message.username && before.mine === message.mine && before.guest === message.guest;
    const isSoon = Date.parse(message.at) - Date.parse(before.at) < Log.TOGETHER_MS;
    return before.kind !== "event" && message.kind !== "event" && isSame && isSoon;
  }

  /** Mark where new messages begin, once, when the room is opened. */
  markUnread({ last_read: lastRead, last_seq: lastSeq }) {
    if (this.rows.size || !lastRead || lastRead >= lastSeq) return; // what comes while the room is open is not marked
    this.readUpTo = lastRead;
  }

  /** Show who has read this person's last message. */
  showReaders(reads = this.reads ?? new Map()) {
    this.reads = reads;
    const mine = [...this.messages.values()].filter(({ mine, deleted, kind }) => mine && !deleted && kind !== "event");
    const last = mine.reduce((newest, message) => (message.seq > newest ? message.seq : newest), 0);
    const names = [...reads].filter(([, seq]) => last && seq >= last).map(([name]) => name);
    const text = names.length ? `Read by ${listOf(names)}` : "";
    if (this.shownReaders?.text === text && this.shownReaders.row === this.rows.get(last)) return;
    for (const old of this.list.querySelectorAll(".readers")) old.remove();
    this.shownReaders = { text, row: this.rows.get(last) };
    if (text) this.rows.get(last).append(make("p", "readers", text));
    if (this.isAtEnd) this.goToEnd();
  }

  // Pending messages

  showPending(items, isLive) {
    this.pending.replaceChildren(...items.map((item) => pendingRow(item, isLive, this.handlers)));
    if (this.isAtEnd) this.goToEnd();
  }

  // Scrolling

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.isAtEnd = scrollHeight - scrollTop - clientHeight < Log.NEAR_PX;
    if (scrollTop < Log.EARLY_PX) this.askOlder();
    this.see();
  }

  see() {
    if (!this.isAtEnd || document.hidden || !this.scroller.checkVisibility() || !this.last) return;
    this.missed = 0;
    this.showNewest();
    this.handlers.onSeen(this.last);
  }

  askOlder() {
    if (!this.hasOlder || this.isAsking || !this.rows.size || !this.scroller.checkVisibility()) return;
    this.isAsking = this.handlers.onOlder(this.first);
  }

  /** Forget an earlier request for older messages: on a new connection its answer will not come. */
  forgetAsking() {
    this.isAsking = false;
  }

  /** Keep what is being read in place, even if rows are added or changed above it. */
  keepPlace(act) {
    const fromEnd = this.scroller.scrollHeight - this.scroller.scrollTop;
    act();
    this.scroller.scrollTop = this.isAtEnd ? this.scroller.scrollHeight : this.scroller.scrollHeight - fromEnd;
  }

  goToEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.isAtEnd = true;
    this.see();
  }

  /** Begin at the unread marker, or at the end if that shows the marker, too. Until then nothing counts as seen. */
  begin(messages) {
    this.isAtEnd = false;
    this.add(messages);
    this.scroller.scrollTop = this.scroller.scrollHeight;
    const marker = this.list.querySelector(".unread");
    if (marker && marker.offsetTop < this.scroller.scrollTop) {
      this.scroller.scrollTop = marker.offsetTop - Log.NEAR_PX;
      this.missed = messages.filter(({ seq, mine, kind }) => seq > this.readUpTo && !mine && kind !== "event").length;
    }
    this.scrolled();
    this.showNewest();
  }

  showNewest() {
    this.newest.hidden = !this.missed;
    this.newest.textContent = this.missed === 1 ? "1 new message ↓" : `${this.missed} new messages ↓`;
  }

  end() {
    this.sizes.disconnect();
  }
}
