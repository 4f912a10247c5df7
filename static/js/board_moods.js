import { wayOf } from "./ways.js";

// How an order stands against the clock: calm, due soon, or late.

export const READY = "ready"; // to collect: what was promised has come true

/** Return how long an order's work usually takes at a station, in ms of wall time. */
export function usualMs(order, station, speed) {
  const rounds = station.kind === "belt" ? 1 : Math.ceil(order.count / station.places);
  const pizzas = station.works_on === "item" ? rounds : station.per_pizza ? order.count : 1;
  return (1000 * station.mean_seconds * pizzas) / speed;
}

/** Return the mood: "late" once the promised interval has passed, "soon" if it will probably be missed. */
export function moodOf(order, kitchen, now) {
  if (order.stage === READY) return "calm";
  if (order.promise) {
    const high = Date.parse(order.promise.high);
    if (now > high) return "late";
    return order.eta && Date.parse(order.eta.median) > high ? "soon" : "calm";
  }
  const work = workMs(order, kitchen);
  const age = now - Date.parse(order.created_at);
  if (age > work * kitchen.shop.late_after) return "late";
  return age > work * kitchen.shop.soon_after ? "soon" : "calm";
}

/** Return how long all work on an order usually takes, until it is at the door or ready to collect. */
function workMs(order, { stations, shop }) {
  const { skips } = wayOf(order.way);
  const passed = [...stations.values()].filter(({ stage }) => stage !== READY && !skips.includes(stage));
  return passed.reduce((sum, station) => sum + usualMs(order, station, shop.speed), 0);
}
