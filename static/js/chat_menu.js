import { serverNow } from "./clock.js";

/** The menu of a message: edit, delete, report, remove, mute.
 *
 *  room() returns the room as last sent by the server. handlers: onEdit(message), onAct(action to send), onLate().
 */
export class MessageMenu {
  static EDIT_MS = 5 * 60_000; // how long people can edit and delete their own messages

  constructor(root, room, handlers) {
    this.room = room;
    this.handlers = handlers;
    this.dialog = root.querySelector(".chat-menu");
    this.reason = this.dialog.querySelector("input");
    this.closer = this.dialog.querySelector(".close button");
    this.dialog.addEventListener("close", () => this.perform(this.dialog.returnValue));
  }

  /** Return whether its author can still edit it. */
  static isFresh({ mine, kind, deleted, at }) {
    return mine && kind === "text" && !deleted && serverNow() - Date.parse(at) < MessageMenu.EDIT_MS;
  }

  choices(message) {
    if (message.deleted || message.kind === "event") return [];
    if (message.mine) return MessageMenu.isFresh(message) ? ["edit", "delete"] : [];
    return this.room()?.may_moderate ? ["report", "remove", this.isMuted(message) ? "unmute" : "mute"] : ["report"];
  }

  isMuted({ username, guest }) {
    return this.room().muted.some((one) => one.username === username && one.guest === guest);
  }

  open(message) {
    const choices = this.choices(message);
    if (!choices.length) return this.handlers.onLate();
    this.message = message;
    this.dialog.returnValue = this.reason.value = "";
    this.show(choices); // before opening: an opened dialog focuses its first visible button
    this.dialog.showModal();
  }

  show(choices) {
    this.dialog.querySelector(".chat-quote").textContent = this.message.message;
    for (const part of this.dialog.querySelectorAll("[data-do]")) part.hidden = !choices.includes(part.dataset.do);
  }

  /** Update an open menu: its message can be changed or removed meanwhile, or its author muted. */
  follow() {
    if (!this.dialog.open) return;
    const choices = this.choices(this.message);
    if (!choices.length) return this.dialog.close("");
    this.show(choices);
    if (!this.dialog.contains(document.activeElement)) this.closer.focus(); // the focused button was hidden
  }

  perform(choice) {
    const { seq } = this.message;
    switch (choice) {
      case "edit":
        return this.handlers.onEdit(this.message);
      case "report":
        return this.handlers.onAct({ type: "report", seq, reason: this.reason.value.trim() });
      case "mute":
      case "unmute":
        return this.handlers.onAct({ type: "mute", seq, muted: choice === "mute" });
      case "delete":
      case "remove":
        return this.handlers.onAct({ type: choice, seq });
    }
  }
}
