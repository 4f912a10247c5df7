import { Live } from "./live.js";
import { serverNow } from "./clock.js";
import { write } from "./words.js";
import { Hands } from "./board_hands.js";
import { Numbers } from "./board_numbers.js";
import { moodOf, pizzasOf, Tickets } from "./board_tickets.js";

// The board: its state, its socket, when it is drawn, and what it says.

const DRAW_MS = 100; // between two drawings, however much happens
const TICK_MS = 1000;
const UNDO_MS = 5000;
const NEW_MS = 15_000; // a ticket that is older is none to ring for
const REMEMBERED = 5000; // orders that have left, whose seq is still known
const LATELY = 12;
const NO_UNDO = ["resume", "undo"];

const byId = (id) => document.getElementById(id);
const kitchen = { orders: new Map(), lately: [], stations: new Map(), shop: null, hidesSimulated: false };
const seqs = new Map(); // order_id -> the newest seq, of those that have left, too
const changed = new Set(); // order ids, since the last drawing
const tickets = new Tickets(kitchen);
const numbers = new Numbers(kitchen);
let drawnAt = 0;
let drawing = 0;

// What comes in

function hear(frame) {
  if (frame.board) hang(frame.board);
  if (frame.stations) set(frame);
  if (frame.history) numbers.begin(frame.history);
  const [forecasts, news] = frame.stations ? [[], frame.orders ?? []] : parted(frame.orders ?? []);
  forecasts.forEach(keep);
  for (const payload of news) take(payload);
  if (forecasts.length && !news.length) return;
  if (frame.done) answer(frame);
  if (frame.error) complain(frame);
  drawSoon();
}

/** The whole board. What it doesn't know has left. */
function hang({ orders, lately, ...settings }) {
  set(settings);
  kitchen.lately = lately;
  const there = new Set(orders.map(({ order_id }) => order_id));
  for (const id of kitchen.orders.keys()) if (!there.has(id)) kitchen.orders.delete(id);
  for (const payload of orders) take(payload, true);
  for (const payload of lately) take(payload, true);
}

/** The stations and the shop. */
function set({ stations, shop }) {
  kitchen.stations = new Map(stations.map((station) => [station.stage, station]));
  kitchen.shop = shop;
  hands.settle();
  showShop();
}

/** An order, unless something newer is known of it. */
function take(payload, isSnapshot = false) {
  const known = seqs.get(payload.order_id);
  if (payload.seq < (known ?? 0)) return;
  seqs.delete(payload.order_id); // to the end: the Map's first are the oldest
  seqs.set(payload.order_id, payload.seq);
  if (known === undefined && !isSnapshot) welcome(payload);
  const { order_id: id, state } = payload;
  changed.add(id);
  if (state === "delivered" || state === "cancelled") leave(payload);
  else kitchen.orders.set(id, withPizzas(payload));
  if (seqs.size > REMEMBERED) forget();
}

function parted(payloads) {
  const parts = [[], []];
  for (const payload of payloads) parts[isForecast(payload) ? 0 : 1].push(payload);
  return parts;
}

/** Only when it will be there has moved: nothing to draw, the next tick looks whether it is late. */
function isForecast({ order_id: id, seq, due_at: dueAt }) {
  const known = kitchen.orders.get(id);
  return known?.seq === seq && known.due_at === dueAt;
}

function keep(payload) {
  Object.assign(kitchen.orders.get(payload.order_id), payload);
}

function withPizzas(payload) {
  const pizzas = pizzasOf(payload);
  return { ...payload, pizzas, count: Math.max(1, pizzas.reduce((sum, { quantity }) => sum + quantity, 0)) };
}

function leave(payload) {
  kitchen.orders.delete(payload.order_id);
  const others = kitchen.lately.filter(({ order_id }) => order_id !== payload.order_id);
  kitchen.lately = [payload, ...others].slice(0, LATELY);
}

function forget() {
  for (const id of seqs.keys()) {
    if (seqs.size <= REMEMBERED / 2) return;
    if (!kitchen.orders.has(id)) seqs.delete(id);
  }
}

function welcome(payload) {
  const age = serverNow() - Date.parse(payload.created_at);
  if (age > NEW_MS) return;
  numbers.count(payload);
  if (!payload.simulated || !kitchen.hidesSimulated) ring();
}

// Drawing: what happens meanwhile is gathered

function drawSoon() {
  if (drawing || !kitchen.shop) return;
  const wait = Math.max(0, drawnAt + DRAW_MS - performance.now());
  drawing = setTimeout(() => requestAnimationFrame(draw), wait);
}

function draw() {
  drawing = 0;
  drawnAt = performance.now();
  const now = new Set(changed);
  changed.clear();
  tickets.draw(now);
  showFigures();
  dispatchEvent(new Event("board:drawn"));
}

function tick() {
  if (!kitchen.shop || document.hidden) return;
  tickets.tick();
  showFigures();
  numbers.draw();
}

function showFigures() {
  const now = serverNow();
  numbers.figures((order) => moodOf(order, kitchen, now) === "late");
}

