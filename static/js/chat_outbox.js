/** Pending messages. They survive a reload and stay until the server answers with their id.
 *
 *  Items are {id, text, error}; an item with an error waits for a decision of the person. The id is an idempotency
 *  key: sent again, it is the same message for the server, so sending once too often does no harm.
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

  /** Make an id where randomUUID is missing: on pages loaded over plain http from another machine. */
  static oldId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  find(id) {
    return this.items.find((item) => item.id === id);
  }

  /** Return the first item that can be sent. */
  next() {
    return this.items.find((item) => !item.error);
  }

  /** Remove an item that was answered or discarded. Return false if there is none with this id. */
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
      return []; // storage can be forbidden, or hold anything
    }
  }

  write() {
    try {
      if (this.items.length) localStorage.setItem(this.key, JSON.stringify(this.items));
      else localStorage.removeItem(this.key);
    } catch {
      // Then the items last as long as the page.
    }
  }
}
