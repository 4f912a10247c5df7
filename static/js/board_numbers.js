/* global uPlot */
import { serverNow, timeOfDay } from "./clock.js";
import { write } from "./words.js";
import { showIf } from "./board_columns.js";
import { ordersAt, ordersInAll, pizzaCounts } from "./board_totals.js";
import { countPizzas } from "./board_works.js";

// The numbers beside the board: pizzas still to be made, the last hour as chart and table, and recent departures.

const MINUTE_MS = 60_000;
const AGO_MINUTES = [59, 30, 15, 0]; // the columns of the table
const CHART_HEIGHT = 180;
const TO_DO = ["waiting", "working", "held"];
const STROKES = [["--tomato", []], ["--soon", [8, 4]], ["--basil", []], ["--bs-secondary-color", [2, 3]]]; // used in turn

export class Numbers {
  constructor(kitchen) {
    this.kitchen = kitchen;
    this.panel = document.getElementById("numbers");
    this.hour = null; // {real, simulated}: each {in_station: {stage: [60 numbers]}, placed: [60 numbers]}
    this.minute = 0; // the minute that the last numbers belong to
    this.chart = null;
  }

  begin(hour) {
    this.hour = hour;
    this.minute = Math.floor(serverNow() / MINUTE_MS);
  }

  /** Count a new order, unless the kitchen counts them. */
  count({ simulated }) {
    if (!this.hour || this.kitchen.totals) return;
    this.pass();
    this.hour[simulated ? "simulated" : "real"].placed[59] += 1;
  }

  /** Take over how many orders were placed in the newest minutes. Return whether there are new ones. */
  recount(placed, isReal) {
    if (!this.hour) return false;
    this.pass();
    let isMore = false;
    for (const { minute, ...counts } of placed) {
      const index = 59 - (this.minute - Date.parse(minute) / MINUTE_MS);
      for (const [kind, { placed: list }] of Object.entries(this.hour)) {
        if (!(index in list)) continue;
        isMore ||= counts[kind] > list[index] && (kind === "real" || !isReal);
        list[index] = counts[kind];
      }
    }
    return isMore;
  }

  /** Shift the hour by the minutes that have passed. */
  pass() {
    const minute = Math.floor(serverNow() / MINUTE_MS);
    for (; this.minute < minute; this.minute += 1) {
      for (const { in_station, placed } of Object.values(this.hour)) {
        for (const list of Object.values(in_station)) shift(list, list.at(-1));
        shift(placed, 0);
      }
    }
  }

  parts() {
    return this.kitchen.hidesSimulated ? [this.hour.real] : [this.hour.real, this.hour.simulated];
  }

  sums(pick) {
    const lists = this.parts().map(pick);
    return lists[0].map((_, index) => lists.reduce((sum, list) => sum + list[index], 0));
  }

  /** Write the figures above the board; `late(order)` says whether an order is late. */
  figures(late) {
    const orders = this.shown();
    const inAll = this.kitchen.totals && ordersInAll(this.kitchen);
    const lateNow = inAll ? inAll.late : orders.filter(late).length;
    write(document.getElementById("in-kitchen"), String(inAll ? inAll.orders : orders.length));
    write(document.getElementById("late-now"), String(lateNow));
    document.getElementById("late-figure").classList.toggle("any", lateNow > 0);
    if (!this.hour) return;
    this.pass();
    const placed = this.sums((part) => part.placed).reduce((sum, n) => sum + n, 0);
    write(document.getElementById("last-hour"), String(placed));
  }

  shown() {
    const all = [...this.kitchen.orders.values()];
    return this.kitchen.hidesSimulated ? all.filter((order) => !order.simulated) : all;
  }

  /** Draw the panel while it is open. */
  draw() {
    if (this.panel.hidden || !this.hour) return;
    this.allDay();
    this.present();
    const stages = Object.keys(this.hour.real.in_station);
    const lists = stages.map((stage) => this.sums((part) => part.in_station[stage]));
    this.table(stages, lists);
    this.plot(stages, lists);
    this.lately();
  }

