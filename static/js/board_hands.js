import { write } from "./words.js";
import { wordsOfStages } from "./pizzas.js";
import { Forms } from "./board_forms.js";
import { columnOf } from "./board_tickets.js";
import { firstStage, makesSense } from "./board_verbs.js";
import { goalOf } from "./board_walk.js";
import { whoWords } from "./board_who.js";

// Handle what staff do on the board by touch, mouse or keyboard. The board provides the actions.

const REST_MS = 700; // after a tap: the ticket moves, and a double tap must not hit what comes there
const FINGER_PX = 48;

/** Keys for the ticket that has the focus. */
const KEYS = { d: "advance", t: "take", r: "recall", h: "hold", f: "rush" };

export class Hands {
  constructor(kitchen, actions) {
    this.kitchen = kitchen;
    this.actions = actions; // send(order, action, more), change(message), undo(), toggleNumbers(), showMore(stage)
    this.dialog = document.getElementById("ticket-dialog");
    this.order = null; // the order of the open dialog, as it was when the dialog opened
    this.pizza = null; // and the one of its pizzas that the dialog is about, if it is about one
    this.wordsOf = wordsOfStages();
    this.tapped = { at: -REST_MS, x: 0, y: 0 }; // the last tap that ended something
    this.canMove = "moves" in document.getElementById("floor").dataset; // as the page says; the kitchen decides
    this.wanted = new Map(); // stage -> places that were requested, until the kitchen answers
    document.addEventListener("keydown", (event) => this.key(event));
    document.getElementById("stations").addEventListener("click", (event) => this.click(event));
    this.dialog.addEventListener("click", ({ target }) => this.choose(target.closest("[data-action]")));
    document.getElementById("its-pizzas").addEventListener("click", ({ target }) => this.choosePizza(target.closest("button")));
    document.getElementById("cancel-form").addEventListener("submit", (event) => this.cancel(event));
    document.getElementById("lately").addEventListener("click", ({ target }) => this.bringBack(target.closest("button")));
    this.forms = new Forms(kitchen, actions.change);
  }

  // Tickets

  orderOf(ticket) {
    return this.kitchen.orders.get(ticket?.dataset.order);
  }

  /** Return the pizza that a ticket is about; none if it is about its order. */
  pizzaOfTicket(ticket) {
    return pizzaOf(this.orderOf(ticket), Number(ticket.dataset.item)) ?? null;
  }

  click(event) {
    const { target } = event;
    const ticket = target.closest(".ticket");
    const button = target.closest("button");
    if (!ticket) return button && this.station(columnOf(button).dataset.stage, button.classList);
    if (button?.matches(".done, .pizza-done") && this.isSecondTap(event)) return;
    ticket.focus({ preventScroll: true });
    const item = Number(button?.closest(".piece")?.dataset.item);
    if (item) return this.pizzaButton(this.orderOf(ticket), item, button.classList);
    if (button?.classList.contains("done")) this.send(ticket, button.dataset.verb);
    if (button?.classList.contains("more")) this.open(this.orderOf(ticket), undefined, this.pizzaOfTicket(ticket));
  }

  /** A click that a key has made has no place, and is none. */
  isSecondTap({ timeStamp, clientX: x, clientY: y, detail }) {
    if (!detail) return false;
    const { at, ...last } = this.tapped;
    const isSecond = timeStamp - at < REST_MS && Math.hypot(x - last.x, y - last.y) < FINGER_PX;
    if (!isSecond) this.tapped = { at: timeStamp, x, y };
    return isSecond;
  }

  send(ticket, action) {
    const pizza = this.pizzaOfTicket(ticket);
    this.actions.send(this.orderOf(ticket), action, pizza ? { item: pizza.number } : {});
  }

  pizzaButton(order, item, names) {
    if (names.contains("pizza-done")) this.actions.send(order, "advance", { item });
    else this.open(order, "#make-again button", pizzaOf(order, item));
  }

  /** Open the dialog about an order, or about one of its pizzas. */
  open(order, focus = "button:not([hidden])", pizza = null) {
    if (!order) return;
    this.order = order;
    this.pizza = pizza;
    const part = (id) => document.getElementById(id);
    write(part("ticket-title"), `${order.number} · ${pizza?.name ?? (order.summary || "no pizzas")}`);
    const words = [pizza ? this.wordsOf(pizza) : order.words, whoWords(order, this.kitchen.who), order.simulated && "simulated"];
    write(part("ticket-words"), words.filter(Boolean).join(", "));
    write(part("again-title"), pizza || order.items.length < 2 ? "Make it again, because" : "Make all again, because");
    this.dialog.classList.toggle("of-pizza", Boolean(pizza));
    write(part("cancel-button"), pizza ? "Cancel this pizza" : "Cancel the order");
    const isOffered = (verb) => makesSense(verb, order, pizza, this.kitchen.stations);
    for (const button of this.dialog.querySelectorAll("[data-action]")) button.hidden = !isOffered(button.dataset);
    const sections = { "its-pizzas": !pizza, "move-to": !pizza, "make-again": isOffered({ action: "remake" }), "cancel-form": isOffered({ action: "cancel" }) };
    for (const [id, is] of Object.entries(sections)) part(id).hidden = part(id).previousElementSibling.hidden = !is;
    part("its-pizzas").replaceChildren(...order.items.filter(({ state }) => state !== "cancelled").map((item) => this.pizzaChoice(item)));
    part("reason").value = "";
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.querySelector(focus)?.focus();
  }

