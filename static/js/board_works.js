// What has a ticket: on the board each order, on a station's own screen each piece of that station's work.

/** Parse "2 × Margherita, 1 × Diavola" into [{name, quantity}, ...]. */
function pizzasOf({ summary }) {
  return summary
    .split(/, (?=\d+ × )/)
    .filter(Boolean)
    .map((text) => {
      const cut = text.indexOf(" × ");
      return { name: text.slice(cut + 3), quantity: Number(text.slice(0, cut)) };
    });
}

/** Return an order as the board keeps it. */
export function asWork(payload) {
  const pizzas = pizzasOf(payload);
  const count = Math.max(1, pizzas.reduce((sum, { quantity }) => sum + quantity, 0));
  return { ...payload, key: payload.order_id, pizzas, count };
}

/** Return the work of one station on an order: the order or, where each pizza has a place of its own, these pizzas. */
export function worksAt({ stage, works_on: unit }, order) {
  if (unit !== "item") return order.stage === stage ? [order] : [];
  return order.items.filter((item) => item.stage === stage && item.state !== "done").map((item) => pizzaAsWork(order, item));
}

function pizzaAsWork(order, item) {
  const { number, name, stage, state, started_at, due_at, overdue, joined_at: joinedAt, rushed } = item;
  const own = { stage, state, started_at, due_at, overdue, joined_at: joinedAt ?? order.joined_at, rushed: rushed ?? order.rushed };
  return { ...order, ...own, key: `${order.order_id} ${number}`, item: number, pizzas: [{ name, quantity: 1 }], items: [], count: 1, summary: name };
}

/** Return which of the three lists of a column a work is in. What anybody works on, anywhere, has a full ticket. */
export function listOf({ state, items }) {
  return state === "working" || items.some((item) => item.state === "working") ? "working" : state;
}

/** Compare by turn: rushed orders first, then first come, first served. The kitchen decides; this shows its line. */
export function byTurn(a, b) {
  return b.rushed - a.rushed || compare(a.joined_at, b.joined_at) || compare(a.created_at, b.created_at);
}

export function byStart(a, b) {
  return compare(a.started_at ?? "", b.started_at ?? "") || byTurn(a, b);
}

function compare(a, b) {
  return a < b ? -1 : Number(a > b);
}

/** Count the pizzas that wait or are worked on, by name: [[name, count], ...], the most first. */
export function countPizzas(orders, isWanted) {
  const counts = new Map();
  for (const { items } of orders) {
    for (const item of items) if (isWanted(item)) counts.set(item.name, (counts.get(item.name) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}
