import { pizzasApart } from "./pizzas.js";
import { READY } from "./board_moods.js";
import { wayOf } from "./ways.js";

// Which verbs make sense for an order or for one of its pizzas. The kitchen decides; this offers no more than it would do.

/** Return the verb of a ticket's own button, in words for it, or null if there is nothing to tap. */
export function mainVerb(work, station) {
  if (canBeTaken(work, station)) return { action: "take", label: "Take", name: "Take" };
  if (work.state !== "working") return null;
  if (work.stage === READY) return { action: "advance", label: "Handed over", name: "Handed over:" };
  const apart = pizzasApart(work);
  const here = apart.filter(({ stage, state }) => stage === work.stage && state === "working").length;
  if (apart.length && here < 2) return null; // the pizza's own line has the button
  return { action: "advance", label: apart.length ? (here === 2 ? "Both done" : `All ${here} done`) : "Done", name: "Done with" };
}

/** Return whether somebody takes this along from where it waits. */
function canBeTaken({ state }, station) {
  return state === "waiting" && Boolean(station?.takes);
}

/** Return whether a verb is offered for an order or, with `pizza`, for one of its pizzas. */
export function makesSense({ action, stage }, order, pizza, stations) {
  if (pizza && isThrough(order, pizza)) return forThrough(action, order, pizza, stations);
  const work = pizza ?? order;
  if (action === "advance") return work.state !== "cancelled";
  if (action === "take") return !pizza && canBeTaken(order, stations.get(order.stage));
  if (action === "hold") return ["waiting", "working"].includes(work.state);
  if (action === "resume") return isHeld(work);
  if (action === "rush") return !order.rushed && hasLineAhead(work, order, stations);
  if (action === "recall") return work.stage !== firstStage(stations);
  if (action === "remake") return isMadeOneByOne(stations) && hasBegun(work, order, stations);
  if (action === "cancel") return true;
  if (action === "override") return stage !== order.stage && !wayOf(order.way).skips.includes(stage);
  return !pizza;
}

/** Of a pizza that has left the stations of pizzas, only what brings it back. */
function forThrough(action, order, pizza, stations) {
  if (action === "remake") return isMadeOneByOne(stations);
  if (action !== "recall") return false;
  const isApart = pizzasApart(order).length > 0;
  return isApart || order.stage === firstOfOrders(order, stations);
}

/** Return whether a pizza is done, alone or with its whole order. */
function isThrough({ items, items_done: done }, { state }) {
  return state === "done" || done === items.filter((item) => item.state !== "cancelled").length;
}

function isHeld(work) {
  return work.state === "held" || Boolean(work.items?.some(({ state }) => state === "held"));
}

/** Return whether there is a line that being first would help in: not at the last station of the way. */
function hasLineAhead({ stage, state }, { way }, stations) {
  const passed = [...stations.keys()].filter((code) => !wayOf(way).skips.includes(code));
  return stage !== READY && (stage !== passed.at(-1) || state !== "working");
}

function hasBegun(work, order, stations) {
  const pizzas = work.items ?? [work];
  return pizzas.some(({ stage, state }) => state !== "cancelled" && (stage !== firstStage(stations) || state !== "waiting"));
}

function isMadeOneByOne(stations) {
  return stations.get(firstStage(stations))?.works_on === "item";
}

function firstOfOrders({ way }, stations) {
  return [...stations.values()].find(({ stage, works_on: unit }) => unit === "order" && !wayOf(way).skips.includes(stage))?.stage;
}

/** Return the first stage: the stations are in the order of the stages. */
export function firstStage(stations) {
  return stations.keys().next().value;
}
