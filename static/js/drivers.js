import { duration, serverNow, timeOfDay } from "./clock.js";
import { Live } from "./live.js";
import { write } from "./words.js";

// The drivers' page: what is ready, what is on the way and with whom, and the two taps of a delivery.

const TICK_MS = 10_000;
const UNDO_MS = 8000; // the kitchen itself undoes for ten seconds
const REST_MS = 700; // after a tap and its answer: a card moves, and a double tap must not hit what comes there
const LISTS = ["mine", "ready", "others"];

const byId = (id) => document.getElementById(id);
const shown = { orders: new Map(), station: null };
const nodes = new Map(); // order_id -> its card
const asked = new Set(); // orders whose tap has no answer yet
let restsUntil = 0; // on performance.now
const template = byId("delivery").content.firstElementChild;

// Incoming frames

function hear(frame) {
  if (frame.drivers) begin(frame.drivers);
  for (const order of frame.orders ?? []) shown.orders.set(order.order_id, order);
  for (const id of frame.gone ?? []) shown.orders.delete(id);
  if (frame.station) shown.station = frame.station;
  if (frame.done) answer(frame);
  if (frame.error) complain(frame.error);
  draw();
}

function begin({ orders, station }) {
  shown.orders = new Map(orders.map((order) => [order.order_id, order]));
  shown.station = station;
  asked.clear(); // an answer that got lost will not come any more
}

function answer({ done, order }) {
  asked.delete(order.order_id);
  rest();
  say(wordsOf(done, order));
  if (done === "undo") return;
  undoable = order;
  byId("said").querySelector(".undo").hidden = false;
}

function wordsOf(done, { number, state }) {
  if (done === "take") return `${number} is yours. Drive safely!`;
  if (done === "advance") return `${number} is at the door.`;
  return state === "working" ? `${number} is on its way again.` : `${number} is ready to go again.`;
}

function complain(error) {
  asked.clear();
  say(error, "problem");
}

// Drawing

function draw() {
  if (!shown.station) return;
  const focused = document.activeElement;
  const lists = { mine: [], ready: [], others: [] };
  for (const order of shown.orders.values()) lists[listOf(order)].push(order);
  lists.ready.sort(byTurn);
  for (const name of ["mine", "others"]) lists[name].sort((a, b) => compare(a.started_at, b.started_at));
  for (const id of nodes.keys()) if (!shown.orders.has(id)) remove(id);
  for (const name of LISTS) fillList(name, lists[name]);
  if (focused?.isConnected) focused.focus({ preventScroll: true }); // a card that has moved has lost it
  fillHead();
}

function listOf({ state, is_mine: isMine }) {
  if (state !== "working") return "ready";
  return isMine ? "mine" : "others";
}

/** Compare by turn: those on hold last, rushed ones first, then what was promised first. */
function byTurn(a, b) {
  return (a.state === "held") - (b.state === "held") || b.rushed - a.rushed || compare(dueOf(a), dueOf(b)) || compare(a.number, b.number);
}

function dueOf({ promised_at: promised, joined_at: joined }) {
  return Date.parse(promised ?? joined);
}

function compare(a, b) {
  return a < b ? -1 : Number(a > b);
}

function remove(id) {
  nodes.get(id).remove();
  nodes.delete(id);
}

/** Put each card in its place. One that is there already is not touched: a thumb might be on it. */
function fillList(name, orders) {
  const section = document.querySelector(`[data-list="${name}"]`);
  const list = section.querySelector("ol");
  let here = list.firstChild;
  for (const order of orders) {
    const node = nodeOf(order);
    if (node === here) here = here.nextSibling;
    else list.insertBefore(node, here);
    fill(node, order);
  }
  section.hidden = name !== "ready" && !orders.length;
  const nobody = section.querySelector(".nobody");
  if (nobody) nobody.hidden = orders.length > 0;
}

function nodeOf({ order_id: id }) {
  if (!nodes.has(id)) {
    const node = template.cloneNode(true);
    node.dataset.order = id;
    nodes.set(id, node);
  }
  return nodes.get(id);
}

function fill(node, order) {
  const isLate = order.promised_at !== null && serverNow() > Date.parse(order.promised_at);
  node.classList.toggle("is-late", isLate);
  write(node.querySelector(".number"), order.number);
  write(node.querySelector("bdi"), order.who === order.number ? "" : order.who);
  node.querySelector(".who").hidden = order.who === order.number;
  write(node.querySelector(".pizzas"), order.pizzas === 1 ? "1 pizza" : `${order.pizzas} pizzas`);
  write(node.querySelector(".due"), order.promised_at ? `for ${timeOfDay(order.promised_at)}` : "");
  write(node.querySelector(".since"), sinceWords(order));
  fillSigns(node.querySelector(".signs"), order, isLate);
  fillButton(node.querySelector(".btn"), order);
}

