/* global uPlot */
import { fetchInTime } from "./fetch_in_time.js";
import { write } from "./words.js";

// A study: polled every second while it runs, and drawn as far as it is known. All text is inserted as text.

const POLL_MS = 1000;
const CHART_HEIGHT = 240;
const LOAD_HEIGHT = 140;
const NOBODY = "–";
const TAKEN = { delivery: "Delivered", carry_out: "Collected" };

const study = document.getElementById("study");
const at = (id) => document.getElementById(id);
const plots = new Map(); // place -> uPlot
let answer = null;
let beside = 1; // the scenario drawn beside the shop as it is: the best, until somebody chooses
let isChosen = false;

async function poll() {
  let snapshot;
  try {
    const response = await fetchInTime(study.dataset.json, { headers: { "X-Background": "1" } });
    if (!response.ok) throw new Error(String(response.status));
    snapshot = await response.json();
  } catch {
    at("trouble").hidden = false;
    setTimeout(poll, POLL_MS);
    return;
  }
  at("trouble").hidden = true;
  show(snapshot);
  if (snapshot.status === "running") setTimeout(poll, POLL_MS);
}

function show({ status, share_done: share, answer: known }) {
  study.dataset.status = status;
  at("running").hidden = status !== "running";
  at("progress").value = share;
  const ended = { cancelled: "Cancelled. Below are the results so far.", failed: "This could not be simulated. The worker’s log has the reason." }[status];
  at("ended").hidden = !ended;
  if (ended) write(at("ended"), ended);
  if (!known) return;
  answer = known;
  write(at("sentence"), known.sentence || (status === "running" ? "Simulating …" : ""));
  at("notes").replaceChildren(...known.notes.map((note) => element("li", note)));
  if (known.question === "crew") showCrew(known, status);
  else showScenarios(known, status);
}

// Scenarios

function showScenarios(known, status) {
  const rows = known.scenarios;
  for (const place of document.querySelectorAll(".ends")) write(place, endsOf(known));
  write(at("days"), known.replications ? `, ${known.replications.toLocaleString("en-US")} simulated days` : "");
  at("figures").hidden = !rows.length;
  at("by-hour").hidden = !rows.length;
  if (!rows.length) return;
  const precise = known.precise || status === "running" ? "" : ` That is less precise than requested, ± ${known.half_width_minutes}.`;
  write(at("method"), `± is a 95 % interval. All scenarios have the same customers (seed ${known.seed}), so their differences are more certain than each figure alone.${precise}`);
  if (!isChosen) beside = best(rows);
  choices(rows);
  table(rows);
  ways(rows);
  slots(known);
  draw();
}

/** Return where an order's time ends; answers of before only knew the door. */
function endsOf({ ends = ["door"] }) {
  return ends.join(" or ");
}

function choices(rows) {
  const place = at("beside");
  place.hidden = rows.length < 3;
  if (place.children.length !== rows.length - 1) {
    place.replaceChildren(
      ...rows.slice(1).map((row, index) => {
        const button = element("button", row.name, "btn");
        button.type = "button";
        button.onclick = () => {
          beside = index + 1;
          isChosen = true;
          choices(answer.scenarios);
          slots(answer);
          draw();
        };
        return button;
      }),
    );
  }
  [...place.children].forEach((button, index) => (button.ariaPressed = String(index + 1 === beside)));
  const name = rows.length > 1 ? rows[beside].name : "";
  for (const label of document.querySelectorAll("[data-beside]")) write(label, name);
}

/** Return the index of the scenario that saves most. */
function best(rows) {
  const saved = rows.map((row, index) => (index ? (row.saves_minutes?.value ?? -Infinity) : -Infinity));
  return Math.max(1, saved.indexOf(Math.max(...saved)));
}

