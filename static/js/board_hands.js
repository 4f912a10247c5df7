import { write } from "./words.js";
import { columnOf, neighbour } from "./board_tickets.js";
import { wordsOfStages } from "./pizzas.js";
import { wayOf } from "./ways.js";

// Handle what staff do on the board by touch, mouse or keyboard. The board provides the actions.

/** Keys for the ticket that has the focus. */
const KEYS = { d: "advance", r: "recall", h: "hold", f: "rush" };

export class Hands {
  constructor(kitchen, actions) {
    this.kitchen = kitchen;
    this.actions = actions; // send(order, action, more), change(message), undo(), toggleNumbers()
    this.dialog = document.getElementById("ticket-dialog");
    this.order = null; // the order of the open dialog, as it was when the dialog opened
    this.pizza = null; // and the one of its pizzas that the dialog is about, if it is about one
    this.wordsOf = wordsOfStages();
    this.wanted = new Map(); // stage -> places that were requested, until the kitchen answers
    document.addEventListener("keydown", (event) => this.key(event));
    document.getElementById("stations").addEventListener("click", (event) => this.click(event));
    this.dialog.addEventListener("click", ({ target }) => this.choose(target.closest("[data-action]")));
    document.getElementById("its-pizzas").addEventListener("click", ({ target }) => this.choosePizza(target.closest("button")));
    document.getElementById("cancel-form").addEventListener("submit", (event) => this.cancel(event));
    document.getElementById("lately").addEventListener("click", ({ target }) => this.bringBack(target.closest("button")));
    this.forms();
  }

  // Tickets

  orderOf(ticket) {
    return this.kitchen.orders.get(ticket?.dataset.order);
  }

  click({ target }) {
    const ticket = target.closest(".ticket");
    const button = target.closest("button");
    if (!ticket) return button && this.station(columnOf(button).dataset.stage, button.classList);
    ticket.focus({ preventScroll: true });
    const item = Number(button?.closest("[data-item]")?.dataset.item);
    if (item) return this.pizzaButton(this.orderOf(ticket), item, button.classList);
    if (button?.classList.contains("done")) this.actions.send(this.orderOf(ticket), "advance");
    if (button?.classList.contains("more")) this.open(this.orderOf(ticket));
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
    write(part("ticket-words"), `${pizza ? this.wordsOf(pizza) : order.words}${order.simulated ? ", simulated" : ""}`);
    write(part("again-title"), pizza || order.items.length < 2 ? "Make it again, because" : "Make all again, because");
    this.dialog.classList.toggle("of-pizza", Boolean(pizza));
    write(part("cancel-button"), pizza ? "Cancel this pizza" : "Cancel the order");
    for (const button of this.dialog.querySelectorAll("[data-action]")) button.hidden = !makesSense(button.dataset, order, pizza);
    for (const section of ["its-pizzas", "move-to"]) part(section).hidden = part(section).previousElementSibling.hidden = Boolean(pizza);
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
    if (order.state === "cancelled") this.actions.send(order, "override", { stage: firstStage() });
    else this.actions.send(order, "recall");
  }

  // Stations and shop

