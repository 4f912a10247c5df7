import { between, duration, serverNow } from "./clock.js";
import { pizzasApart, wordsOfStages } from "./pizzas.js";
import { wayOf } from "./ways.js";
import { write } from "./words.js";

// The tickets of the board: their places, their text, and their move from one column to the next.

const READY = "ready"; // to collect: what was promised has come true
const LINES_AT_MOST = 6; // pizzas of an order that all have a line of their own
const SLIDE_MS = 200;
const SLIDES_AT_MOST = 12; // at once; the eye can't follow more
const MOOD_WORDS = { calm: "", soon: "Due soon", late: "Late" };

/** Parse "2 × Margherita, 1 × Diavola" into [{name, quantity}, ...]. */
export function pizzasOf({ summary }) {
  return summary
    .split(/, (?=\d+ × )/)
    .filter(Boolean)
    .map((text) => {
      const cut = text.indexOf(" × ");
      return { name: text.slice(cut + 3), quantity: Number(text.slice(0, cut)) };
    });
}

/** Compare by turn: rushed orders first, then first come, first served. The kitchen decides; this shows its line. */
function byTurn(a, b) {
  return b.rushed - a.rushed || compare(a.joined_at, b.joined_at) || compare(a.created_at, b.created_at);
}

function byStart(a, b) {
  return compare(a.started_at, b.started_at) || byTurn(a, b);
}

function compare(a, b) {
  return a < b ? -1 : Number(a > b);
}

export function showIf(element, is) {
  if (element.hidden === is) element.hidden = !is;
}

/** Return how long an order's work usually takes at a station, in ms of wall time. */
function usualMs(order, station, speed) {
  const rounds = station.kind === "belt" ? 1 : Math.ceil(order.count / station.places);
  const pizzas = station.works_on === "item" ? rounds : station.per_pizza ? order.count : 1;
  return (1000 * station.mean_seconds * pizzas) / speed;
}

/** Return the mood: "late" once the promised interval has passed, "soon" if it will probably be missed. */
export function moodOf(order, kitchen, now) {
  if (order.stage === READY) return "calm";
  if (order.promise) {
    const high = Date.parse(order.promise.high);
    if (now > high) return "late";
    return order.eta && Date.parse(order.eta.median) > high ? "soon" : "calm";
  }
  const work = workMs(order, kitchen);
  const age = now - Date.parse(order.created_at);
  if (age > work * kitchen.shop.late_after) return "late";
  return age > work * kitchen.shop.soon_after ? "soon" : "calm";
}

/** Return how long all work on an order usually takes, until it is at the door or ready to collect. */
function workMs(order, { stations, shop }) {
  const { skips } = wayOf(order.way);
  const passed = [...stations.values()].filter(({ stage }) => stage !== READY && !skips.includes(stage));
  return passed.reduce((sum, station) => sum + usualMs(order, station, shop.speed), 0);
}

/** One column: the heading of its station and its three lists. */
class Column {
  constructor(element) {
    this.element = element;
    this.lists = {};
    for (const state of ["working", "held", "waiting"]) this.lists[state] = element.querySelector(`.${state}`);
  }

  /** Put each ticket in its place. A ticket that is already there is not touched. */
  place(orders, nodes) {
    for (const [state, list] of Object.entries(this.lists)) {
      let here = list.firstChild;
      for (const order of orders[state]) {
        const node = nodes.get(order.order_id);
        if (node === here) here = here.nextSibling;
        else list.insertBefore(node, here);
      }
      if (state !== "working") {
        const title = list.previousElementSibling;
        showIf(title, orders[state].length > 0);
        write(title, `${state === "held" ? "On hold" : "In line"} · ${orders[state].length}`);
      }
    }
    showIf(this.element.querySelector(".nobody"), !Object.values(orders).some((list) => list.length));
  }

