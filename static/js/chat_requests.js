import { make, textButton } from "./chat_text.js";

// A customer asks to cancel or change an order; staff answer with one click.

const STATES = {
  open: "Waiting for the kitchen's answer",
  accepted: "✓ Done",
  declined: "× Declined",
  "too late": "× Too late",
  "replaced by a newer wish": "Replaced by a newer request",
};

/** Draw the part below a request's text: its state and, for staff who can answer, two buttons. */
export function requestPart(message, onAnswer) {
  const { state = "open", answer = "" } = message.data ?? {};
  const part = make("div", "request");
  part.dataset.state = state;
  part.append(make("p", "request-state", STATES[state] ?? state));
  if (answer) part.append(make("p", "request-answer", answer));
  if (state === "open" && onAnswer && !message.mine) part.append(answerButtons(message, onAnswer));
  return part;
}

function answerButtons(message, onAnswer) {
  const buttons = make("div", "choices");
  buttons.append(
    textButton("Accept", "btn btn-primary", () => onAnswer(message, true)),
    textButton("Decline", "btn btn-outline-primary", () => onAnswer(message, false)),
  );
  return buttons;
}

/** The customer's side: two buttons while a request is possible, and the form with the quantities. */
export class Requests {
  constructor(root, send) {
    this.box = root.querySelector(".chat-requests");
    this.send = send;
    for (const request of ["cancel", "change"]) {
      const dialog = this.box.querySelector(`dialog[data-request="${request}"]`);
      const button = this.box.querySelector(`button[data-request="${request}"]`);
      button.addEventListener("click", () => dialog.showModal());
      dialog.querySelector("form").addEventListener("submit", (event) => this.ask(request, event));
    }
    this.box.addEventListener("input", () => this.box.querySelector("input").setCustomValidity(""));
  }

  ask(request, event) {
    if (event.submitter?.value !== "ask") return;
    const fields = [...event.target.querySelectorAll("input")];
    const items = fields.map(({ name, valueAsNumber }) => ({ id: Number(name), quantity: valueAsNumber || 0 })).filter(({ quantity }) => quantity > 0);
    if (request === "change" && !items.length) {
      event.preventDefault();
      fields[0].setCustomValidity("Choose at least one pizza, or ask to cancel.");
      return fields[0].reportValidity();
    }
    this.send(request === "change" ? { type: "wish", wish: request, items } : { type: "wish", wish: request });
  }

  /** Show the requests that are possible at the order's stage. Each button lists its stages. */
  show({ stage }) {
    const buttons = [...this.box.querySelectorAll("button[data-request]")];
    for (const button of buttons) button.hidden = !button.dataset.stages.split(" ").includes(stage);
    this.box.hidden = buttons.every((button) => button.hidden);
  }
}
