// How much there is in all. A board that does not show every order is told by the kitchen; any other counts its own.

const STATES = ["working", "held", "waiting"];

/** Return the rows of orders; those of simulated ones only if they are shown, or wanted anyway. */
function rowsOf({ totals, hidesSimulated }, isWanted, wantsAll = false) {
  return totals.orders.filter((row) => (wantsAll || !hidesSimulated || !row.simulated) && isWanted(row));
}

function sum(rows, name) {
  return rows.reduce((all, row) => all + row[name], 0);
}

function kindsOf({ hidesSimulated }, wantsAll) {
  return hidesSimulated && !wantsAll ? ["real"] : ["real", "simulated"];
}

/** Return how many orders are open, and how many of them are late. */
export function ordersInAll(kitchen) {
  const rows = rowsOf(kitchen, () => true);
  return { orders: sum(rows, "orders"), late: sum(rows, "late") };
}

/** Return how many orders are at a stage, real ones or simulated ones. */
export function ordersAt({ totals }, stage, isSimulated) {
  return sum(totals.orders.filter((row) => row.stage === stage && row.simulated === isSimulated), "orders");
}

/** Return how many tickets each list of a station has: of pizzas where each has one, otherwise of orders. */
export function ticketsAt(kitchen, stage, isOfPizzas) {
  const count = (state) => {
    if (isOfPizzas) return pizzasAt(kitchen, stage, state);
    return sum(rowsOf(kitchen, (row) => row.stage === stage && row.state === state), "orders");
  };
  return Object.fromEntries(STATES.map((state) => [state, count(state)]));
}

function pizzasAt(kitchen, stage, state, wantsAll) {
  const kinds = kindsOf(kitchen, wantsAll);
  return kitchen.totals.pizzas.reduce((all, row) => all + kinds.reduce((n, kind) => n + (row[kind][stage]?.[state] ?? 0), 0), 0);
}

/** Return how many pizzas of each name are in these states at these stages, the most first: [[name, count], ...]. */
export function pizzaCounts(kitchen, stages, states) {
  const kinds = kindsOf(kitchen);
  const countOf = (row) => sum(kinds.flatMap((kind) => stages.flatMap((stage) => states.map((state) => ({ n: row[kind][stage]?.[state] ?? 0 })))), "n");
  const counts = kitchen.totals.pizzas.map((row) => [row.name || "Others", countOf(row)]);
  return counts.filter(([, count]) => count).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

/** Return how busy a station is: works under way and in line, how many pieces these are, and since when the first waits. */
export function loadOf(kitchen, station, orders, pizzas) {
  if (station.works_on === "item") return loadOfPizzas(kitchen, station, pizzas);
  if (!kitchen.totals) {
    const { waiting } = orders;
    const pieces = station.per_pizza ? sum(waiting, "count") : waiting.length;
    return { working: orders.working.length, waiting: waiting.length, pieces, since: Math.min(...waiting.map(({ joined_at: at }) => Date.parse(at))) };
  }
  const [working, waiting] = ["working", "waiting"].map((state) => rowsOf(kitchen, (row) => row.stage === station.stage && row.state === state, true));
  const pieces = sum(waiting, station.per_pizza ? "pizzas" : "orders");
  return { working: sum(working, "orders"), waiting: sum(waiting, "orders"), pieces, since: Math.min(...waiting.map(({ since }) => Date.parse(since))) };
}

function loadOfPizzas(kitchen, { stage }, pizzas) {
  const count = (wanted) => (kitchen.totals ? pizzasAt(kitchen, stage, wanted, true) : pizzas.filter(({ state }) => state === wanted).length);
  const waiting = count("waiting");
  return { working: count("working"), waiting, pieces: waiting };
}
