import { between, duration, serverNow, timeOfDay } from "./clock.js";
import { pizzasApart, wordsOfStages } from "./pizzas.js";
import { wayOf } from "./ways.js";
import { write } from "./words.js";
import { Column, showIf } from "./board_columns.js";
import { moodOf, READY } from "./board_moods.js";
import { mainVerb } from "./board_verbs.js";
import { ticketsAt } from "./board_totals.js";
import { showWho, whoWords } from "./board_who.js";
import { byStart, byTurn, listOf } from "./board_works.js";

// The tickets of the board: their places, their text, and their move from one column to the next.

const LINES_AT_MOST = 6; // pizzas of an order that all have a line of their own
const FAST = 5; // above this speed a promise is a matter of seconds
const SLIDE_MS = 200;
const SLIDES_AT_MOST = 12; // at once; the eye can't follow more
const MOOD_WORDS = { calm: "", soon: "Due soon", late: "Late" };

/** All columns. `kitchen` is the state: orders, stations, shop, and whether simulated orders are hidden. */
export class Tickets {
  constructor(kitchen, worksOf) {
    this.kitchen = kitchen;
    this.isAlone = Boolean(worksOf); // one station on a screen of its own
    this.worksOf = worksOf ?? ((order) => [order]); // what of an order has a ticket
    this.floor = document.getElementById("stations");
    this.nodes = new Map(); // key of a work -> its ticket
    this.fillings = new WeakMap(); // a ticket's bar -> its animation
    this.template = document.getElementById("ticket").content.firstElementChild;
    this.pizzaTemplate = document.getElementById("ticket-pizza").content.firstElementChild;
    this.wordsOf = wordsOfStages();
    this.columns = new Map();
    for (const element of document.querySelectorAll(".station")) {
      this.columns.set(element.dataset.stage, new Column(element));
    }
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.offered = null; // the ticket that Tab reaches
    document.addEventListener("focusin", ({ target }) => this.offer(target.closest(".ticket") ?? undefined));
  }

  /** Draw the orders whose ids are in `changed`. */
  draw(changed) {
    const focused = document.activeElement?.closest?.(".ticket");
    const next = focused && (neighbour(focused, 1) ?? neighbour(focused, -1));
    const shown = this.group(({ simulated }) => !simulated || !this.kitchen.hidesSimulated);
    const moves = this.take(shown, changed);
    for (const [stage, column] of this.columns) column.place(shown.get(stage), this.nodes, this.inAll(stage));
    this.share(shown);
    this.tick(changed);
    for (const move of moves) this.slide(move);
    if (focused) keepFocus(focused, next);
    this.offer();
  }

  /** Let Tab reach one ticket, the last one focused; from there the arrow keys reach all others. */
  offer(ticket = document.activeElement?.closest?.(".ticket")) {
    const old = this.offered?.isConnected ? this.offered : null;
    const chosen = ticket ?? old ?? document.querySelector(".station .ticket");
    if (chosen === this.offered) return;
    if (this.offered) this.offered.tabIndex = -1;
    if (chosen) chosen.tabIndex = 0;
    this.offered = chosen;
  }

  /** Give each column its part of the screen: where one is busy, those without anything are narrow. */
  share(shown) {
    const wide = [...this.columns].filter(([stage, column]) => column.share(shown.get(stage)));
    this.floor.classList.add("drawn");
    this.floor.classList.toggle("pressed", wide.length > 0);
    this.floor.classList.toggle("fast", this.kitchen.shop.speed > FAST);
  }

  group(wanted) {
    const groups = new Map();
    for (const stage of this.columns.keys()) groups.set(stage, { working: [], held: [], waiting: [] });
    for (const order of this.kitchen.orders.values()) {
      if (!wanted(order)) continue;
      for (const work of this.worksOf(order)) groups.get(work.stage)[listOf(work)].push(work);
    }
    for (const { working, held, waiting } of groups.values()) {
      working.sort(byStart);
      held.sort(byTurn);
      waiting.sort(byTurn);
    }
    return groups;
  }

