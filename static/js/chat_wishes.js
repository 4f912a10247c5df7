import { make, textButton } from "./chat_text.js";

// An order's customer asks to cancel or change it; staff answer with one click.

const WISH_WORDS = {
  open: "Waiting for the kitchen's answer",
  accepted: "✓ Done",
  declined: "× Declined",
  "too late": "× Too late",
  "replaced by a newer wish": "Replaced by a newer request",
};

/** What stands under the words of a wish: how it stands, and for who may answer the two buttons. */
export function wishPart(message, onAnswer) {
  const { state = "open", answer = "" } = message.data ?? {};
  const part = make("div", "wish");
  part.dataset.state = state;
  part.append(make("p", "wish-state", WISH_WORDS[state] ?? state));
  if (answer) part.append(make("p", "wish-answer", answer));
  if (state === "open" && onAnswer && !message.mine) part.append(wishButtons(message, onAnswer));
  return part;
}

function wishButtons(message, onAnswer) {
  const buttons = make("div", "choices");
  buttons.append(
    textButton("Accept", "btn btn-primary", () => onAnswer(message, true)),
    textButton("Decline", "btn btn-outline-primary", () => onAnswer(message, false)),
  );
  return buttons;
}

/** The customer's side: two buttons while it is still possible, and the form with the quantities. */
export class Wishes {
  constructor(root, send) {
    this.box = root.querySelector(".chat-wishes");
    this.send = send;
    for (const wish of ["cancel", "change"]) {
      const dialog = this.box.querySelector(`dialog[data-wish="${wish}"]`);
      const button = this.box.querySelector(`button[data-wish="${wish}"]`);
      button.addEventListener("click", () => dialog.showModal());
      dialog.querySelector("form").addEventListener("submit", (event) => this.wish(wish, event));
    }
    this.box.addEventListener("input", () => this.box.querySelector("input").setCustomValidity(""));
  }

  wish(wish, event) {
    if (event.submitter?.value !== "ask") return;
    const fields = [...event.target.querySelectorAll("input")];
    const items = fields.map(({ name, valueAsNumber }) => ({ id: Number(name), quantity: valueAsNumber || 0 })).filter(({ quantity }) => quantity > 0);
    if (wish === "change" && !items.length) {
      event.preventDefault();
      fields[0].setCustomValidity("Choose at least one pizza, or ask to cancel.");
      return fields[0].reportValidity();
    }
    this.send(wish === "change" ? { type: "wish", wish, items } : { type: "wish", wish });
  }

  /** What can still be asked of an order at this stage: the buttons name the stages at which they make sense. */
  show({ stage }) {
    const buttons = [...this.box.querySelectorAll("button[data-wish]")];
    for (const button of buttons) button.hidden = !button.dataset.stages.split(" ").includes(stage);
    this.box.hidden = buttons.every((button) => button.hidden);
  }
}
