import { Live } from "./live.js";
import { duration, serverNow } from "./clock.js";
import { Chat, followKeyboard } from "./chat.js";
import { hourOf, make, textButton } from "./chat_text.js";
import { wayOf } from "./ways.js";

// The inbox: three lists, the open conversation, and its order.

const TICK_MS = 15_000; // updates "waiting 3 min"

const byId = (id) => document.getElementById(id);
const lists = byId("lists");
const { me } = byId("room-parts").content.firstElementChild.dataset;
let inbox = { waiting: [], active: [], closed: [], agents: [], canned: [] };
let chat = null;
let slug = decodeURIComponent(location.hash.slice(1));

// The lists

function hear(frame) {
  if (frame.type === "error") return showProblem(frame.error);
  if (frame.type !== "inbox") return;
  inbox = frame;
  draw();
}

function draw() {
  for (const section of lists.querySelectorAll("section")) drawList(section, inbox[section.dataset.list]);
  drawCanned();
  const there = find(slug);
  if (there && chat?.slug !== slug) open(slug);
  else if (there) describe(there);
}

function find(wanted) {
  return [...inbox.waiting, ...inbox.active, ...inbox.closed].find((one) => one.slug === wanted);
}

/** Draw a list. Rows that stay keep their element, and with it the focus. */
function drawList(section, conversations) {
  const list = section.querySelector("ul");
  const known = new Map(Array.from(list.children, (row) => [row.dataset.slug, row]));
  const rows = conversations.map((one) => drawRow(known.get(one.slug) ?? newRow(one.slug), one));
  const focused = document.activeElement;
  if (rows.length !== list.children.length || rows.some((row, n) => row !== list.children[n])) list.replaceChildren(...rows);
  if (focused !== document.activeElement) focused.focus();
  section.querySelector(".nobody").hidden = rows.length > 0;
  const count = section.querySelector("h2 .badge-count");
  if (!count) return;
  count.hidden = !rows.length;
  count.textContent = rows.length;
}

function newRow(wanted) {
  const row = byId("row").content.firstElementChild.cloneNode(true);
  row.dataset.slug = wanted;
  row.firstElementChild.addEventListener("click", () => open(wanted, true));
  return row;
}

function drawRow(row, one) {
  const [number, who, last, badge] = [".number", ".who", ".last", ".badge-count"].map((part) => row.querySelector(part));
  number.textContent = one.order.number;
  who.textContent = one.customer;
  last.textContent = one.last?.message ?? "";
  badge.hidden = !one.unanswered || one.state !== "active";
  row.querySelector(".since").textContent = stateWords(one);
  row.classList.toggle("chosen", one.slug === slug);
  row.firstElementChild.ariaCurrent = one.slug === slug ? "true" : null;
  return row;
}

function stateWords({ state, since, agent }) {
  if (state === "waiting") return `waiting ${duration(serverNow() - Date.parse(since))}`;
  if (state === "closed") return `closed ${hourOf(since)}`;
  return agent === me ? "yours" : agent;
}

// The conversation

function open(wanted, byHand = false) {
  if (chat?.slug !== wanted) begin(wanted);
  document.querySelector(".inbox").classList.add("talking");
  if (byHand && matchMedia("(pointer: fine)").matches) chat.composer.box.focus();
  else if (byHand) byId("talk-title").focus();
  draw();
}

function begin(wanted) {
  chat?.end();
  slug = wanted;
  history.replaceState(null, "", `#${encodeURIComponent(wanted)}`);
  const parts = byId("room-parts").content.firstElementChild.cloneNode(true);
  parts.dataset.slug = wanted;
  byId("room").replaceChildren(parts);
  byId("choose").hidden = true;
  byId("conversation").hidden = byId("facts").hidden = false;
  showProblem("");
  chat = new Chat(parts);
}

function describe({ customer, state, agent, order }) {
  write("talk-title", `${customer}, order ${order.number}`);
  write("talk-state", { waiting: "Waiting for an answer", active: agent === me ? "You are answering" : `${agent} is answering`, closed: "Closed" }[state]);
  write("facts-title", `Order ${order.number}`);
  write("fact-words", order.words);
  write("fact-summary", `${order.summary} · ${wayOf(order.way).label}`);
  byId("fact-link").href = order.url;
  const isActive = state === "active";
  const allowed = { take: state === "waiting", hand_over: isActive && othersThan(agent).length > 0, close: state !== "closed", reopen: state === "closed" };
  for (const button of byId("verbs").children) button.hidden = !allowed[button.dataset.verb];
}

function othersThan(agent) {
  return inbox.agents.filter((username) => username !== agent);
}

function write(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function back() {
  document.querySelector(".inbox").classList.remove("talking");
  lists.querySelector(`[data-slug="${CSS.escape(slug)}"] button`)?.focus();
}

// Actions

function act(verb, more = {}) {
  showProblem("");
  if (!live.send({ type: verb, slug, ...more })) showProblem("No connection right now, so nothing was changed.");
}

function showProblem(sentence) {
  byId("inbox-problem").textContent = sentence;
}

function chooseAgent() {
  const buttons = othersThan(find(slug)?.agent).map((username) => {
    const button = make("button", "btn btn-outline-primary", username === me ? "Me" : username);
    button.value = username;
    return button;
  });
  byId("agents").replaceChildren(...buttons);
  byId("hand-over").returnValue = "";
  byId("hand-over").showModal();
}

function drawCanned() {
  const box = byId("canned");
  box.hidden = !inbox.canned.length;
  const list = box.querySelector("ul");
  if (list.childElementCount === inbox.canned.length && [...list.children].every((row, n) => row.title === inbox.canned[n].body)) return;
  list.replaceChildren(
    ...inbox.canned.map(({ title, body }) => {
      const row = make("li");
      row.title = body;
      row.append(textButton(title, "btn btn-outline-primary", () => useCanned(body)));
      return row;
    }),
  );
}

function useCanned(body) {
  byId("canned").open = false;
  chat.composer.insert(body);
}

/** Move through the conversations with the arrow keys, and back to them with Escape. */
function press(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const buttons = [...lists.querySelectorAll("li button")];
  const here = buttons.indexOf(document.activeElement);
  if (step && here >= 0) {
    event.preventDefault();
    buttons[here + step]?.focus();
  }
  const isBusy = event.defaultPrevented || document.querySelector("dialog[open]") || chat?.composer.edited;
  if (event.key === "Escape" && slug && !isBusy) back();
}

byId("verbs").addEventListener("click", ({ target }) => {
  const { verb } = target.dataset;
  if (verb === "hand_over") chooseAgent();
  else if (verb) act(verb);
});
byId("hand-over").addEventListener("close", ({ target }) => target.returnValue && act("hand_over", { to: target.returnValue }));
byId("back").addEventListener("click", back);
document.addEventListener("keydown", press);
addEventListener("hashchange", () => open(decodeURIComponent(location.hash.slice(1))));
followKeyboard();
const live = new Live("/ws/inbox/", { onFrame: hear }, { isPersonal: true });
setInterval(draw, TICK_MS);