  /** Return how many tickets each list of a station would have if all had one; nothing if all have. */
  inAll(stage) {
    const { totals, stations } = this.kitchen;
    return totals ? ticketsAt(this.kitchen, stage, this.isAlone && stations.get(stage).works_on === "item") : {};
  }

  /** Return how many works of a station are known, in the longest of its lists. */
  knownAt(stage) {
    const counts = { working: 0, held: 0, waiting: 0 };
    const isOfItems = this.kitchen.stations.get(stage).works_on === "item";
    for (const order of this.kitchen.orders.values()) {
      for (const work of isOfItems ? order.items : [order]) if (work.stage === stage && work.state in counts) counts[work.state] += 1;
    }
    return Math.max(...Object.values(counts));
  }

  /** Return the pizzas by stage, one by one. */
  pizzasByStage() {
    const pizzas = new Map();
    for (const { items } of this.kitchen.orders.values()) {
      for (const item of items) {
        if (!pizzas.has(item.stage)) pizzas.set(item.stage, []);
        pizzas.get(item.stage).push(item);
      }
    }
    return pizzas;
  }

  /** Remove tickets that have left their list and create new ones. Return those that slide, with their old place. */
  take(shown, changed) {
    const places = new Map();
    for (const [stage, lists] of shown) {
      for (const [state, works] of Object.entries(lists)) {
        for (const work of works) places.set(work.key, [this.columns.get(stage).lists[state], work]);
      }
    }
    const listNow = (key) => places.get(key)?.[0];
    const leaving = [...this.nodes].filter(([key, node]) => node.parentNode !== listNow(key));
    const slides = leaving.filter(([key, node]) => places.has(key) && columnOf(node) !== columnOf(listNow(key)));
    const moves = slides.length > SLIDES_AT_MOST || this.calm.matches ? [] : slides.map(([, node]) => ({ node, from: node.getBoundingClientRect() }));
    for (const [key, node] of leaving) {
      node.remove();
      if (!places.has(key)) this.nodes.delete(key);
    }
    for (const [key, [, work]] of places) {
      if (this.nodes.has(key)) continue;
      this.nodes.set(key, this.make(work));
      changed.add(work.order_id);
    }
    return moves;
  }

  make({ order_id: id, item }) {
    const node = this.template.cloneNode(true);
    node.dataset.order = id;
    if (item) node.dataset.item = item;
    return node;
  }

  /** Update headings, times and moods, every second and after every change. */
  tick(changed = new Set()) {
    const now = serverNow();
    const { stations } = this.kitchen;
    const pizzas = this.pizzasByStage();
    for (const [stage, lists] of this.group(() => true)) {
      this.columns.get(stage).head(stations.get(stage), lists, pizzas.get(stage) ?? [], this.kitchen, now);
      for (const work of Object.values(lists).flat()) this.update(work, changed.has(work.order_id), now);
    }
    if (!changed.size) this.countHidden();
  }

  /** Say what is below the edges: not at every drawing, as it needs the layout at once. */
  countHidden() {
    for (const column of this.columns.values()) column.countHidden();
  }

  update(work, isChanged, now) {
    const node = this.nodes.get(work.key);
    if (!node) return; // hidden, or new: the next drawing makes its ticket
    if (isChanged) this.fill(node, work, now);
    this.time(node, work, now);
  }

  /** Write the text of a ticket, except for the times. One that only waits is compact, and opens with a tap. */
  fill(node, work, now) {
    const isCompact = listOf(work) !== "working";
    node.dataset.state = work.state;
    node.classList.toggle("compact", isCompact);
    write(node.querySelector(".number"), work.number);
    showWho(node, work, this.kitchen.who);
    this.fillPizzas(node, work, isCompact);
    node.querySelector(".promised").replaceChildren(...dueNodes(work, this.kitchen.shop.speed > FAST));
    node.querySelector(".more").ariaLabel = `More for ${nameOf(work)}`;
    this.fillButton(node.querySelector(".done"), work);
    delete node.dataset.mood; // so that the marks are written again
    this.run(node.querySelector(".fill"), work, now);
  }

