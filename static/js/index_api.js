/* global axios */
import { look, whose } from "./whose.js";
import { dollars } from "./words.js";

// The basket and the order. The basket is kept in this tab until it is ordered.

const MOST = 20; // per pizza
const BASKET = "basket";
const TIMEOUT_MS = 8000; // the shop answers within five seconds, if only to say that it can't right now
const KEEP_TRYING_MS = 30_000;
const PAUSE_SECONDS = 2; // between two tries, unless the answer asks for another one
const PASSING = [502, 503, 504];
const TOO_MANY = 429; // orders in a minute
const MOST_WAIT_MS = 90_000; // for the turn that such an answer names
const TOKEN = "meta[name=csrf-token]";

const byId = (id) => document.getElementById(id);
const cards = new Map(Array.from(document.querySelectorAll("[data-pizza]"), (card) => [card.dataset.pizza, card]));
const orderButton = byId("place-order");
const ways = byId("ways");
let basket = load(); // {items: {pizza id: quantity}, way, key: the idempotency key of the pending click}

// Storage

function load() {
  const empty = { items: {}, way: wayButtons()[0].value, key: "" };
  try {
    const kept = { ...empty, ...JSON.parse(sessionStorage.getItem(BASKET)) };
    const items = Object.entries(kept.items).filter(([id, n]) => cards.has(id) && n >= 1 && n <= MOST);
    const way = wayButtons().some(({ value }) => value === kept.way) ? kept.way : empty.way;
    return { ...kept, way, items: Object.fromEntries(items) };
  } catch {
    return empty; // storage can be forbidden or contain nonsense
  }
}

function keep() {
  try {
    sessionStorage.setItem(BASKET, JSON.stringify(basket));
  } catch {
    // Without storage the basket lasts as long as the page.
  }
}

// Choosing

function change(id, by) {
  const quantity = Math.min(MOST, Math.max(0, (basket.items[id] ?? 0) + by));
  if (quantity) basket.items[id] = quantity;
  else delete basket.items[id];
  changed();
}

function choose(way) {
  basket.way = way;
  changed();
}

function changed() {
  basket.key = ""; // a different basket is a different order
  keep();
  complain("");
  show();
}

function wayButtons() {
  return [...ways.querySelectorAll("input")];
}

function show() {
  for (const [id, card] of cards) showCard(card, basket.items[id] ?? 0);
  const items = Object.entries(basket.items);
  const count = items.reduce((sum, [, quantity]) => sum + quantity, 0);
  const sum = items.reduce((total, [id, quantity]) => total + quantity * cards.get(id).dataset.price, 0);
  byId("basket-count").textContent = count === 1 ? "1 pizza" : `${count} pizzas`;
  byId("basket-sum").textContent = dollars(sum);
  byId("basket").hidden = !count;
  byId("basket").dataset.pizzas = count;
  byId("basket").dataset.way = basket.way;
  for (const button of wayButtons()) button.checked = button.value === basket.way;
  dispatchEvent(new Event("basket:changed"));
  document.body.classList.toggle("has-basket", Boolean(count));
}

/** Show one pizza with a button to add it, or with a stepper once it is in the basket. */
function showCard(card, quantity) {
  const [add, stepper] = [card.querySelector(".add"), card.querySelector(".stepper")];
  const held = document.activeElement;
  add.hidden = quantity > 0;
  stepper.hidden = quantity === 0;
  stepper.querySelector(".quantity").textContent = quantity;
  stepper.querySelector(".more").setAttribute("aria-disabled", quantity >= MOST);
  // The focused element may have just vanished, so keyboard users continue from its replacement.
  const lost = card.contains(held) && held.closest("[hidden]");
  if (lost) (quantity ? stepper.querySelector(".more") : add).focus();
}

// Ordering

async function order() {
  if (isBusy()) return;
  busy(true);
  complain("");
  basket.key ||= newKey();
  keep();
  try {
    const { data } = await sendUntilHeard();
    basket = { items: {}, way: basket.way, key: "" };
    keep();
    complain("");
    show();
    dispatchEvent(new CustomEvent("order:placed", { detail: data.order }));
    thank(data);
  } catch (error) {
    if (error.response?.status === 409) look();
    complain(error.response?.data?.error ?? "We could not reach the kitchen. Order again: it is made only once.");
  } finally {
    busy(false);
  }
}

/** Send the same click again while the kitchen can't be reached; its key makes it one order, also if an answer got lost. */
async function sendUntilHeard() {
  const began = Date.now();
  for (;;) {
    try {
      return await send().catch(sendWithNewToken);
    } catch (error) {
      const pause = pauseMs(error.response);
      if (!willPass(error.response, Date.now() - began, pause)) throw error;
      complain(sentenceFor(error.response));
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function willPass(response, waitedMs, pause) {
  if (response?.status === TOO_MANY) return waitedMs + pause < MOST_WAIT_MS;
  return waitedMs < KEEP_TRYING_MS && (!response || PASSING.includes(response.status));
}

function sentenceFor(response) {
  if (response?.status !== TOO_MANY) return "The kitchen can’t hear us right now. We keep trying.";
  return `${response.data.error ?? "That is a lot of orders."} Stay here: we order it for you then.`;
}

/** Return how long to wait, and a little more, so that not all customers come back at the same moment. */
function pauseMs(response) {
  const seconds = Number(response?.headers["retry-after"] || PAUSE_SECONDS);
  return (seconds || PAUSE_SECONDS) * (1000 + 250 * Math.random());
}

function send() {
  const items = Object.entries(basket.items).map(([id, quantity]) => ({ id: Number(id), quantity }));
  const token = document.querySelector(TOKEN).content;
  const headers = { "X-CSRFToken": token, "Idempotency-Key": basket.key, "X-Page-Of": whose };
  return axios.post("/api/order/", { items, way: basket.way }, { headers, timeout: TIMEOUT_MS });
}

/** Get the new token after a log-in or log-out in another tab, and retry the same click. */
async function sendWithNewToken(error) {
  if (error.response?.status !== 403) throw error;
  const { data } = await axios.get(location.pathname, { timeout: TIMEOUT_MS });
  const fresh = new DOMParser().parseFromString(data, "text/html").querySelector(TOKEN);
  document.querySelector(TOKEN).content = fresh.content;
  return send();
}

/** Return a random key. crypto.randomUUID exists only on https and localhost. */
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Return whether an order is being sent, in which case a second click or another pizza must wait. */
function isBusy() {
  return orderButton.getAttribute("aria-disabled") === "true";
}

function busy(is) {
  orderButton.setAttribute("aria-disabled", is);
  ways.disabled = is;
  orderButton.textContent = is ? "Ordering…" : "Order";
}

function complain(sentence) {
  byId("problem").textContent = sentence;
  byId("problem").hidden = !sentence;
}

function thank({ message, order: placed }) {
  const note = byId("thanks-note").content.firstElementChild.cloneNode(true);
  const link = note.querySelector("a");
  note.querySelector("p").textContent = message;
  link.href = placed.url;
  note.querySelector(".close").addEventListener("click", () => byId("thanks").replaceChildren());
  byId("thanks").replaceChildren(note);
  link.focus({ preventScroll: true }); // the pressed button is gone with the basket
}

document.getElementById("menu")?.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button || isBusy()) return;
  byId("thanks").replaceChildren();
  change(button.closest("[data-pizza]").dataset.pizza, button.classList.contains("less") ? -1 : 1);
});
ways.addEventListener("change", ({ target }) => choose(target.value));
orderButton.addEventListener("click", order);
addEventListener("pageshow", (event) => event.persisted && show());
show();
