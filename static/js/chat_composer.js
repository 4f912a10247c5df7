import { lengthOf } from "./chat_text.js";

/** The text box. Enter sends, Shift+Enter adds a line, Escape ends editing, ArrowUp in an empty box edits.
 *
 *  handlers: onText(text); onEdit(message, text) returns false if it could not be sent; onTyping(); lastOwn() returns
 *  the message to edit, if any.
 */
export class Composer {
  static MAX = 2000;
  static WARN_FROM = 1800;
  static TYPING_MS = 3000; // at least this long between two notices that this person is typing

  constructor(root, handlers) {
    this.handlers = handlers;
    this.form = root.querySelector(".chat-composer");
    this.box = this.form.querySelector("textarea");
    this.button = this.form.querySelector("[type=submit]");
    this.count = this.form.querySelector(".chat-count");
    this.editing = this.form.querySelector(".chat-editing");
    this.refusal = root.querySelector(".chat-why-not");
    this.edited = null; // the message being edited
    this.kept = ""; // the box's text before editing
    this.typedAt = 0;
    this.box.disabled = false; // disabled until now: without the script, Enter would lose what was typed
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.box.addEventListener("input", () => this.typed());
    this.box.addEventListener("keydown", (event) => this.press(event));
    this.editing.querySelector("button").addEventListener("click", () => this.endEdit());
    this.fit();
  }

  submit(event) {
    event?.preventDefault();
    const text = this.box.value.trim();
    if (!text || lengthOf(text) > Composer.MAX || this.box.disabled) return this.box.focus();
    if (this.edited) {
      if (text === this.edited.message || this.handlers.onEdit(this.edited, text)) this.endEdit();
      return;
    }
    this.write("");
    this.handlers.onText(text);
  }

  typed() {
    this.fit();
    if (this.edited || !this.box.value.trim() || Date.now() - this.typedAt < Composer.TYPING_MS) return;
    this.typedAt = Date.now();
    this.handlers.onTyping();
  }

  press(event) {
    if (event.isComposing) return; // Enter confirms a word in an input method
    if (event.key === "Enter" && !event.shiftKey) this.submit(event);
    else if (event.key === "Escape" && this.edited) this.endEdit();
    else if (event.key === "ArrowUp" && !this.box.value) this.editLast(event);
  }

  editLast(event) {
    const message = this.handlers.lastOwn();
    if (!message) return;
    event.preventDefault();
    this.edit(message);
  }

  edit(message, text = message.message) {
    if (!this.edited) this.kept = this.box.value;
    this.edited = message;
    this.editing.hidden = false;
    this.write(text);
    this.box.focus();
  }

  endEdit() {
    this.edited = null;
    this.editing.hidden = true;
    this.write(this.kept);
    this.kept = "";
    this.box.focus();
  }

  /** Insert a canned answer at the cursor. */
  insert(text) {
    const { selectionStart, selectionEnd, value } = this.box;
    const gap = selectionStart && !/\s$/.test(value.slice(0, selectionStart)) ? " " : "";
    this.box.setRangeText(gap + text, selectionStart, selectionEnd, "end");
    this.fit();
    this.box.focus();
  }

  write(text) {
    this.box.value = text;
    this.fit();
  }

  /** Fit the box to its text, within the style sheet's limits, and show how many characters are left. */
  fit() {
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight + 2}px`;
    const length = lengthOf(this.box.value.trim());
    this.count.hidden = length < Composer.WARN_FROM;
    const text = length > Composer.MAX ? `${length - Composer.MAX} characters too many` : `${Composer.MAX - length} characters left`;
    if (!this.count.hidden) this.count.textContent = text;
    this.button.disabled = this.box.disabled || length > Composer.MAX;
    this.form.classList.toggle("too-long", length > Composer.MAX);
  }

  /** Enable or disable the box. If disabled, show the sentence that says why; keep what was typed. */
  allow({ may_write: canWrite, why_not: whyNot }) {
    this.box.disabled = !canWrite;
    this.form.hidden = !canWrite && !this.box.value;
    this.refusal.hidden = canWrite;
    this.refusal.textContent = whyNot ?? "";
    this.fit();
  }
}
