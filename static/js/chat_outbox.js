/** What was typed and not answered yet: it waits here, also through a reload, until it was answered with its id.
 *
 *  Items are {id, text, error}; an item with an error waits for the person. Sent again with the same id it is the
 *  same message for the server, so sending once too often does no harm.
 */
export class Outbox {
  constructor(key) {
    this.key = key;
    this.items = this.read();
  }

  add(text) {
    const item = { id: crypto.randomUUID?.() ?? Outbox.oldId(), text, error: "" };
    this.items.push(item);
    this.write();
    return item;
  }

  /** randomUUID is missing where a page came over plain http from another machine. */
  static oldId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  find(id) {
    return this.items.find((item) => item.id === id);
  }

  /** The first that may be sent. */
  next() {
    return this.items.find((item) => !item.error);
  }

  /** Answered, or given up. False: it was none of ours. */
  remove(id) {
    const found = this.find(id);
    if (!found) return false;
    this.items = this.items.filter((item) => item !== found);
    this.write();
    return true;
  }

  fail(id, error) {
    const item = this.find(id);
    if (!item) return false;
    item.error = error;
    this.write();
    return true;
  }

  retry(id) {
    this.fail(id, "");
  }

  read() {
    try {
      const items = JSON.parse(localStorage.getItem(this.key)) ?? [];
      return items.filter(({ id, text }) => typeof id === "string" && typeof text === "string");
    } catch {
      return []; // storage may be forbidden, or hold nonsense
    }
  }

  write() {
    try {
      if (this.items.length) localStorage.setItem(this.key, JSON.stringify(this.items));
      else localStorage.removeItem(this.key);
    } catch {
      // They last as long as the page, then.
    }
  }
}