  pizzaChoice(pizza) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn";
    button.value = pizza.number;
    button.textContent = `${pizza.name}: ${lower(this.wordsOf(pizza))}`;
    return button;
  }

  choosePizza(button) {
    if (button) this.open(this.order, undefined, pizzaOf(this.order, Number(button.value)));
  }

  choose(button) {
    if (!button) return;
    this.dialog.close();
    const { action, stage, reason } = button.dataset;
    this.actions.send(this.order, action, { ...(stage && { stage }), ...(reason && { reason }), ...this.item() });
  }

  cancel(event) {
    event.preventDefault();
    this.dialog.close();
    this.actions.send(this.order, "cancel", { reason: document.getElementById("reason").value, ...this.item() });
  }

  item() {
    return this.pizza ? { item: this.pizza.number } : {};
  }

  bringBack(button) {
    const order = button && this.kitchen.lately.find(({ order_id }) => order_id === button.dataset.order);
    if (!order) return;
    if (order.state === "cancelled") this.actions.send(order, "override", { stage: firstStage(this.kitchen.stations) });
    else this.actions.send(order, "recall");
  }

  // Stations and shop

  station(stage, names) {
    const station = this.kitchen.stations.get(stage);
    if (!station) return; // the board has not come yet
    if (names.contains("settings")) return this.forms.openStation(station);
    if (names.contains("rest")) return this.actions.showMore(stage);
    const step = Number(names.contains("more")) - Number(names.contains("less"));
    if (!step) return;
    const places = (this.wanted.get(stage) ?? station.places) + step; // two quick taps add up to two places
    this.wanted.set(stage, places);
    this.actions.change({ action: "station", stage, places });
  }

  /** Forget the requested places once the kitchen has answered. */
  settle() {
    this.wanted.clear();
  }

  // Keys

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, select, textarea")) return;
    const ticket = event.target.closest(".ticket");
    const done = event.key.startsWith("Arrow") ? this.walk(ticket, event) : this.letter(event.key, ticket, event);
    if (done) event.preventDefault();
  }

  letter(key, ticket, { target, repeat }) {
    if (repeat) return false; // a key that is held down counts once
    const letter = key.toLowerCase();
    if (letter === "?") return this.show("help-dialog");
    if (letter === "u") return this.actions.undo();
    if (letter === "n") return this.actions.toggleNumbers();
    if (letter === "s") return this.showMore(target);
    const order = this.orderOf(ticket);
    if (!order || !this.canMove) return false;
    const pizza = this.pizzaOfTicket(ticket);
    if (letter === "enter") return target === ticket && this.opened(order, undefined, pizza);
    if (letter === "m") return this.opened(order, "#move-to button:not([hidden])"); // a pizza moves with its order
    if (letter === "c") return this.opened(order, "#reason", pizza);
    if (!KEYS[letter]) return false;
    this.send(ticket, letter === "h" && (pizza ?? order).state === "held" ? "resume" : KEYS[letter]);
    return true;
  }

  /** Show more of the column that the focus is in. */
  showMore(target) {
    const column = target.closest(".station") ?? document.querySelector(".station.alone");
    return Boolean(column) && !column.querySelector(".rest").hidden && this.actions.showMore(column.dataset.stage);
  }

  opened(order, focus, pizza) {
    this.open(order, focus, pizza);
    return true;
  }

  show(id) {
    document.getElementById(id).showModal();
    return true;
  }

  /** Move the focus to the next ticket, or to the first one if no ticket has it. */
  walk(ticket, { key, target }) {
    if (!ticket && target !== document.body && target.id !== "main" && !target.closest(".station")) return false;
    const goal = ticket ? goalOf(ticket, key) : (target.closest(".station") ?? document).querySelector(".ticket");
    goal?.focus();
    goal?.scrollIntoView({ block: "nearest" });
    return Boolean(goal);
  }
}

function pizzaOf(order, wanted) {
  return order?.items.find(({ number }) => number === wanted);
}

function lower(words) {
  return words.charAt(0).toLowerCase() + words.slice(1);
}
