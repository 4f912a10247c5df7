import { between, duration, serverNow } from "./clock.js";
import { fetchInTime, retryMs } from "./fetch_in_time.js";
import { wayOf } from "./ways.js";

// On the shop's page, show when an order would be here beside the basket, and the current wait in the header.

const EVERY_MS = 10_000;
const SOON_MS = 250; // several taps on a stepper make one request

const basket = document.getElementById("basket");
const wait = document.getElementById("wait");
const ready = document.getElementById("basket-ready");
const told = new Map(); // question -> the last answer, for one who compares the two ways
let timer = 0;
let asked = 0;
let shownWay = basket.dataset.way;

function askSoon(afterMs) {
  clearTimeout(timer);
  timer = setTimeout(ask, afterMs);
}

async function ask() {
  askSoon(EVERY_MS);
  if (document.hidden) return;
  const { way } = basket.dataset;
  const question = questionOf(way);
  const turn = (asked += 1);
  try {
    const response = await fetchInTime(`/api/promise/?${question}`);
    const busyMs = retryMs(response);
    if (busyMs && !told.size) askSoon(busyMs); // a page made in a rush shows nothing yet
    if (!response.ok) return;
    const answer = await response.json();
    told.set(question, { answer, at: Date.now() });
    if (turn === asked) show(answer, way); // otherwise a newer request is under way
  } catch {
    // The next request tries again.
  }
}

function questionOf(way) {
  return new URLSearchParams({ pizzas: Number(basket.dataset.pizzas) || 1, way }).toString();
}

/** Answer a new choice of the way at once: what was promised for the other one must not stand beside it. */
function changed() {
  const { way } = basket.dataset;
  if (way === shownWay) return askSoon(SOON_MS);
  shownWay = way;
  const known = told.get(questionOf(way));
  if (known && Date.now() - known.at < EVERY_MS) show(known.answer, way);
  else ready.textContent = "…";
  ask();
}

function show({ promise, why_not: whyNot }, way) {
  const { there, soon } = wayOf(way);
  ready.textContent = promise ? when(there, between(promise, " and ")) : whyNot;
  if (wait) wait.textContent = promise ? `, ${soon} in about ${duration(Date.parse(promise.median) - serverNow())}` : "";
}

/** Word an interval, which can be so short that both of its ends read the same. */
function when(there, times) {
  return times.includes(" and ") ? `${there} between ${times}` : `${there} at ${times}`;
}

addEventListener("basket:changed", changed);
document.addEventListener("visibilitychange", () => document.hidden || askSoon(0));
askSoon(0);
