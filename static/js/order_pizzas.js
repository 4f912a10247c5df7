import { pizzasApart, wordsOfStages } from "./pizzas.js";
import { write } from "./words.js";

// The pizzas of an order of several, while they go their ways apart: each with its name and where it is.

const FOLD_MS = 300;

const list = document.getElementById("apart");
const wordsOf = wordsOfStages();
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function show(payload) {
  const rows = together(pizzasApart(payload));
  if (!rows.length) return fold();
  list.hidden = false;
  while (list.children.length > rows.length) list.lastChild.remove();
  rows.forEach((row, index) => fill(list.children[index] ?? list.appendChild(newRow()), row));
}

/** Return one row for the pizzas of a name that are in the same place and state, in the order of their numbers. */
function together(pizzas) {
  const rows = new Map();
  for (const { name, stage, state } of pizzas) {
    const key = [name, stage, state].join("\n");
    const row = rows.get(key) ?? { name, stage, state, count: 0 };
    row.count += 1;
    rows.set(key, row);
  }
  return [...rows.values()];
}

function newRow() {
  const row = document.createElement("li");
  for (const part of ["name", "where"]) {
    const span = document.createElement("span");
    span.className = part;
    row.append(span, " ");
  }
  return row;
}

function fill(row, { name, stage, state, count }) {
  row.dataset.state = state;
  write(row.querySelector(".name"), count > 1 ? `${count} × ${name}` : name);
  write(row.querySelector(".where"), wordsOf({ stage, state }));
}

/** Hide the list: the pizzas are together again. */
function fold() {
  if (list.hidden) return;
  if (calm.matches || document.hidden) return end();
  const { height } = list.getBoundingClientRect();
  const frames = [{ height: `${height}px`, opacity: 1 }, { height: 0, marginTop: 0, opacity: 0 }];
  list.animate(frames, { duration: FOLD_MS, easing: "ease-in" }).onfinish = end;
}

function end() {
  list.hidden = true;
  list.replaceChildren();
}

addEventListener("order:shown", ({ detail }) => show(detail));
show(JSON.parse(document.getElementById("payload").textContent));
