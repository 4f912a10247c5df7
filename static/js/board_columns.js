import { duration } from "./clock.js";
import { write } from "./words.js";
import { READY, usualMs } from "./board_moods.js";

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
    this.lists = {};
    this.known = new Map(); // properties of the style as they were last set
    for (const state of ["working", "held", "waiting"]) this.lists[state] = element.querySelector(`.${state}`);
    this.scroller.addEventListener("scroll", () => this.countHidden(), { passive: true });
    this.below.addEventListener("click", () => this.page());
  }

  /** Put each ticket in its place. A ticket that is already there is not touched. */
  place(works, nodes) {
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
        write(title, `${state === "held" ? "On hold" : "In line"} · ${works[state].length}`);
      }
    }
    showIf(this.element.querySelector(".nobody"), !Object.values(works).some((list) => list.length));
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
  head(station, orders, pizzas, speed, now) {
    const isOfItems = station.works_on === "item";
    const taken = isOfItems ? pizzas.filter(({ state }) => state === "working").length : orders.working.length;
    const hasPlaces = station.stage !== READY && station.kind !== "belt";
    const load = hasPlaces ? `${taken} of ${station.places}` : taken;
    write(this.element.querySelector(".load"), station.is_open ? String(load) : "Closed");
    write(this.element.querySelector("output"), station.places === 1 ? "1 place" : `${station.places} places`);
    write(this.element.querySelector(".line"), isOfItems ? lineOfPizzas(station, pizzas, speed, now) : lineWords(station, orders, speed, now));
    this.element.classList.toggle("closed", !station.is_open);
    this.element.classList.toggle("takes", Boolean(station.takes));
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

