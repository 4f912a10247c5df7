import { timeOfDay } from "./clock.js";
import { look, whose } from "./whose.js";

/** A socket that reconnects. Every frame is a whole state, so nothing has to be requested after a gap.
 *
 *  A connection can die without an end: a phone changes its network, a router forgets. Then nothing comes, and what is
 *  sent is swallowed. So the page asks for a sign of life, and opens a new socket if there is none.
 *
 *  path: the address, or a function that returns it and is called at every connect.
 *  handlers: onPayload(payload, frame) for an order that is newer than what was shown, onFrame(frame) for any other
 *  frame, onState("live" | "reconnecting" | "stopped", close code if stopped), hello() -> the message to send after
 *  every connect, or nothing, newest() -> the newest seq shown, where it is about one order or one room.
 *  isPersonal: what is shown or sent is the page's person's, so stop while somebody else is here. Otherwise they
 *  continue, as visitors or as whoever has logged in in another tab.
 */
export class Live {
  static FIRST_WAIT_SECONDS = 0.5;
  static LONGEST_WAIT_SECONDS = 4; // so that a page is up to date within 5 s of the shop's return
  static CONNECT_SECONDS = 5; // a connect that takes longer is given up
  static BEAT_SECONDS = 5; // between two heartbeats, twice that while the page is hidden
  static ANSWER_SECONDS = 4; // then the connection is dead; longer than the kitchen takes for anything
  static MOST_PATIENCE = 4; // times as long as the first time: a shop that is slow gets no slower by giving up on it
  static STEADY_SECONDS = 4.5; // a connection that lasted this long makes up for earlier failures
  static ASLEEP_SECONDS = 30; // after so long without a frame the page was asleep, and its connection is not trusted
  static TOO_MUCH_SECONDS = 5; // the first pause after the shop has said that this was too much, doubled each time
  static LONGEST_TOO_MUCH_SECONDS = 120;
  static LOGGED_OUT = 4401;
  static ANOTHERS = 4409; // somebody else is logged in by now
  static CAN_COME_BACK = [Live.LOGGED_OUT, Live.ANOTHERS];
  static TOO_MUCH = 4429;
  static FOR_GOOD = [4403, 4404]; // forbidden or unknown: no use in trying again

  constructor(path, handlers, { isPersonal = false } = {}) {
    this.path = path;
    this.handlers = handlers;
    this.isPersonal = isPersonal;
    this.seen = new Map(); // order_id -> the newest seq
    this.socket = null;
    this.timer = 0;
    this.failures = 0;
    this.refusals = 0; // with TOO_MUCH, in a row
    this.isRefused = false; // the shop has asked for a pause
    this.openedAt = this.heardAt = 0;
    this.isAsking = false; // a heartbeat waits for its answer
    this.state = "";
    addEventListener("online", () => this.restart());
    addEventListener("offline", () => this.lose());
    addEventListener("pagehide", () => this.drop()); // an open socket would keep the page out of the bfcache
    addEventListener("pageshow", (event) => event.persisted && this.restart());
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
    navigator.connection?.addEventListener?.("change", () => this.look());
    addEventListener("whose:changed", ({ detail }) => this.isPersonal && this.follow(detail));
    this.connect();
  }

  connect() {
    if (this.state === "stopped") return;
    this.drop();
    const socket = new WebSocket(this.url());
    this.socket = socket;
    this.loseIn(Live.CONNECT_SECONDS);
    socket.onopen = () => this.greet();
    socket.onmessage = (event) => this.read(event.data);
    socket.onclose = (event) => {
      if (Live.FOR_GOOD.includes(event.code)) return this.stop(event.code);
      if (Live.CAN_COME_BACK.includes(event.code) && this.isPersonal) return this.checkWhose();
      if (event.code === Live.TOO_MUCH) return this.slowDown();
      this.lose();
    };
  }

  url() {
    const path = typeof this.path === "function" ? this.path() : this.path;
    const url = new URL(path, location.href.replace(/^http/, "ws"));
    if (this.isPersonal) url.searchParams.set("as", whose);
    return url.href;
  }

  greet() {
    this.openedAt = this.heardAt = Date.now();
    this.isRefused = false;
    this.enter("live");
    const hello = this.handlers.hello?.();
    // Ask at once: the server learns that this page will go on asking, or that nobody is logged in on it.
    if (!hello || !this.send(hello)) this.ask();
  }

  // The heartbeat

  /** Ask for a sign of life. Any frame is one. Without one the connection is dead, whatever the browser believes. */
  ask() {
    clearTimeout(this.timer);
    if (!this.send({ type: "heartbeat", hidden: document.hidden })) return this.lose();
    this.isAsking = true;
    this.loseIn(Live.ANSWER_SECONDS);
  }

  askLater() {
    clearTimeout(this.timer);
    this.isAsking = false;
    if (Date.now() - this.openedAt > Live.STEADY_SECONDS * 1000) this.failures = 0;
    this.timer = setTimeout(() => this.ask(), Live.BEAT_SECONDS * (document.hidden ? 2 : 1) * 1000);
  }