  /** Write what the ticket's own button does, if there is anything for it. */
  fillButton(button, work) {
    const verb = mainVerb(work, this.kitchen.stations.get(work.stage));
    showIf(button, Boolean(verb));
    if (!verb) return;
    button.dataset.verb = verb.action;
    write(button, verb.label);
    button.ariaLabel = `${verb.name} ${nameOf(work)}`;
  }

  /** Write what was ordered or, of pizzas that are apart, a line for each, with where it is and two buttons. */
  fillPizzas(node, work, isCompact) {
    const list = node.querySelector(".pizzas");
    const apart = isCompact ? [] : pizzasApart(work);
    if (node.classList.contains("in-parts") !== apart.length > 0) list.replaceChildren();
    node.classList.toggle("in-parts", apart.length > 0);
    const lines = apart.length ? folded(apart) : toDo(work);
    const newLine = () => (apart.length ? this.pizzaTemplate.cloneNode(true) : document.createElement("li"));
    while (list.children.length > lines.length) list.lastChild.remove();
    lines.forEach((line, index) => {
      const row = list.children[index] ?? list.appendChild(newLine());
      if (apart.length) this.fillPizza(row, line, work);
      else write(row, (isCompact || work.item) && line.quantity === 1 ? line.name : `${line.quantity} × ${line.name}`);
    });
  }

  fillPizza(row, pizza, order) {
    row.dataset.item = pizza.number;
    row.dataset.state = pizza.state;
    row.classList.toggle("overdue", Boolean(pizza.overdue));
    row.classList.toggle("many", pizza.count > 1);
    write(row.querySelector(".name"), pizza.count > 1 ? `${pizza.count} × ${pizza.name}` : pizza.name);
    write(row.querySelector(".where"), pizza.overdue ? `${this.wordsOf(pizza)}, longer than usual` : this.wordsOf(pizza));
    const label = `${pizza.name}, number ${pizza.number} of ${order.number}`;
    row.querySelector(".pizza-done").ariaLabel = `Done with ${label}`;
    row.querySelector(".pizza-again").ariaLabel = `More for ${label}: make it again`;
  }

  /** Let the bar fill until the work is due. The browser's compositor animates it.
   *
   *  Its animation is remembered: to ask the browser for it makes it lay out the page anew, once for each ticket.
   */
  run(fill, order, now) {
    this.fillings.get(fill)?.cancel();
    this.fillings.delete(fill);
    if (order.state !== "working") return;
    const [start, due] = [Date.parse(order.started_at), Date.parse(order.due_at)];
    const done = Math.min(1, Math.max(0, (now - start) / Math.max(1, due - start)));
    const frames = [{ transform: `scaleX(${done})` }, { transform: "scaleX(1)" }];
    this.fillings.set(fill, fill.animate(frames, { duration: Math.max(0, due - now), fill: "forwards" }));
  }

  time(node, order, now) {
    const mood = moodOf(order, this.kitchen, now);
    if (node.dataset.mood !== mood) {
      node.dataset.mood = mood;
      this.mark(node, order, mood);
    }
    write(node.querySelector(".age"), `${duration(now - Date.parse(order.created_at))} old`);
    write(node.querySelector(".left"), leftWords(order, now));
  }

  mark(node, order, mood) {
    const words = {
      way: wayOf(order.way).label,
      late: MOOD_WORDS[mood],
      overdue: order.overdue && "Longer than usual",
      rushed: order.rushed && "Rushed",
      simulated: order.simulated && "Simulated",
    };
    const marks = Object.entries(words).filter(([, word]) => word);
    node.querySelector(".marks").replaceChildren(...marks.map(markNode));
    const who = whoWords(order, this.kitchen.who);
    node.ariaLabel = [order.number, ...(who ? [who] : []), order.summary, order.item ? this.wordsOf(order) : order.words, ...marks.map(([, word]) => word)].join(", ");
  }

