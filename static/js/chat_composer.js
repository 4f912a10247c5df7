import { lengthOf } from "./chat_text.js";

/** Where one types. Enter sends, Shift+Enter is a new line, Escape ends editing, ArrowUp in an empty box edits.
 *
 *  handlers: onText(text), onEdit(message, text) -> false if that could not be sent, onTyping(), lastOwn() -> the
 *  message to edit, or nothing.
 */
export class Composer {
  static MAX = 2000;
  static WARN_FROM = 1800;
  static TYPING_MS = 3000; // between two words to the others that one is typing

  constructor(root, handlers) {
    this.handlers = handlers;
    this.form = root.querySelector(".chat-composer");
    this.box = this.form.querySelector("textarea");
    this.button = this.form.querySelector("[type=submit]");
    this.count = this.form.querySelector(".chat-count");
    this.editing = this.form.querySelector(".chat-editing");
    this.refusal = root.querySelector(".chat-why-not");
    this.edited = null; // the message that is being edited
    this.kept = ""; // what stood in the box before
    this.typedAt = 0;
    this.box.disabled = false; // before there was a script, Enter would have lost what was typed
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
    if (event.isComposing) return; // Enter ends a word of an input method
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

  /** Into the box, where the cursor is: a canned answer. */
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

  /** As high as its text, within what the style sheet allows; and how much room is left. */
  fit() {
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight + 2}px`;
    const length = lengthOf(this.box.value.trim());
    this.count.hidden = length < Composer.WARN_FROM;
    const words = length > Composer.MAX ? `${length - Composer.MAX} characters too many` : `${Composer.MAX - length} characters left`;
    if (!this.count.hidden) this.count.textContent = words;
    this.button.disabled = this.box.disabled || length > Composer.MAX;
    this.form.classList.toggle("too-long", length > Composer.MAX);
  }

  /** May one write here? Else the sentence that says why not. What was typed stays. */
  allow({ may_write: mayWrite, why_not: whyNot }) {
    this.box.disabled = !mayWrite;
    this.form.hidden = !mayWrite && !this.box.value;
    this.refusal.hidden = mayWrite;
    this.refusal.textContent = whyNot ?? "";
    this.fit();
  }
}
