import { between, duration, serverNow } from "./clock.js";

// On the shop's page, show when an order would arrive beside the basket, and the current wait in the header.

const EVERY_MS = 10_000;
const SOON_MS = 250; // several taps on a stepper make one request

const wait = document.getElementById("wait");
const ready = document.getElementById("basket-ready");
let timer = 0;
let asked = 0;

function askSoon(afterMs) {
  clearTimeout(timer);
  timer = setTimeout(ask, afterMs);
}

async function ask() {
  askSoon(EVERY_MS);
  if (document.hidden) return;
  const pizzas = Number(document.getElementById("basket").dataset.pizzas) || 1;
  const turn = (asked += 1);
  try {
    const answer = await fetch(`/api/promise/?pizzas=${pizzas}`);
    if (!answer.ok || turn !== asked) return; // a newer request is under way
    show(await answer.json());
  } catch {
    // The next request tries again.
  }
}

function show({ promise, why_not: whyNot }) {
  ready.textContent = promise ? readyWhen(between(promise, " and ")) : whyNot;
  if (wait) wait.textContent = promise ? `, ready in about ${duration(Date.parse(promise.median) - serverNow())}` : "";
}

/** Word an interval, which can be so short that both of its ends read the same. */
function readyWhen(when) {
  return when.includes(" and ") ? `Ready between ${when}` : `Ready at ${when}`;
}

addEventListener("basket:changed", () => askSoon(SOON_MS));
document.addEventListener("visibilitychange", () => document.hidden || askSoon(0));
askSoon(0);
