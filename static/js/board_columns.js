import { duration } from "./clock.js";
import { write } from "./words.js";
import { READY } from "./board_moods.js";
import { loadOf } from "./board_totals.js";

// A column of the board: the head of its station, its three lists, and how much of the screen they get.

// Sizes in CSS pixels, as static/css/board.css draws them. Only the layout follows from them, so they can be rough.
const HEADS_PX = 190; // above the tickets
const TICKET_PX = 230;
const ROW_PX = 68; // of a waiting ticket with room for its pizzas
const CHIP_PX = 50; // and of one in a crowd
const FEW = 3; // waiting tickets that are never small
const MANY = 150; // more of them no screen holds, and a crowd costs the browser several times a plain list
const MOST_WIDE = 2; // full tickets side by side that a column asks for
const TITLES = 2; // of the lists, which stand among the small tickets
const COLUMN_PX = 220;
const CHIP_WIDTH_PX = 126;

export function showIf(element, is) {
  if (element.hidden === is) element.hidden = !is;
}

/** One column: the heading of its station and its three lists. */
export class Column {
  constructor(element) {
    this.element = element;
    this.scroller = element.querySelector(".tickets");
    this.below = element.querySelector(".below");
    this.rest = element.querySelector(".rest");
    this.lists = {};
    this.known = new Map(); // properties of the style as they were last set
    for (const state of ["working", "held", "waiting"]) this.lists[state] = element.querySelector(`.${state}`);
    this.scroller.addEventListener("scroll", () => this.countHidden(), { passive: true });
    this.below.addEventListener("click", () => this.page());
  }

  /** Put each ticket in its place. A ticket that is already there is not touched. `inAll` counts also what has none. */
  place(works, nodes, inAll) {
    for (const [state, list] of Object.entries(this.lists)) {
      let here = list.firstChild;
      for (const { key } of works[state]) {
        const node = nodes.get(key);
        if (node === here) here = here.nextSibling;
        else list.insertBefore(node, here);
      }
      if (state !== "working") {
        const title = list.previousElementSibling;
        showIf(title, works[state].length > 0);
        write(title, `${state === "held" ? "On hold" : "In line"} · ${Math.max(works[state].length, inAll[state] ?? 0)}`);
      }
    }
    this.showRest(works, inAll);
    showIf(this.element.querySelector(".nobody"), !Object.values(works).some((list) => list.length));
  }

  /** Say how many have no ticket here, and offer to show more of them. */
  showRest(works, inAll) {
    const missing = Object.entries(inAll).map(([state, count]) => Math.max(0, count - works[state].length));
    const rest = missing.reduce((sum, count) => sum + count, 0);
    if (!rest && this.rest === document.activeElement) [...this.scroller.querySelectorAll(".ticket")].at(-1)?.focus();
    showIf(this.rest, rest > 0);
    if (!rest) return;
    const words = `Show more (${rest.toLocaleString("en")} left)`;
    write(this.rest, words);
    this.rest.ariaLabel = `${this.rest.dataset.name}: ${words.toLowerCase()}`;
  }

  /** Give a busy column more of the screen, and make its line a crowd of small tickets. Return whether it has.
   *
   *  It follows from the numbers of tickets alone: measured heights would change with the widths that they cause.
   */
  share({ working, held, waiting }) {
    const room = Math.max(CHIP_PX, innerHeight - HEADS_PX);
    const lines = held.length + waiting.length;
    const isCrowd = lines > FEW && lines <= MANY && working.length * TICKET_PX + lines * ROW_PX > room;
    const chips = isCrowd ? Math.ceil((lines + TITLES) / Math.floor(room / CHIP_PX)) : 0;
    const wide = Math.min(MOST_WIDE, Math.max(1, Math.ceil((working.length * TICKET_PX) / room)));
    const width = (working.length || !isCrowd ? wide * COLUMN_PX : 0) + chips * CHIP_WIDTH_PX;
    const isWide = isCrowd || wide > 1;
    this.element.classList.toggle("crowd", isCrowd);
    this.element.classList.toggle("wide", isWide);
    this.element.classList.toggle("idle", !working.length && !lines);
    this.element.classList.toggle("lined", lines > 0);
    this.element.classList.toggle("light", working.length <= MOST_WIDE);
    this.set("--wanted", `${Math.max(COLUMN_PX, width)}px`);
    this.set("--chips", String(chips));
    this.set("--share", (width / COLUMN_PX).toFixed(2));
    return isWide;
  }