  station(stage, names) {
    const station = this.kitchen.stations.get(stage);
    if (!station) return; // the board has not come yet
    if (names.contains("settings")) return this.openStation(station);
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

  openStation(station) {
    const form = document.getElementById("station-form");
    form.dataset.stage = station.stage;
    write(document.getElementById("station-title"), station.name);
    form.is_open.checked = station.is_open;
    form.places.value = station.places;
    form.mean_seconds.value = station.mean_seconds;
    form.as_measured.checked = station.as_measured;
    write(document.getElementById("station-measured"), measuredWords(station));
    form.parentElement.showModal();
  }

  forms() {
    const [station, shop] = ["station-form", "shop-form"].map((id) => document.getElementById(id));
    station.addEventListener("submit", ({ submitter }) => {
      if (submitter?.value !== "save") return;
      const { stage } = station.dataset;
      const places = Number(station.places.value);
      const mean_seconds = Number(station.mean_seconds.value);
      const [is_open, as_measured] = [station.is_open.checked, station.as_measured.checked];
      this.actions.change({ action: "station", stage, places, mean_seconds, is_open, as_measured });
    });
    shop.addEventListener("submit", ({ submitter }) => {
      if (submitter?.value !== "save") return;
      const carry_out_share = Number(shop.carry_out_percent.value) / 100;
      this.actions.change({ action: "shop", speed: Number(shop.speed.value), demand_per_hour: Number(shop.demand_per_hour.value), carry_out_share, is_open: shop.is_open.checked });
    });
    document.getElementById("open-shop").addEventListener("click", () => {
      shop.is_open.checked = this.kitchen.shop.is_open;
      shop.speed.value = this.kitchen.shop.speed;
      shop.demand_per_hour.value = this.kitchen.shop.demand_per_hour;
      shop.carry_out_percent.value = Number((this.kitchen.shop.carry_out_share * 100).toPrecision(6));
      shop.parentElement.showModal();
    });
    for (const name of ["help", "look"]) {
      const dialog = document.getElementById(`${name}-dialog`);
      document.getElementById(`open-${name}`).addEventListener("click", () => dialog.showModal());
    }
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
    const order = this.orderOf(ticket);
    if (!order) return false;
    if (letter === "enter") return target === ticket && this.opened(order);
    if (letter === "m") return this.opened(order, "#move-to button:not([hidden])");
    if (letter === "c") return this.opened(order, "#reason");
    if (!KEYS[letter]) return false;
    this.actions.send(order, letter === "h" && order.state === "held" ? "resume" : KEYS[letter]);
    return true;
  }

  opened(order, focus) {
    this.open(order, focus);
    return true;
  }

  show(id) {
    document.getElementById(id).showModal();
    return true;
  }

  /** Move the focus to the next ticket, or to the first one if no ticket has it. */
  walk(ticket, { key, target }) {
    if (!ticket && target !== document.body && target.id !== "main" && !target.closest(".station")) return false;
    const goal = ticket ? nextTo(ticket, key) : (target.closest(".station") ?? document).querySelector(".ticket");
    goal?.focus();
    goal?.scrollIntoView({ block: "nearest" });
    return Boolean(goal);
  }
}

function makesSense({ action, stage }, order, pizza) {
  const work = pizza ?? order;
  if (action === "advance") return work.state !== "done" && work.state !== "cancelled";
  if (action === "hold") return ["waiting", "working"].includes(work.state);
  if (action === "resume") return work.state === "held";
  if (action === "rush") return !order.rushed && work.state !== "done";
  if (action === "recall") return work.stage !== firstStage();
  if (action === "remake") return true;
  return stage !== order.stage && !wayOf(order.way).skips.includes(stage);
}

function pizzaOf(order, wanted) {
  return order?.items.find(({ number }) => number === wanted);
}

function lower(words) {
  return words.charAt(0).toLowerCase() + words.slice(1);
}

/** Return the first stage: the columns are in the order of the stages. */
function firstStage() {
  return document.querySelector(".station").dataset.stage;
}

function nextTo(ticket, key) {
  if (key === "ArrowUp" || key === "ArrowDown") return neighbour(ticket, key === "ArrowUp" ? -1 : 1);
  const columns = [...document.querySelectorAll(".station")].filter((column) => column.querySelector(".ticket"));
  const column = columns[columns.indexOf(columnOf(ticket)) + (key === "ArrowLeft" ? -1 : 1)];
  if (!column) return null;
  // The ticket at the same height, or the last one above it
  const top = ticket.getBoundingClientRect().top;
  const tickets = [...column.querySelectorAll(".ticket")];
  return tickets.filter((other) => other.getBoundingClientRect().top <= top).at(-1) ?? tickets[0];
}

function measuredWords({ measured }) {
  if (!measured) return "Promises use the times as set until enough work has been measured here.";
  return `${measured.works} samples: ${Math.round(measured.mean_seconds)} ± ${Math.round(measured.spread_seconds)} kitchen seconds.`;
}