  /** Compare what was shown with what the server has sent, and start again if something is missing. */
  compare(seq) {
    if (seq > this.handlers.newest?.()) this.restart();
  }

  /** Look whether the connection is still there, now that somebody looks at the page again. */
  look() {
    if (this.isRefused) return;
    const wasAsleep = Date.now() - this.heardAt > Live.ASLEEP_SECONDS * 1000;
    if (this.state !== "live" || !this.socket || wasAsleep) this.restart();
    else if (this.socket.readyState === WebSocket.OPEN && !this.isAsking) this.ask();
  }

  /** Send a message, and look whether it was swallowed. Return false if there is no connection and nothing was sent. */
  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    if (message.type !== "heartbeat" && !this.isAsking) this.ask();
    return true;
  }

  /** Handle a frame, ignoring one that can't be parsed or is older than what was shown. */
  read(text) {
    this.heardAt = Date.now();
    if (this.isAsking) this.askLater();
    const frame = parse(text);
    if (frame?.type === "heartbeat") return this.compare(frame.seq);
    const payload = frame?.payload;
    if (frame && !payload) this.handlers.onFrame?.(frame);
    if (typeof payload?.order_id !== "string" || !Number.isInteger(payload.seq)) return;
    if (payload.seq < (this.seen.get(payload.order_id) ?? 0)) return;
    this.seen.set(payload.order_id, payload.seq);
    this.handlers.onPayload(payload, frame);
  }

  /** Show that the connection is lost and reconnect with exponential backoff and jitter, so not all at once.
   *
   *  The old socket is not waited for: the end of a connection that swallows everything comes after minutes.
   */
  lose() {
    if (this.state === "stopped") return;
    this.drop();
    this.isRefused = false;
    this.enter("reconnecting");
    const longest = Math.min(Live.LONGEST_WAIT_SECONDS, Live.FIRST_WAIT_SECONDS * 2 ** this.failures);
    this.failures += 1;
    this.timer = setTimeout(() => this.connect(), Math.random() * longest * 1000);
  }

  /** Come back after a pause that grows each time, and say so. A connection that holds for longer starts afresh. */
  slowDown() {
    const held = this.openedAt ? Date.now() - this.openedAt : 0;
    if (held > Live.LONGEST_TOO_MUCH_SECONDS * 1000) this.refusals = 0;
    const longest = Math.min(Live.LONGEST_TOO_MUCH_SECONDS, Live.TOO_MUCH_SECONDS * 2 ** this.refusals);
    this.refusals += 1;
    this.drop();
    this.isRefused = true;
    this.enter("reconnecting");
    this.timer = setTimeout(() => this.connect(), (1 + Math.random()) / 2 * longest * 1000);
  }

  /** Lose the connection, unless a sign of life comes first. Wait longer after each failure. */
  loseIn(seconds) {
    const patience = Math.min(Live.MOST_PATIENCE, Math.max(1, this.failures));
    this.timer = setTimeout(() => this.lose(), seconds * patience * 1000);
  }

  /** Close silently, without reconnecting. */
  drop() {
    clearTimeout(this.timer);
    this.isAsking = false;
    if (!this.socket) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  restart() {
    this.failures = 0;
    this.connect();
  }

  /** Stop for good. */
  stop(code) {
    this.drop();
    this.enter("stopped", code);
  }

  /** Stop if somebody else is here, or nobody. Reconnect if there only is a new session, after a new password. */
  async checkWhose() {
    this.drop();
    const isOurs = await look(); // stops this one by `follow`, unless it was not running when the page stopped
    if (isOurs !== false) this.lose();
    else if (this.state !== "stopped") this.stop(Live.LOGGED_OUT);
  }

  /** Stop when the page is somebody else's, and go on when its person is back. */
  follow({ isOurs, username }) {
    if (!isOurs) return this.stop(username ? Live.ANOTHERS : Live.LOGGED_OUT);
    if (this.state !== "stopped") return;
    this.state = "";
    this.restart();
  }

  enter(state, code) {
    if (state === this.state) return;
    this.state = state;
    showConnection(this);
    this.handlers.onState?.(state, code);
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const lostSockets = new Set(); // on this page, which is up to date again when the last one is back

/** Show or hide the slim bar, which says from which minute the remaining content is. */
function showConnection(live) {
  const bar = document.getElementById("reconnecting");
  if (live.state === "reconnecting") {
    if (!lostSockets.size) bar.querySelector("time").textContent = timeOfDay(new Date());
    lostSockets.add(live);
  } else {
    lostSockets.delete(live);
  }
  const isRefused = [...lostSockets].some((one) => one.isRefused);
  bar.querySelector(".why").textContent = isRefused ? bar.dataset.refused : bar.dataset.lost;
  bar.hidden = !lostSockets.size;
  document.body.classList.toggle("stale", lostSockets.size > 0);
}