function table(rows) {
  fill(
    at("table"),
    ["", `Order to ${endsOf(answer)}, min`, "Saves, min", "5–95 %, min", "Within the promise", "Orders a day"],
    rows.map((row) => [
      row.name,
      plusMinus(row.mean_minutes),
      row.saves_minutes ? plusMinus(row.saves_minutes) : NOBODY,
      row.p05_minutes === null ? NOBODY : `${row.p05_minutes.toFixed(0)}–${row.p95_minutes.toFixed(0)}`,
      percentPlusMinus(row.kept),
      row.orders_a_day.toFixed(1),
    ]),
  );
  fill(
    at("stations"),
    ["Busy, and wait in line, min", ...rows[0].stations.map(workplace)],
    rows.map((row) => [row.name, ...row.stations.map((station) => `${percent(station.load)} of ${station.places}\n${plusMinus(station.wait_minutes)}`)]),
  );
}

/** Show each way out on its own, for the scenarios that have both. */
function ways(rows) {
  const both = rows.filter(({ by_way: byWay }) => byWay);
  at("ways").hidden = !both.length;
  fill(
    at("ways").firstElementChild,
    ["By way", ...Object.values(TAKEN).flatMap((taken) => [`${taken}, min`, `${taken} within the promise`])],
    both.map(({ name, by_way: byWay }) => [name, ...Object.keys(TAKEN).flatMap((way) => [plusMinus(byWay[way].mean_minutes), percentPlusMinus(byWay[way].kept)])]),
  );
}

/** Fill the table with the charts' numbers by time of day. */
function slots({ slot_hours: hours, scenarios: rows }) {
  const shown = rows.length > 1 ? [rows[0], rows[beside]] : [rows[0]];
  const head = ["From", ...shown.flatMap(({ name }, index) => ["Mean, min", "5–95 %", "Within"].map((what) => (shown.length > 1 ? `${index ? name : "As it is"}: ${what.toLowerCase()}` : what)))];
  const lines = hours.slice(0, -1).map((hour, slot) => [
    clock(hour),
    ...shown.flatMap(({ by_slot: by }) => [
      by.mean[slot]?.toFixed(1) ?? NOBODY,
      by.low[slot] === null ? NOBODY : `${by.low[slot].toFixed(0)}–${by.high[slot].toFixed(0)}`,
      percent(by.kept[slot]),
    ]),
  ]);
  fill(at("slots"), head, lines);
}

function draw() {
  const rows = answer?.scenarios ?? [];
  if (!rows.length || answer.question === "crew") return;
  const shown = rows.length > 1 ? [rows[0], rows[beside]] : [rows[0]];
  const hours = answer.slot_hours.slice(0, -1).map((hour, slot) => (hour + answer.slot_hours[slot + 1]) / 2);
  const bands = shown.flatMap(({ by_slot: by }) => [by.low, by.high, by.mean]);
  plot(at("time-chart"), [hours, ...bands], { bands: true, height: CHART_HEIGHT });
  plot(at("kept-chart"), [hours, ...shown.map(({ by_slot: by }) => by.kept.map(times100))], { most: 100, height: CHART_HEIGHT });
  const places = at("loads");
  rows[0].stations.forEach((station, index) => {
    const place = places.children[index] ?? places.appendChild(element("div"));
    if (!place.firstElementChild) place.append(element("h3", station.name), element("div", "", "chart"));
    plot(place.lastElementChild, [hours, ...shown.map((row) => row.stations[index].load_by_slot.map(times100))], { most: 100, height: LOAD_HEIGHT });
  });
}

