import { Live } from "./live.js";
import { fillTimes, serverNow } from "./clock.js";
import { pizzasApart } from "./pizzas.js";
import { barPercent } from "./progress.js";
import { wayOf } from "./ways.js";
import { dollars } from "./words.js";

// The table of orders updates itself. index_api.js reports new orders with the event "order:placed".

const ROWS_AT_MOST = 20;
const WATCHED_AT_MOST = 90; // a little below what the server allows one socket
const DRAW_MS = 250;

const table = document.getElementById("order-table");
const body = table.tBodies[0];
const template = document.getElementById("order-row").content.firstElementChild;
const onFirstPage = table.dataset.page === "1";
const orders = new Map(); // order_id -> payload
const shared = new Set(); // friends' orders: when unshared, they do not become the person's own
let watched = new Set(); // on the current socket

/** Return one or two rows: a friend's order is also listed among those shared with this person. */
function rowsOf(orderId) {
  return document.querySelectorAll(`tr[data-order="${CSS.escape(orderId)}"]`);
}

function rowIds() {
  return Array.from(document.querySelectorAll("tr[data-order]"), (row) => row.dataset.order);
}

function show(payload) {
  if (payload.seq < (orders.get(payload.order_id)?.seq ?? 0)) return;
  const { length } = rowsOf(payload.order_id);
  if (!length && (shared.has(payload.order_id) || !addRow(payload))) return;
  orders.set(payload.order_id, payload);
  for (const row of rowsOf(payload.order_id)) fill(row, payload);
}

function fill(row, payload) {
  row.dataset.state = payload.state;
  row.querySelector(".state").textContent = payload.status;
  row.querySelector(".words").textContent = payload.words;
  row.querySelector(".progress-bar").setAttribute("aria-valuenow", payload.progress);
  drawBar(row, payload);
}

/** Add a new order at the top, on the first page only. */
function addRow(payload) {
  if (!onFirstPage || (payload.simulated && "onlyReal" in table.dataset)) return null;
  const row = template.cloneNode(true);
  row.dataset.order = payload.order_id;
  row.querySelector(".number").textContent = payload.number;
  row.querySelector(".summary").textContent = payload.summary;
  row.querySelector(".way-out").textContent = wayOf(payload.way).label;
  row.querySelector(".sum").textContent = dollars(payload.amount);
  row.querySelector("time").dateTime = payload.created_at;
  row.querySelector(".view .visually-hidden").textContent = ` order ${payload.number}`;
  for (const link of row.querySelectorAll("a")) link.href = payload.url;
  fillTimes(row);
  row.classList.add("new");
  body.prepend(row);
  while (body.rows.length > ROWS_AT_MOST) forget(body.rows[body.rows.length - 1]);
  table.hidden = false;
  document.getElementById("no-orders").hidden = true;
  watch(payload.order_id);
  return row;
}

function forget(row) {
  orders.delete(row.dataset.order);
  row.remove();
}

function watch(orderId) {
  if (watched.has(orderId)) return;
  watched.add(orderId);
  // Rows that have left the table are still watched; a new socket starts with the rows in the table.
  if (watched.size > WATCHED_AT_MOST) live.restart();
  else live.send({ watch: [orderId] });
}

function drawBar(row, payload) {
  row.querySelector(".progress-bar").style.width = `${barPercent(payload, serverNow()).toFixed(1)}%`;
}

function drawWorking() {
  if (document.hidden) return;
  for (const [orderId, payload] of orders) {
    if (payload.state !== "working" && !pizzasApart(payload).length) continue;
    for (const row of rowsOf(orderId)) drawBar(row, payload);
  }
}

/** Watch the rows in a part that notices.js has refreshed. */
function takeShared(part) {
  fillTimes(part);
  for (const row of part.querySelectorAll("tr[data-order]")) {
    const payload = orders.get(row.dataset.order);
    if (payload) fill(row, payload);
    shared.add(row.dataset.order);
    watch(row.dataset.order);
  }
}

function hello() {
  watched = new Set(rowIds());
  return watched.size ? { watch: [...watched] } : null;
}

fillTimes(document);
for (const row of document.querySelectorAll("#shared-orders tr[data-order]")) shared.add(row.dataset.order);
const live = new Live("/ws/orders/", { hello, onPayload: show });
addEventListener("order:placed", (event) => show(event.detail));
addEventListener("part:fresh", ({ detail }) => takeShared(detail));
setInterval(drawWorking, DRAW_MS);
