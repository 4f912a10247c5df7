import { pizzasApart } from "./pizzas.js";

// The progress of an order. The stages are data, and the page states their percentages.

const READY = "ready"; // to collect: the kitchen has nothing left to do

/** The percentage at which each stage ends: code -> per cent. */
const ENDS = new Map(
  document
    .querySelector("meta[name=progress-steps]")
    .content.trim()
    .split(/\s+/)
    .map((step) => step.split("="))
    .map(([code, progress]) => [code, Number(progress)]),
);
const STEPS = [...new Set(ENDS.values())].sort((a, b) => a - b);

/** Return the position of the bar. While its pizzas are apart, each has an equal share of it. */
export function barPercent(payload, now) {
  if (payload.state === "delivered") return 100;
  if (payload.state === "cancelled") return 0;
  const apart = pizzasApart(payload);
  const parts = apart.length ? apart : [payload];
  return parts.reduce((sum, part) => sum + placeOf(part, payload, now), 0) / parts.length;
}

/** Return how far an order or one of its pizzas is, never beyond its stage. */
export function placeOf({ stage, state, started_at: startedAt, due_at: dueAt }, { progress }, now) {
  const end = ENDS.get(stage) ?? progress; // a stage that is newer than this page
  if (stage === READY) return end;
  const begin = STEPS[STEPS.indexOf(end) - 1] ?? 0;
  if (state !== "working") return begin;
  const started = Date.parse(startedAt);
  const share = (now - started) / Math.max(1, Date.parse(dueAt) - started);
  return begin + (end - begin) * Math.min(1, Math.max(0, share));
}

/** Return the number of stages and how many of them have begun. */
export function stepsOf({ progress }) {
  return { all: STEPS.length, begun: STEPS.indexOf(progress) + 1 };
}