function sinceWords({ state, driver, is_mine: isMine, started_at: started, joined_at: joined }) {
  const ago = duration(serverNow() - Date.parse(state === "working" ? started : joined));
  if (state !== "working") return `waiting ${ago}`;
  return driver && !isMine ? `with ${driver}, ${ago}` : `left ${ago} ago`;
}

function fillSigns(place, order, isLate) {
  const words = { late: isLate && "Late", held: order.state === "held" && "On hold", rushed: order.rushed && "First", simulated: order.simulated && "Simulated" };
  const signs = Object.entries(words).filter(([, word]) => word);
  const names = signs.map(([name]) => name).join(" ");
  if (place.dataset.signs === names) return;
  place.dataset.signs = names;
  place.replaceChildren(...signs.map(([name, word]) => sign(name, word)));
}

function sign(name, word) {
  const span = document.createElement("span");
  span.className = `sign ${name}`;
  span.textContent = word;
  return span;
}

/** Write the button's verb; there is none where it would only be refused. */
function fillButton(button, order) {
  const action = actionOf(order);
  button.hidden = !action;
  if (!action) return;
  const label = action === "take" ? "Take" : "At the door";
  button.dataset.action = action;
  button.ariaDisabled = asked.has(order.order_id) || performance.now() < restsUntil;
  button.classList.toggle("asked", asked.has(order.order_id));
  write(button, label);
  button.ariaLabel = `${label}: ${order.number}`;
}

function actionOf({ state, is_mine: isMine, driver }) {
  if (state === "working") return isMine || !driver ? "advance" : "";
  return state === "waiting" && shown.station.takes && shown.station.is_open ? "take" : "";
}

function fillHead() {
  const { beyond = 0, coming, coming_from: from, takes, is_open: isOpen } = shown.station;
  write(byId("coming"), `${coming ? `Coming next: ${coming}` : "Nothing"} at the ${from.toLowerCase()}`);
  const note = noteOf(takes, isOpen);
  byId("beyond").hidden = !beyond;
  write(byId("beyond"), `And ${beyond.toLocaleString("en")} more after these.`);
  byId("note").hidden = !note;
  write(byId("note"), note);
  write(byId("ready-title"), takes ? "Ready to go" : "Waiting to go");
  write(byId("others-title"), takes ? "On the way with others" : "On the way");
}

function noteOf(takes, isOpen) {
  if (!isOpen) return "Deliveries are closed right now, so nothing new goes out.";
  return takes ? "" : "Orders leave by the kitchen clock today, so there is nothing to take. You can still tap “At the door”.";
}

// Taps

byId("drivers").addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-action]");
  const order = button && shown.orders.get(button.closest(".delivery").dataset.order);
  if (!order || button.ariaDisabled === "true") return;
  rest();
  if (send(button.dataset.action, order)) asked.add(order.order_id);
  draw();
});

function rest() {
  restsUntil = performance.now() + REST_MS;
  setTimeout(draw, REST_MS + 1);
}

function send(action, { order_id, seq }) {
  if (live.send({ action, order_id, seq })) return true;
  say("No connection right now. Nothing was done.", "problem");
  return false;
}

// The message, and undo

let undoable = null;
let silence = 0;

function say(words, kind = "") {
  const box = byId("said");
  undoable = null;
  clearTimeout(silence);
  silence = setTimeout(hideMessage, UNDO_MS);
  box.className = `said ${kind}`;
  box.querySelector(".undo").hidden = true;
  box.querySelector("p").textContent = words;
  box.hidden = false;
}

function hideMessage() {
  undoable = null;
  byId("said").hidden = true;
}

byId("said").querySelector(".undo").addEventListener("click", () => {
  const order = undoable;
  hideMessage();
  if (order) send("undo", order);
});

// Start

function showState(state, code) {
  document.body.dataset.connection = state;
  if (state !== "stopped" || Live.CAN_COME_BACK.includes(code)) return;
  say("Your account can no longer open this page. Ask the shop.", "problem");
  clearTimeout(silence);
}

const handlers = { onFrame: hear, onPayload: () => {}, onState: showState };
const live = new Live("/ws/kitchen/drivers/", handlers, { isPersonal: true });
setInterval(() => !document.hidden && draw(), TICK_MS);