function plot(place, data, { bands = false, most = 0, height }) {
  if (!place.clientWidth) return;
  const old = plots.get(place);
  if (old && old.series.length === data.length && old.width === place.clientWidth) return void old.setData(data);
  old?.destroy();
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const colours = [colour("--bs-secondary-color"), colour("--tomato")];
  const axis = { stroke: colours[0], grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "14px system-ui, sans-serif" };
  const lines = bands ? 3 : 1; // low, high, mean
  const series = data.slice(1).map((_, index) => {
    const stroke = colours[Math.floor(index / lines)];
    const isEdge = bands && index % 3 < 2;
    return { stroke: isEdge ? `${stroke}66` : stroke, width: isEdge ? 1 : index >= lines ? 3 : 2, dash: index < lines ? [6, 3] : [], points: { show: false }, spanGaps: false };
  });
  const between = [0, 1].slice(0, (data.length - 1) / 3).map((index) => ({ series: [3 * index + 2, 3 * index + 1], fill: `${colours[index]}22` }));
  const options = {
    width: place.clientWidth,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: () => [answer.slot_hours[0], answer.slot_hours.at(-1)] }, y: { range: (_, low, high) => [0, Math.max(most, (high || 1) * 1.05)] } },
    axes: [
      { ...axis, size: 32, space: 56, incrs: [0.25, 0.5, 1, 2, 3, 4], values: (_, splits) => splits.map(clock) },
      { ...axis, size: 48 },
    ],
    series: [{}, ...series],
    bands: bands ? between : [],
  };
  plots.set(place, new uPlot(options, data, place));
}

function repaint() {
  for (const plotted of plots.values()) plotted.destroy();
  plots.clear();
  draw();
}

// The smallest crew

function showCrew(known, status) {
  const names = known.stations.map(({ name }) => name);
  const head = ["", "Cost", `Keeps within ${known.promise_minutes} min`, ...names, `Order to ${endsOf(known)}, min`];
  at("table").classList.add("crews");
  const does = known.crews[0]?.does;
  const called = (crew, index) => (crew.does ? "The answer" : does && index === 1 ? "Runner-up" : "Fails");
  if (known.crews.length) {
    fill(
      at("table"),
      head,
      known.crews.map((crew, index) => [called(crew, index), String(crew.cost), percentPlusMinus(crew.kept), ...Object.values(crew.places).map(String), plusMinus(crew.mean_minutes)]),
    );
    fill(
      at("stations"),
      ["Wait in line, min", ...names],
      known.crews.map((crew, index) => [`${called(crew, index)} (${Object.values(crew.places).join(", ")})`, ...Object.values(crew.wait_minutes).map((minutes) => minutes.toFixed(1))]),
    );
  }
  write(at("days"), status === "running" && known.tried ? `, ${known.tried} ${known.tried === 1 ? "crew" : "crews"} tried` : "");
  write(at("method"), `${known.tried} ${known.tried === 1 ? "crew" : "crews"} tried on ${known.replications.toLocaleString("en-US")} days, seed ${known.seed}. ${known.method}`);
}

// Helpers

function fill(place, head, rows) {
  const top = element("tr");
  top.append(...head.map((text) => scoped("col", text)));
  const body = rows.map(([name, ...cells]) => {
    const row = element("tr");
    row.append(scoped("row", name), ...cells.map((text) => element("td", text)));
    return row;
  });
  const [thead, tbody] = [element("thead"), element("tbody")];
  thead.append(top);
  tbody.append(...body);
  place.replaceChildren(thead, tbody);
}

function scoped(scope, text) {
  const cell = element("th", text);
  cell.scope = scope;
  return cell;
}

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Say what has the places of a station; answers of before only knew orders. */
function workplace({ name, unit }) {
  return unit ? `${name}, ${unit === "item" ? "pizzas" : "orders"}` : name;
}

const times100 = (share) => (share === null ? null : 100 * share);

function plusMinus(estimate) {
  if (!estimate) return NOBODY;
  const wide = estimate.half_width;
  const digits = wide === null || wide >= 0.05 ? 1 : wide > 0 && wide < 0.005 ? 3 : 2;
  return wide === null ? estimate.value.toFixed(digits) : `${estimate.value.toFixed(digits)} ± ${wide.toFixed(digits)}`;
}

function percentPlusMinus(estimate) {
  return estimate ? `${(100 * estimate.value).toFixed(1)} ± ${(100 * (estimate.half_width ?? 0)).toFixed(1)} %` : NOBODY;
}

function percent(share) {
  return share === null || share === undefined ? NOBODY : `${(100 * share).toFixed(0)} %`;
}

/** Return an hour such as 19.5 as "19:30". */
function clock(hour) {
  const minutes = Math.round(hour * 60);
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

new ResizeObserver(draw).observe(study);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
poll();