function showShop() {
  const { is_open, speed, demand_per_hour: demand } = kitchen.shop;
  write(byId("shop-state"), is_open ? "Open" : "Closed");
  write(byId("shop-speed"), `${Number(speed.toPrecision(3))} ×${demand ? ", simulated demand" : ""}`);
  byId("open-shop").ariaLabel = `The shop is ${is_open ? "open" : "closed"}, its clock runs ${speed} times as fast. Change`;
  byId("open-shop").classList.toggle("closed", !is_open);
}

// What goes out

function send(order, action, more = {}) {
  if (!order) return;
  const { order_id, seq } = order;
  if (!live.send({ action, order_id, seq, ...more })) say("No connection right now. Nothing was done.", "problem");
}

function change(message) {
  if (live.send(message)) return;
  hands.settle();
  say("No connection right now. Nothing was changed.", "problem");
}

function answer({ done, order }) {
  if (!order) return;
  take(order);
  const words = `${order.number}: ${order.state === "delivered" ? "delivered" : lower(order.words)}.`;
  if (NO_UNDO.includes(done)) say(words);
  else offerUndo(order, words);
}

function lower(words) {
  return words[0].toLowerCase() + words.slice(1);
}

function complain({ error, order }) {
  hands.settle();
  if (order) take(order);
  say(error, "problem");
}

// What was said, and taking it back

let undoable = null;
let silence = 0;

function offerUndo(order, words) {
  say(words);
  undoable = order;
  byId("said").querySelector(".undo").hidden = false;
}

function say(words, kind = "") {
  const box = byId("said");
  undoable = null;
  clearTimeout(silence);
  silence = setTimeout(hush, UNDO_MS);
  box.className = `said ${kind}`;
  box.querySelector(".undo").hidden = true;
  box.querySelector("p").textContent = words;
  box.hidden = false;
}

function hush() {
  undoable = null;
  byId("said").hidden = true;
}

function undo() {
  if (!undoable) return false;
  const order = undoable;
  hush();
  send(order, "undo");
  return true;
}

byId("said").querySelector(".undo").addEventListener("click", undo);

// What this screen wants: kept on this screen

const wishes = { sound: false, hideSimulated: false, light: false, contrast: false, numbers: innerWidth >= 1600 };

function recall() {
  try {
    Object.assign(wishes, JSON.parse(localStorage.getItem("board")));
  } catch {
    // Storage may be forbidden, or hold nonsense.
  }
  // A sound needs a finger on the page first: the browser's rule.
  if (wishes.sound) addEventListener("pointerdown", () => wishes.sound && wake(), { once: true });
}

function toggle(name) {
  wishes[name] = !wishes[name];
  try {
    localStorage.setItem("board", JSON.stringify(wishes));
  } catch {
    // It lasts as long as the page, then.
  }
  obey();
  if (name === "sound" && wishes.sound) wake(), ring();
  if (name === "light" || name === "contrast") numbers.repaint();
  numbers.draw();
  drawSoon();
  return true;
}

function obey() {
  const root = document.documentElement;
  root.dataset.theme = wishes.light ? "light" : "dark";
  root.dataset.contrast = wishes.contrast ? "more" : "";
  kitchen.hidesSimulated = wishes.hideSimulated;
  byId("numbers").hidden = !wishes.numbers;
  const buttons = { sound: "sound", simulated: "hideSimulated", numbers: "numbers", light: "light", contrast: "contrast" };
  for (const [id, name] of Object.entries(buttons)) byId(`toggle-${id}`).ariaPressed = wishes[name];
}

for (const [id, name] of [["sound", "sound"], ["simulated", "hideSimulated"], ["numbers", "numbers"], ["light", "light"], ["contrast", "contrast"]]) {
  byId(`toggle-${id}`).addEventListener("click", () => toggle(name));
}

// A tone for a new ticket

let audio = null;
let rangAt = 0;

function wake() {
  audio ??= new AudioContext();
  audio.resume();
}

function ring() {
  if (!wishes.sound || !audio || audio.currentTime - rangAt < 0.5) return;
  rangAt = audio.currentTime;
  const [tone, volume] = [audio.createOscillator(), audio.createGain()];
  tone.frequency.value = 880;
  volume.gain.setValueAtTime(0.2, rangAt);
  volume.gain.exponentialRampToValueAtTime(0.001, rangAt + 0.4);
  tone.connect(volume).connect(audio.destination);
  tone.start(rangAt);
  tone.stop(rangAt + 0.4);
}

// Begin

function showState(state, code) {
  if (state === "stopped" && code !== Live.LOGGED_OUT) say("This screen is no longer allowed to show the board. Log in again.", "problem for-good");
  if (state === "stopped") clearTimeout(silence);
  document.body.dataset.connection = state;
}

recall();
obey();
const hands = new Hands(kitchen, { send, change, undo, toggleNumbers: () => toggle("numbers") });
const handlers = { onFrame: hear, onPayload: (payload) => hear({ orders: [payload] }), onState: showState };
const live = new Live("/ws/kitchen/", handlers, { needsAccount: true });
setInterval(tick, TICK_MS);
