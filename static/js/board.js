import { Live } from "./live.js";
import { serverNow } from "./clock.js";
import { write } from "./words.js";
import { deedWords } from "./board_deeds.js";
import { Hands } from "./board_hands.js";
import { moodOf } from "./board_moods.js";
import { Numbers } from "./board_numbers.js";
import { drawCounts } from "./board_station.js";
import { Tickets } from "./board_tickets.js";
import { asWork, worksAt } from "./board_works.js";

// The board: its state, its socket, when it is drawn, and its messages.

const DRAW_MS = 100; // at least, between two drawings
const TICK_MS = 1000;
const UNDO_MS = 5000;
const NEW_MS = 15_000; // no tone for a ticket that is older
const REMEMBERED = 5000; // orders whose seq is kept, including those that have left
const LATELY = 12;
const MORE = 100; // works of each of a station's lists that are shown when somebody asks for more
const MOST = Number(document.getElementById("floor").dataset.most); // and the most of them that the kitchen sends
const NO_UNDO = ["resume", "undo"];

const byId = (id) => document.getElementById(id);
const kitchen = { orders: new Map(), lately: [], stations: new Map(), shop: null, who: new Map(), totals: null, hidesSimulated: false };
const seqs = new Map(); // order_id -> the newest seq, including orders that have left
const changed = new Set(); // ids of orders that changed since the last drawing
const alone = document.querySelector(".station.alone")?.dataset.stage; // the screen over one station
const asked = alone ? { [alone]: MORE } : {}; // how many works of each list to show at least, by stage
const tickets = new Tickets(kitchen, alone && ((order) => worksAt(kitchen.stations.get(alone), order)));
const numbers = new Numbers(kitchen);
let coming = null; // while a snapshot comes in parts: {ids, parts}, of what has come and how many are missing
let drawnAt = 0;
let drawing = 0;

// Incoming frames

function hear(frame) {
  if (frame.board) showBoard(frame.board);
  if (frame.stations ?? frame.changed) set(frame.changed ?? frame);
  for (const names of frame.who ?? []) call(names);
  if (frame.history) numbers.begin(frame.history);
  const isNews = !frame.stations && !frame.changed && !frame.shown;
  const [forecasts, news] = isNews ? split(frame.orders ?? []) : [[], frame.orders ?? []];
  forecasts.forEach(keep);
  for (const payload of news) take(payload, !isNews);
  if (frame.shown) comePart(frame.orders);
  for (const id of frame.gone ?? []) kitchen.orders.delete(id); // it is far back in a long line
  const totals = frame.board ? frame.board.totals ?? null : frame.totals;
  if (totals !== undefined) showTotals(totals);
  if (forecasts.length && !news.length) return;
  if (frame.done) answer(frame);
  if (frame.error) complain(frame);
  drawSoon();
}

/** Take over the whole board. Orders that are not on it have left; of a long one some come in the next frames. */
function showBoard({ orders, lately, who = [], parts = 0, ...settings }) {
  kitchen.who.clear();
  who.forEach(call);
  set(settings);
  kitchen.lately = lately;
  for (const payload of orders) take(payload, true);
  for (const payload of lately) take(payload, true);
  coming = { ids: new Set(), parts: parts + 1 };
  comePart(orders);
}

/** Note a part of a snapshot. With the last one it is known which orders have left. */
function comePart(orders) {
  if (!coming) return;
  for (const { order_id: id } of orders) coming.ids.add(id);
  coming.parts -= 1;
  if (coming.parts) return;
  for (const id of kitchen.orders.keys()) if (!coming.ids.has(id)) kitchen.orders.delete(id);
  coming = null;
}

/** Take over how much there is in all; null if all of it is shown. */
function showTotals(totals) {
  kitchen.totals = totals;
  if (totals && numbers.recount(totals.placed, kitchen.hidesSimulated)) ring();
}

/** Take over who an order is for, and who has taken it along. */
function call(names) {
  kitchen.who.set(names.order_id, names);
  changed.add(names.order_id);
}

/** Take over the stations and the shop, or those that have changed. */
function set({ stations = [], shop = kitchen.shop }) {
  for (const station of stations) kitchen.stations.set(station.stage, station);
  kitchen.shop = shop;
  hands.settle();
  showShop();
}

/** Take over an order unless a newer state of it is known. */
function take(payload, isSnapshot = false) {
  const known = seqs.get(payload.order_id);
  if (payload.seq < (known ?? 0)) return;
  seqs.delete(payload.order_id); // move to the end: the Map's first entries are the oldest
  seqs.set(payload.order_id, payload.seq);
  if (known === undefined && !isSnapshot) welcome(payload);
  coming?.ids.add(payload.order_id);
  const { order_id: id, state } = payload;
  changed.add(id);
  if (state === "delivered" || state === "cancelled") leave(payload);
  else kitchen.orders.set(id, asWork(payload));
  if (seqs.size > REMEMBERED) forget();
}

function split(payloads) {
  const parts = [[], []];
  for (const payload of payloads) parts[isForecast(payload) ? 0 : 1].push(payload);
  return parts;
}

/** Return whether only the forecast has moved: nothing to draw, and the next tick checks whether it is late. */
function isForecast({ order_id: id, seq, overdue }) {
  const known = kitchen.orders.get(id);
  return known?.seq === seq && known.overdue === overdue;
}

