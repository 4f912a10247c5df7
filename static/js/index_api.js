/* global axios */
import { dollars } from "./words.js";

// The basket, and ordering it. What is in it lives in this tab until it is ordered.

const MOST = 20; // of one pizza
const BASKET = "basket";
const TIMEOUT_MS = 15_000;
const TOKEN = "meta[name=csrf-token]";

const byId = (id) => document.getElementById(id);
const cards = new Map(Array.from(document.querySelectorAll("[data-pizza]"), (card) => [card.dataset.pizza, card]));
const orderButton = byId("place-order");
let basket = load(); // {items: {pizza id: quantity}, key: the click that is being tried}

// Keeping

function load() {
  const empty = { items: {}, key: "" };
  try {
    const kept = { ...empty, ...JSON.parse(sessionStorage.getItem(BASKET)) };
    const items = Object.entries(kept.items).filter(([id, n]) => cards.has(id) && n >= 1 && n <= MOST);
    return { ...kept, items: Object.fromEntries(items) };
  } catch {
    return empty; // storage may be forbidden, or hold nonsense
  }
}

function keep() {
  try {
    sessionStorage.setItem(BASKET, JSON.stringify(basket));
  } catch {
    // It lasts as long as the page, then.
  }
}

// Choosing

function change(id, by) {
  const quantity = Math.min(MOST, Math.max(0, (basket.items[id] ?? 0) + by));
  if (quantity) basket.items[id] = quantity;
  else delete basket.items[id];
  basket.key = ""; // another basket is another order
  keep();
  complain("");
  show();
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
  dispatchEvent(new Event("basket:changed"));
  document.body.classList.toggle("has-basket", Boolean(count));
}

/** One pizza: a button to add it, and once it is in the basket a stepper in the button's place. */
function showCard(card, quantity) {
  const [add, stepper] = [card.querySelector(".add"), card.querySelector(".stepper")];
  const held = document.activeElement;
  add.hidden = quantity > 0;
  stepper.hidden = quantity === 0;
  stepper.querySelector(".quantity").textContent = quantity;
  stepper.querySelector(".more").setAttribute("aria-disabled", quantity >= MOST);
  // What had the focus may have just vanished: who works with the keyboard goes on from its successor.
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
    const { data } = await send().catch(sendWithNewToken);
    basket = { items: {}, key: "" };
    keep();
    show();
    dispatchEvent(new CustomEvent("order:placed", { detail: data.order }));
    thank(data);
  } catch (error) {
    complain(error.response?.data?.error ?? "We could not reach the kitchen. Nothing was ordered; try again.");
  } finally {
    busy(false);
  }
}

function send() {
  const items = Object.entries(basket.items).map(([id, quantity]) => ({ id: Number(id), quantity }));
  const token = document.querySelector(TOKEN).content;
  const headers = { "X-CSRFToken": token, "Idempotency-Key": basket.key };
  return axios.post("/api/order/", { items }, { headers, timeout: TIMEOUT_MS });
}

/** Who logged in or out in another tab has a new token there: get it, and try the same click again. */
async function sendWithNewToken(error) {
  if (error.response?.status !== 403) throw error;
  const { data } = await axios.get(location.pathname, { timeout: TIMEOUT_MS });
  const fresh = new DOMParser().parseFromString(data, "text/html").querySelector(TOKEN);
  document.querySelector(TOKEN).content = fresh.content;
  return send();
}

/** crypto.randomUUID is there on https and localhost only. */
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** While an order is under way a second click, or another pizza, must wait. */
function isBusy() {
  return orderButton.getAttribute("aria-disabled") === "true";
}

function busy(is) {
  orderButton.setAttribute("aria-disabled", is);
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
  link.focus({ preventScroll: true }); // the button that was pressed is gone with the basket
}

document.getElementById("menu")?.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button || isBusy()) return;
  byId("thanks").replaceChildren();
  change(button.closest("[data-pizza]").dataset.pizza, button.classList.contains("less") ? -1 : 1);
});
orderButton.addEventListener("click", order);
addEventListener("pageshow", (event) => event.persisted && show());
show();