  /** Move a copy to the new place: the columns scroll and would clip the ticket itself. */
  slide({ node, from }) {
    const to = node.getBoundingClientRect();
    const isSeen = (box) => box.width && box.bottom > 0 && box.top < innerHeight;
    if (!isSeen(from) || !isSeen(to)) return;
    const copy = node.cloneNode(true);
    copy.classList.add("flying");
    copy.inert = true;
    delete copy.dataset.order;
    Object.assign(copy.style, { left: `${to.left}px`, top: `${to.top}px`, width: `${to.width}px`, height: `${to.height}px` });
    document.body.append(copy);
    const begin = { transform: `translate(${from.left - to.left}px, ${from.top - to.top}px)` };
    const flight = copy.animate([begin, { transform: "none" }], { duration: SLIDE_MS, easing: "ease-out" });
    flight.onfinish = flight.oncancel = () => copy.remove();
    node.animate([{ opacity: 0 }, { opacity: 0 }], SLIDE_MS);
  }
}

/** A compact ticket has no room for the words: the style shows a sign for each, and the title says it. */
function markNode([name, word]) {
  const mark = document.createElement("span");
  mark.className = `sign ${name}`;
  mark.title = word;
  mark.append(Object.assign(document.createElement("span"), { className: "word", textContent: word }));
  return mark;
}

/** Return "for 18:42", the end of what was promised; in a crowd the style leaves out the first word. */
function dueNodes({ promise }, isFast) {
  if (!promise) return [];
  const word = Object.assign(document.createElement("span"), { className: "for", textContent: "for " });
  const time = isFast ? between(promise).split("–").at(-1) : timeOfDay(promise.high);
  return [word, time.split(", ").at(-1)]; // without the day: it is a matter of hours
}

function nameOf({ item, number, pizzas: [pizza] }) {
  return item ? `${pizza.name}, number ${item} of ${number}` : number;
}

/** Return what is still to be done where an order stands: of pizzas that are apart, those that wait there. */
function toDo(work) {
  const here = pizzasApart(work).filter(({ stage, state }) => stage === work.stage && state !== "done");
  if (!here.length) return work.pizzas;
  const counts = new Map();
  for (const { name } of here) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, quantity]) => ({ name, quantity }));
}

/** Return one line for each pizza; of many, one for those alike that wait or are done: what is worked on has buttons. */
function folded(pizzas) {
  if (pizzas.length <= LINES_AT_MOST) return pizzas;
  const lines = new Map();
  for (const pizza of pizzas) {
    const { number, name, stage, state } = pizza;
    const key = ["waiting", "done"].includes(state) ? [name, stage, state].join("\n") : number;
    const line = lines.get(key) ?? { ...pizza, count: 0 };
    line.count += 1;
    lines.set(key, line);
  }
  return [...lines.values()];
}

function leftWords(order, now) {
  if (order.state === "held") return "On hold";
  if (order.overdue) return "longer than usual";
  if (order.stage === READY) return `ready ${duration(now - Date.parse(order.joined_at))}`;
  if (order.state === "waiting") return `waits ${duration(now - Date.parse(order.joined_at))}`;
  const left = Date.parse(order.due_at) - now;
  return left > 0 ? `${duration(left)} left` : "any moment";
}

export function columnOf(node) {
  return node.closest(".station");
}

/** Return the next or previous ticket in the column, across the borders of its lists. */
export function neighbour(ticket, step) {
  const tickets = [...columnOf(ticket).querySelectorAll(".ticket")];
  return tickets[tickets.indexOf(ticket) + step];
}

/** Give the focus back to a ticket that moved, or to the neighbour of one that left the board. */
function keepFocus(focused, next) {
  const heir = focused.isConnected ? focused : next?.isConnected ? next : document.querySelector(".ticket");
  if (!heir?.contains(document.activeElement)) heir?.focus({ preventScroll: true });
}
