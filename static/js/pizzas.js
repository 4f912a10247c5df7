// The pizzas of an order: apart while they are made one by one, then together.

/** Return the pizzas of an order of several while they are apart; none once it goes on as a whole. */
export function pizzasApart({ items = [], items_done: done, state }) {
  const pizzas = items.filter((item) => item.state !== "cancelled");
  const isOpen = state !== "delivered" && state !== "cancelled";
  return isOpen && pizzas.length > 1 && done < pizzas.length ? pizzas : [];
}

/** Return a function that says where a pizza is. The page has the words of each stage. */
export function wordsOfStages() {
  const words = JSON.parse(document.getElementById("stage-words").textContent);
  return ({ stage, state }) => words[stage]?.[state] ?? "";
}