  /** `orders` are those in the column, `pizzas` those that are at the station, wherever their order's ticket is. */
  head(station, orders, pizzas, speed, now) {
    const isOfItems = station.works_on === "item";
    const taken = isOfItems ? pizzas.filter(({ state }) => state === "working").length : orders.working.length;
    const hasPlaces = station.stage !== READY && station.kind !== "belt";
    const load = hasPlaces ? `${taken} of ${station.places}` : taken;
    write(this.element.querySelector(".load"), station.is_open ? String(load) : "Closed");
    write(this.element.querySelector("output"), station.places === 1 ? "1 place" : `${station.places} places`);
    write(this.element.querySelector(".line"), isOfItems ? lineOfPizzas(station, pizzas, speed, now) : lineWords(station, orders, speed, now));
    this.element.classList.toggle("closed", !station.is_open);
    this.element.classList.toggle("full", hasPlaces && taken >= station.places);
    this.element.classList.toggle("placeless", !hasPlaces);
  }
}

function lineWords(station, { working, waiting }, speed, now) {
  if (!waiting.length) {
    if (station.stage === READY) return working.length ? "To be collected" : "Nobody waiting";
    if (!station.is_open) return "Closed to new work";
    return working.length < station.places ? "No wait" : "Nobody waiting";
  }
  const longest = now - Math.min(...waiting.map((order) => Date.parse(order.joined_at)));
  const words = `${waiting.length} in line, ${duration(longest)} so far`;
  if (!station.is_open) return words;
  const free = Math.min(...working.map((order) => Math.max(0, Date.parse(order.due_at) - now)));
  const work = waiting.reduce((sum, order) => sum + usualMs(order, station, speed), 0);
  return `${words} · about ${duration((Number.isFinite(free) ? free : 0) + work / station.places)} to wait now`;
}

/** The same for a station at which each pizza has a place of its own. */
function lineOfPizzas(station, pizzas, speed, now) {
  const [waiting, working] = ["waiting", "working"].map((wanted) => pizzas.filter(({ state }) => state === wanted));
  if (!waiting.length) return lineWords(station, { working, waiting }, speed, now);
  const words = `${waiting.length} ${waiting.length === 1 ? "pizza" : "pizzas"} in line`;
  if (!station.is_open || station.kind === "belt") return words;
  const free = Math.min(...working.map((pizza) => Math.max(0, Date.parse(pizza.due_at) - now)));
  const work = (waiting.length * 1000 * station.mean_seconds) / speed;
  return `${words} · about ${duration((Number.isFinite(free) ? free : 0) + work / station.places)} to wait now`;
}

