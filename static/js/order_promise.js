import { between, duration, stepMs } from "./clock.js";
import { fulfilledAt, wayOf } from "./ways.js";
import { write } from "./words.js";

// The promise on an order's page, in the largest type; below it the current forecast, and how far that has moved.

const SHORT_TEXT = "18:42 and 18:51".length;

const part = document.getElementById("promise");
const [label, times, forecast] = ["label", "times", "forecast"].map((name) => part.querySelector(`.${name}`));

function show(payload) {
  const shown = payload.promise ?? payload.eta;
  part.hidden = payload.state === "cancelled" || !shown;
  if (part.hidden) return;
  const when = between(shown, " and ");
  write(label, `${introduction(payload)} ${when.includes(" and ") ? "between" : "at"}`);
  write(times, when);
  times.classList.toggle("long", times.textContent.length > SHORT_TEXT);
  const { words, mood } = payload.promise ? forecastOf(payload) : { words: "", mood: "" };
  write(forecast, words);
  part.dataset.mood = mood;
}

function introduction(payload) {
  const { there, soon } = wayOf(payload.way);
  if (!payload.promise) return `We expect it ${soon}`;
  return fulfilledAt(payload) ? `We promised it ${soon}` : there;
}

function forecastOf(payload) {
  const { state, promise, eta } = payload;
  const { will } = wayOf(payload.way);
  if (fulfilledAt(payload)) return arrival(payload);
  if (state === "held") return { words: `On hold. We can say when it will ${will} once it goes on.`, mood: "" };
  if (!eta) return { words: `Right now we can't say when it will ${will}.`, mood: "" };
  const late = eta.low > promise.high;
  const early = eta.high < promise.low;
  if (late) return { words: `It will be later, sorry: ${between(eta)}.`, mood: "late" };
  return { words: `${early ? "It will be earlier" : "As it looks now"}: ${between(eta)}${moved(promise, eta)}.`, mood: "" };
}

function arrival(payload) {
  const { promise } = payload;
  const { came } = wayOf(payload.way);
  const moment = Date.parse(fulfilledAt(payload));
  const over = moment - Date.parse(promise.high);
  const step = stepMs(promise);
  if (over > 0) return { words: `It ${came} ${duration(Math.max(over, step))} later than we promised. We are sorry.`, mood: "late" };
  return { words: moment < Date.parse(promise.low) ? `It ${came} earlier.` : "We kept it.", mood: "kept" };
}

function moved(promise, eta) {
  const by = Date.parse(eta.median) - Date.parse(promise.median);
  if (Math.abs(by) < stepMs(promise)) return "";
  return `, about ${duration(Math.abs(by))} ${by > 0 ? "later" : "sooner"} than we first thought`;
}

addEventListener("order:shown", ({ detail }) => show(detail));
show(JSON.parse(document.getElementById("payload").textContent));