  /** Set a property of the style if it changes: all tickets of the column inherit it. */
  set(name, value) {
    if (this.known.get(name) === value) return;
    this.known.set(name, value);
    this.element.style.setProperty(name, value);
  }

  /** Say how many tickets are below the edge of the column. */
  countHidden() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const overflows = scrollHeight > clientHeight + 1 && getComputedStyle(this.scroller).overflowY !== "visible";
    showIf(this.below, overflows);
    if (!overflows) return;
    const edge = this.scroller.getBoundingClientRect().bottom;
    const tickets = [...this.scroller.querySelectorAll(".ticket")];
    const hidden = tickets.filter((ticket) => ticket.getBoundingClientRect().bottom > edge + 1).length;
    const isAtEnd = scrollTop + clientHeight >= scrollHeight - 1 || !hidden;
    this.below.dataset.to = isAtEnd ? "top" : "more";
    write(this.below, isAtEnd ? "Back to the top" : `${hidden} more`);
  }

  /** Show the next screenful, or after the last one the first. */
  page() {
    const isAtEnd = this.below.dataset.to === "top";
    this.scroller.scrollTo({ top: isAtEnd ? 0 : this.scroller.scrollTop + this.scroller.clientHeight * 0.9 });
  }

  /** `orders` are those in the column, `pizzas` those that are at the station, wherever their order's ticket is. */
  head(station, orders, pizzas, kitchen, now) {
    const isOfItems = station.works_on === "item";
    const load = loadOf(kitchen, station, orders, pizzas);
    const hasPlaces = station.stage !== READY && station.kind !== "belt";
    const taken = hasPlaces ? `${load.working} of ${station.places}` : load.working;
    const underWay = isOfItems ? pizzas.filter(({ state }) => state === "working") : orders.working;
    write(this.element.querySelector(".load"), station.is_open ? String(taken) : "Closed");
    write(this.element.querySelector("output"), station.places === 1 ? "1 place" : `${station.places} places`);
    write(this.element.querySelector(".line"), lineWords(station, load, underWay, kitchen.shop.speed, now));
    this.element.classList.toggle("closed", !station.is_open);
    this.element.classList.toggle("takes", Boolean(station.takes));
    this.element.classList.toggle("full", hasPlaces && load.working >= station.places);
    this.element.classList.toggle("placeless", !hasPlaces);
  }
}

function lineWords(station, load, underWay, speed, now) {
  if (!load.waiting) {
    if (station.stage === READY) return load.working ? "To be collected" : "Nobody waiting";
    if (!station.is_open) return "Closed to new work";
    return load.working < station.places ? "No wait" : "Nobody waiting";
  }
  const isOfItems = station.works_on === "item";
  const words = isOfItems
    ? `${load.waiting} ${load.waiting === 1 ? "pizza" : "pizzas"} in line`
    : `${load.waiting} in line, ${duration(now - load.since)} so far`;
  if (!station.is_open || (isOfItems && station.kind === "belt")) return words;
  const free = Math.min(...underWay.map(({ due_at: due }) => Math.max(0, Date.parse(due) - now)));
  const work = (load.pieces * 1000 * station.mean_seconds) / speed;
  return `${words} · about ${duration((Number.isFinite(free) ? free : 0) + work / station.places)} to wait now`;
}