  allDay() {
    const list = document.getElementById("all-day");
    const stages = list.dataset.stages.split(" "); // the stages in which pizzas are still to be made
    const rows = this.kitchen.totals
      ? pizzaCounts(this.kitchen, stages, TO_DO)
      : countPizzas(this.shown(), ({ stage, state }) => stages.includes(stage) && state !== "done");
    fillList(list, rows, ([name, count]) => [name, String(count)]);
    showIf(document.getElementById("nothing-to-make"), rows.length === 0);
  }

  /** Set the last numbers of the chart to the present state. */
  present() {
    this.pass();
    for (const [kind, part] of Object.entries(this.hour)) {
      for (const [stage, list] of Object.entries(part.in_station)) {
        list[59] = this.kitchen.totals ? ordersAt(this.kitchen, stage, kind === "simulated") : 0;
      }
    }
    if (this.kitchen.totals) return;
    for (const { stage, simulated } of this.kitchen.orders.values()) {
      this.hour[simulated ? "simulated" : "real"].in_station[stage][59] += 1;
    }
  }

  table(stages, lists) {
    stages.forEach((stage, index) => {
      const row = this.panel.querySelector(`tr[data-stage="${stage}"]`);
      AGO_MINUTES.forEach((ago, column) => write(row.cells[column + 1], String(lists[index][59 - ago])));
    });
  }

  plot(stages, lists) {
    const times = Array.from({ length: 60 }, (_, index) => (this.minute - 59 + index) * 60);
    const place = document.getElementById("chart");
    if (!place.clientWidth) return;
    this.chart ??= new uPlot(this.options(place, stages), [times, ...lists], place);
    if (this.chart.width !== place.clientWidth) this.chart.setSize({ width: place.clientWidth, height: CHART_HEIGHT });
    this.chart.setData([times, ...lists]);
  }

  /** Redraw after a change of theme: the chart's colours are painted, not styled. */
  repaint() {
    this.chart?.destroy();
    this.chart = null;
    this.draw();
  }

  options(place, stages) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--bs-secondary-color"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "14px system-ui, sans-serif" };
    const series = stages.map((label, index) => {
      const [name, dash] = STROKES[index % STROKES.length];
      return { label, stroke: colour(name), dash, width: 2, points: { show: false } };
    });
    return {
      width: place.clientWidth,
      height: CHART_HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_, low, high) => [0, Math.max(4, high)] } },
      axes: [
        { ...axis, space: 70, values: (_, times) => times.map((time) => timeOfDay(time * 1000).split(", ").at(-1)) },
        { ...axis, size: (_, words) => 16 + 8 * Math.max(3, ...(words ?? []).map((word) => word.length)), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000] },
      ],
      series: [{}, ...series],
    };
  }

  lately() {
    const list = document.getElementById("lately");
    const orders = this.kitchen.lately.filter((order) => !order.simulated || !this.kitchen.hidesSimulated).slice(0, 8);
    const ids = orders.map((order) => `${order.order_id} ${order.seq}`).join();
    if (list.dataset.shown === ids) return;
    list.dataset.shown = ids;
    const template = document.getElementById("left-ticket").content.firstElementChild;
    list.replaceChildren(
      ...orders.map((order) => {
        const row = template.cloneNode(true);
        row.querySelector("strong").textContent = order.number;
        row.querySelector(".quiet").textContent = order.status;
        const button = row.querySelector("button");
        button.dataset.order = order.order_id;
        button.ariaLabel = `Bring ${order.number} back`;
        return row;
      }),
    );
  }
}

function shift(list, newest) {
  list.shift();
  list.push(newest);
}

/** Fill a list with rows of a name and a number, reusing existing elements. */
function fillList(list, rows, textsOf) {
  while (list.children.length > rows.length) list.lastChild.remove();
  rows.forEach((row, index) => {
    const item = list.children[index] ?? list.appendChild(document.createElement("li"));
    textsOf(row).forEach((text, part) => write(item.children[part] ?? item.appendChild(document.createElement("span")), text));
  });
}
