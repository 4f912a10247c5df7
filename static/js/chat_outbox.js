/** Pending messages. They survive a reload and stay until the server answers with their id.
 *
 *  Items are {id, text, error, tab, at}; an item with an error waits for a decision of the person. The id is an
 *  idempotency key: sent again, it is the same message for the server, so sending once too often does no harm.
 *
 *  All tabs of the browser see the items of their account; each has an entry of its own in localStorage, so no tab
 *  overwrites another's. The tab that an item was typed in sends it. Every tab holds a lock as long as it lives, and the
 *  others wait for it: one of them takes over what a dead tab has left. Without locks (on pages loaded over plain http)
 *  or without storage, a page sends its own items, and those that it finds when it opens.
 */
export class Outbox {
  constructor(prefix, onChange = () => {}) {
    this.prefix = `${prefix}:`;
    this.onChange = onChange;
    this.tab = newId();
    this.ended = new AbortController();
    this.awaited = new Set(); // tabs whose end is waited for
    this.items = read(this.prefix).sort(inTurn);
    this.hold();
    for (const item of this.items) this.takeOver(item);
    addEventListener("storage", (event) => this.hear(event), { signal: this.ended.signal });
  }

  add(text) {
    const item = this.push(newId(), text);
    this.write(item);
    return item;
  }

  push(id, text) {
    const at = Math.max(Date.now(), (this.items.at(-1)?.at ?? 0) + 1); // keeps their order, however fast they come
    const item = { id, text, error: "", tab: this.tab, at };
    this.items.push(item);
    return item;
  }

  find(id) {
    return this.items.find((item) => item.id === id);
  }

  /** Return the first item that this tab can send. */
  next() {
    return this.items.find((item) => item.tab === this.tab && !item.error);
  }

  /** Remove an item that was answered or discarded. Return false if there is none with this id. */
  remove(id) {
    const found = this.find(id);
    if (!found) return false;
    this.forget(id);
    stored(() => localStorage.removeItem(this.prefix + id));
    return true;
  }

  forget(id) {
    this.items = this.items.filter((item) => item.id !== id);
  }

  fail(id, error) {
    const item = this.find(id);
    if (!item) return false;
    item.error = error;
    this.write(item);
    return true;
  }

  /** Send it again, from this tab. */
  retry(id) {
    const item = this.find(id);
    if (item) item.tab = this.tab;
    this.fail(id, "");
  }

  write(item) {
    stored(() => localStorage.setItem(this.prefix + item.id, JSON.stringify(item)));
  }

  /** Follow what another tab has written. */
  hear({ key, newValue }) {
    if (!key?.startsWith(this.prefix)) return;
    const item = parse(newValue);
    this.forget(key.slice(this.prefix.length));
    if (item) this.items = [...this.items, item].sort(inTurn);
    if (item && navigator.locks) this.takeOver(item);
    this.onChange();
  }

  // Which tab sends

  /** Hold the lock that says that this tab is alive. The browser frees it however the tab ends. */
  hold() {
    const { signal } = this.ended;
    const untilEnd = () => new Promise((free) => signal.addEventListener("abort", free));
    navigator.locks?.request(lockOf(this.tab), untilEnd).catch(() => {});
  }

  /** Take over what another tab has typed, once that tab is dead. */
  takeOver(item) {
    const { tab } = item;
    if (!navigator.locks) item.tab = this.tab;
    if (!navigator.locks || tab === this.tab || this.awaited.has(tab)) return;
    this.awaited.add(tab);
    navigator.locks.request(lockOf(tab), { signal: this.ended.signal }, () => this.adopt(tab)).catch(() => {});
  }

  /** Take what is left of a dead tab. A third one can have been faster, so look at what is stored. */
  adopt(tab) {
    for (const item of this.items.filter((one) => one.tab === tab)) {
      const kept = parse(stored(() => localStorage.getItem(this.prefix + item.id)));
      if (!kept) this.forget(item.id);
      else if (kept.tab === tab) this.write(Object.assign(item, { tab: this.tab }));
    }
    this.onChange();
  }

  /** Take the items that a page of an earlier version has left: one list in one entry. */
  takeOld(key) {
    const old = stored(() => JSON.parse(localStorage.getItem(key)));
    for (const one of Array.isArray(old) ? old : []) if (one?.text) this.write(this.push(String(one.id), String(one.text)));
    stored(() => localStorage.removeItem(key));
  }

  /** Leave the items to the next page that shows them. */
  end() {
    this.ended.abort();
  }
}

function read(prefix) {
  const keys = stored(() => Object.keys(localStorage)) ?? [];
  return keys.filter((key) => key.startsWith(prefix)).map((key) => parse(stored(() => localStorage.getItem(key)))).filter(Boolean);
}

function parse(text) {
  try {
    const item = JSON.parse(text);
    const isItem = typeof item?.id === "string" && typeof item.text === "string";
    return isItem ? { error: "", tab: "", at: 0, ...item } : null;
  } catch {
    return null; // storage can hold anything
  }
}

/** Call, unless storage is full or forbidden. Then the items last as long as the page. */
function stored(use) {
  try {
    return use();
  } catch {
    return undefined;
  }
}

function inTurn(one, other) {
  return one.at - other.at;
}

function lockOf(tab) {
  return `outbox:${tab}`;
}

/** randomUUID is missing on pages loaded over plain http from another machine. */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