/** All columns. `kitchen` is the state: orders, stations, shop, and whether simulated orders are hidden. */
export class Tickets {
  constructor(kitchen) {
    this.kitchen = kitchen;
    this.nodes = new Map(); // order_id -> its ticket
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
    for (const [stage, column] of this.columns) column.place(shown.get(stage), this.nodes);
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

  group(wanted) {
    const groups = new Map();
    for (const stage of this.columns.keys()) groups.set(stage, { working: [], held: [], waiting: [] });
    for (const order of this.kitchen.orders.values()) if (wanted(order)) groups.get(order.stage)[order.state].push(order);
    for (const { working, held, waiting } of groups.values()) {
      working.sort(byStart);
      held.sort(byTurn);
      waiting.sort(byTurn);
    }
    return groups;
  }

  /** Return the pizzas that are worked on, or wait, one by one. */
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
      for (const [state, orders] of Object.entries(lists)) {
        for (const order of orders) places.set(order.order_id, this.columns.get(stage).lists[state]);
      }
    }
    const leaving = [...this.nodes].filter(([id, node]) => node.parentNode !== places.get(id));
    const slides = leaving.filter(([id, node]) => places.has(id) && columnOf(node) !== columnOf(places.get(id)));
    const moves = slides.length > SLIDES_AT_MOST || this.calm.matches ? [] : slides.map(([, node]) => ({ node, from: node.getBoundingClientRect() }));
    for (const [id, node] of leaving) {
      node.remove();
      if (!places.has(id)) this.nodes.delete(id);
    }
    for (const id of places.keys()) {
      if (this.nodes.has(id)) continue;
      this.nodes.set(id, this.make(id));
      changed.add(id);
    }
    return moves;
  }

  make(id) {
    const node = this.template.cloneNode(true);
    node.dataset.order = id;
    return node;
  }

  /** Update headings, times and moods, every second and after every change. */
  tick(changed = new Set()) {
    const now = serverNow();
    const { stations, shop } = this.kitchen;
    const pizzas = this.pizzasByStage();
    for (const [stage, orders] of this.group(() => true)) {
      this.columns.get(stage).head(stations.get(stage), orders, pizzas.get(stage) ?? [], shop.speed, now);
    }
    for (const [id, node] of this.nodes) {
      const order = this.kitchen.orders.get(id);
      if (!order) continue; // it has left, and the next drawing removes its ticket
      if (changed.has(id)) this.fill(node, order, now);
      this.time(node, order, now);
    }
  }

  /** Write the text of a ticket, except for the times. */
  fill(node, order, now) {
    node.dataset.state = order.state;
    write(node.querySelector(".number"), order.number);
    this.fillPizzas(node, order);
    write(node.querySelector(".promised"), order.promise ? `for ${between({ ...order.promise, low: order.promise.high })}` : "");
    node.querySelector(".more").ariaLabel = `More for ${order.number}`;
    this.fillDone(node.querySelector(".done"), order);
    delete node.dataset.mood; // so that the marks are written again
    this.run(node.querySelector(".fill"), order, now);
  }

  /** Write what the ticket's own button ends: while the pizzas are apart, those that are worked on in this column. */
  fillDone(button, order) {
    const apart = pizzasApart(order);
    const here = apart.filter(({ stage, state }) => stage === order.stage && state === "working").length;
    showIf(button, !apart.length || here > 1);
    write(button, order.stage === READY ? "Handed over" : apart.length ? (here === 2 ? "Both done" : `All ${here} done`) : "Done");
    button.ariaLabel = `${order.stage === READY ? "Handed over:" : "Done with"} ${order.number}`;
  }

  /** Write what was ordered; while its pizzas are apart, a line for each, with where it is and two buttons. */
  fillPizzas(node, order) {
    const list = node.querySelector(".pizzas");
    const apart = pizzasApart(order);
    if (node.classList.contains("in-parts") !== apart.length > 0) list.replaceChildren();
    node.classList.toggle("in-parts", apart.length > 0);
    const lines = apart.length ? folded(apart) : order.pizzas;
    const newLine = () => (apart.length ? this.pizzaTemplate.cloneNode(true) : document.createElement("li"));
    while (list.children.length > lines.length) list.lastChild.remove();
    lines.forEach((line, index) => {
      const row = list.children[index] ?? list.appendChild(newLine());
      if (apart.length) this.fillPizza(row, line, order);
      else write(row, `${line.quantity} × ${line.name}`);
    });
  }

  fillPizza(row, pizza, order) {
    row.dataset.item = pizza.number;
    row.dataset.state = pizza.state;
    row.classList.toggle("many", pizza.count > 1);
    write(row.querySelector(".name"), pizza.count > 1 ? `${pizza.count} × ${pizza.name}` : pizza.name);
    write(row.querySelector(".where"), this.wordsOf(pizza));
    const label = `${pizza.name}, number ${pizza.number} of ${order.number}`;
    row.querySelector(".pizza-done").ariaLabel = `Done with ${label}`;
    row.querySelector(".pizza-again").ariaLabel = `More for ${label}: make it again`;
  }

  /** Let the bar fill until the work is due. The browser's compositor animates it. */
  run(fill, order, now) {
    fill.getAnimations().forEach((animation) => animation.cancel());
    if (order.state !== "working") return;
    const [start, due] = [Date.parse(order.started_at), Date.parse(order.due_at)];
    const done = Math.min(1, Math.max(0, (now - start) / Math.max(1, due - start)));
    const frames = [{ transform: `scaleX(${done})` }, { transform: "scaleX(1)" }];
    fill.animate(frames, { duration: Math.max(0, due - now), fill: "forwards" });
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
    const words = { way: wayOf(order.way).label, late: MOOD_WORDS[mood], rushed: order.rushed && "Rushed", simulated: order.simulated && "Simulated" };
    const marks = Object.entries(words).filter(([, word]) => word);
    node.querySelector(".marks").replaceChildren(
      ...marks.map(([name, word]) => {
        const mark = document.createElement("span");
        mark.className = `sign ${name}`;
        mark.textContent = word;
        return mark;
      }),
    );
    node.ariaLabel = [order.number, order.summary, order.words, ...marks.map(([, word]) => word)].join(", ");
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
  if (order.state === "waiting" || order.stage === READY) return `waits ${duration(now - Date.parse(order.joined_at))}`;
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
