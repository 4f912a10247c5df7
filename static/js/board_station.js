import { write } from "./words.js";
import { showIf } from "./board_columns.js";
import { pizzaCounts } from "./board_totals.js";
import { countPizzas } from "./board_works.js";

// The counts on a station's own screen: how many of what it has in front of it.

const HERE = ["waiting", "working"]; // what is on hold is nobody's work now

/** Write how many pizzas of each name wait, or are worked on, at this station. */
export function drawCounts(stage, orders, kitchen) {
  const counts = kitchen.totals
    ? pizzaCounts(kitchen, [stage], HERE)
    : countPizzas(orders, (item) => item.stage === stage && HERE.includes(item.state));
  const list = document.getElementById("counts");
  while (list.children.length > counts.length) list.lastChild.remove();
  counts.forEach(([name, count], index) => {
    const row = list.children[index] ?? list.appendChild(newRow());
    write(row.firstChild, String(count));
    write(row.lastChild, name);
  });
  showIf(list, counts.length > 0);
}

function newRow() {
  const row = document.createElement("li");
  row.append(document.createElement("strong"), " × ", document.createElement("span"));
  return row;
}