function keep(payload) {
  Object.assign(kitchen.orders.get(payload.order_id), payload);
}

function leave(payload) {
  kitchen.orders.delete(payload.order_id);
  kitchen.who.delete(payload.order_id);
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

// Drawing gathers the changes since the last time

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
  if (alone) drawCounts(alone, shownOrders(), kitchen);
  showFigures();
  dispatchEvent(new Event("board:drawn"));
}

function shownOrders() {
  return [...kitchen.orders.values()].filter(({ simulated }) => !simulated || !kitchen.hidesSimulated);
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
  const words = `The shop is ${is_open ? "open" : "closed"}, its clock runs ${speed} times as fast.`;
  byId("open-shop").ariaLabel = byId("open-shop").disabled ? words : `${words} Change`;
  byId("open-shop").classList.toggle("closed", !is_open);
}

// Outgoing messages

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

/** Ask for more of a station's lists. Return whether there can be more. */
function showMore(stage) {
  if (asked[stage] >= MOST) return say("That is as much as one screen can hold."), false;
  asked[stage] = Math.min(MOST, tickets.knownAt(stage) + MORE);
  if (!live.send(hello())) say("No connection right now. You will see more when it is back.", "problem");
  return true;
}

/** Return what this page wants to see. The kitchen forgets it with the connection. */
function hello() {
  return { action: "show", first: asked, simulated: !kitchen.hidesSimulated };
}

function answer({ done, order, item }) {
  if (!order) return;
  take(order);
  const deed = { done, item, ...(done === "undo" && { undone: undone?.done, item: undone?.item }) };
  const words = deedWords({ ...deed, order }, tickets.wordsOf);
  if (NO_UNDO.includes(done)) say(words);
  else offerUndo({ ...deed, order }, words);
}

function complain({ error, order }) {
  hands.settle();
  if (order) take(order);
  say(error, "problem");
}

// The message, and undo

let undoable = null; // the last deed, while it can be undone
let undone = null; // and the one whose undo was asked for
let silence = 0;

function offerUndo(deed, words) {
  say(words);
  undoable = deed;
  byId("said").querySelector(".undo").hidden = false;
}

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

function undo() {
  if (!undoable) return false;
  undone = undoable;
  hideMessage();
  send(undone.order, "undo");
  return true;
}

byId("said").querySelector(".undo").addEventListener("click", undo);

// The preferences of this screen, stored on this screen

const preferences = { sound: false, hideSimulated: false, light: false, contrast: false, numbers: !alone && innerWidth >= 1600 };
const STORED = alone ? "board-station" : "board"; // the screens over stations look alike

function recall() {
  try {
    Object.assign(preferences, JSON.parse(localStorage.getItem(STORED)));
  } catch {
    // Storage can be forbidden or contain nonsense.
  }
  // Browsers allow sound only after the user has touched the page.
  if (preferences.sound) addEventListener("pointerdown", () => preferences.sound && wake(), { once: true });
}

function toggle(name) {
  preferences[name] = !preferences[name];
  try {
    localStorage.setItem(STORED, JSON.stringify(preferences));
  } catch {
    // Without storage the preferences last as long as the page.
  }
  applyPreferences();
  if (name === "sound" && preferences.sound) wake(), ring();
  if (name === "hideSimulated") live.send(hello()); // without a connection it is said with the next one
  // Whoever has pressed something sees at once that it was: the chart follows behind the next paint.
  const isOfColours = name === "light" || name === "contrast";
  requestAnimationFrame(() => setTimeout(() => (isOfColours ? numbers.repaint() : numbers.draw())));
  drawSoon();
  return true;
}

function applyPreferences() {
  const root = document.documentElement;
  root.dataset.theme = preferences.light ? "light" : "dark";
  root.dataset.contrast = preferences.contrast ? "more" : "";
  kitchen.hidesSimulated = preferences.hideSimulated;
  byId("numbers").hidden = !preferences.numbers;
  const buttons = { sound: "sound", simulated: "hideSimulated", numbers: "numbers", light: "light", contrast: "contrast" };
  for (const [id, name] of Object.entries(buttons)) byId(`toggle-${id}`).ariaPressed = preferences[name];
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
  if (!preferences.sound || !audio || audio.currentTime - rangAt < 0.5) return;
  rangAt = audio.currentTime;
  const [tone, volume] = [audio.createOscillator(), audio.createGain()];
  tone.frequency.value = 880;
  volume.gain.setValueAtTime(0.2, rangAt);
  volume.gain.exponentialRampToValueAtTime(0.001, rangAt + 0.4);
  tone.connect(volume).connect(audio.destination);
  tone.start(rangAt);
  tone.stop(rangAt + 0.4);
}

// Start

function showState(state, code) {
  if (state === "stopped" && !Live.CAN_COME_BACK.includes(code)) say("This account can no longer see the board. Whoever runs the shop can allow it.", "problem for-good");
  if (state === "stopped") clearTimeout(silence);
  document.body.dataset.connection = state;
}

recall();
applyPreferences();
const hands = new Hands(kitchen, { send, change, undo, toggleNumbers: () => toggle("numbers"), showMore });
const handlers = { hello, onFrame: hear, onPayload: (payload) => hear({ orders: [payload] }), onState: showState };
const live = new Live("/ws/kitchen/", handlers, { isPersonal: true });
addEventListener("resize", drawSoon);
setInterval(tick, TICK_MS);
