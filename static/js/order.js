import { fetchInTime, retryMs } from "./fetch_in_time.js";
import { Live } from "./live.js";
import { duration, fillTimes, serverNow, timeOfDay } from "./clock.js";
import { pizzasApart } from "./pizzas.js";
import { barPercent, stepsOf } from "./progress.js";
import { wayOf } from "./ways.js";
import { write } from "./words.js";

// One order, live: the bar, the text, the clock, the timeline, the tab's title and icon.

const page = document.getElementById("order");
const byId = (id) => document.getElementById(id);
const bar = page.querySelector(".progress-bar");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const shop = document.documentElement.dataset.shop;
const TIMELINE_MS = 1200; // then it is asked for on another connection
const CONNECTIONS = 6; // that a browser keeps: all of them can swallow everything
const EASE_MS = 120; // how quickly the bar follows a jump

let order = JSON.parse(byId("payload").textContent);
let shown = barPercent(order, serverNow());
let drawnAt = 0;
let frame = 0;

// The state

function show(payload) {
  const arrived = payload.state === "delivered" && order.state !== "delivered";
  const news = payload.seq !== order.seq;
  if (payload.summary !== order.summary) readLines();
  order = payload;
  page.dataset.state = payload.state;
  page.dataset.stage = payload.stage;
  write(byId("status"), payload.status);
  write(byId("words"), payload.words);
  bar.setAttribute("aria-valuenow", payload.progress);
  bar.setAttribute("aria-valuetext", payload.words);
  bar.dataset.progress = payload.progress;
  document.title = `${payload.words} · Order ${payload.number} · ${shop}`;
  byId("favicon").href = icon(payload);
  byId("enjoy").hidden = payload.state !== "delivered";
  byId("enjoy").classList.toggle("arrived", arrived);
  showSteps();
  showClock();
  frame ||= requestAnimationFrame(draw);
  dispatchEvent(new CustomEvent("order:shown", { detail: payload }));
  if (news) readTimelineSoon();
}

function showSteps() {
  for (const step of byId("steps").children) {
    const progress = Number(step.dataset.progress);
    const here = progress === order.progress && order.state !== "cancelled";
    step.classList.toggle("done", order.state !== "cancelled" && (progress < order.progress || order.state === "delivered"));
    if (here) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  }
}

// The bar and the clock

function draw(now) {
  const target = barPercent(order, serverNow());
  const pull = calm.matches || !drawnAt ? 1 : 1 - Math.exp((drawnAt - now) / EASE_MS);
  shown += (target - shown) * pull;
  if (Math.abs(target - shown) < 0.05) shown = target;
  bar.style.width = `${shown.toFixed(2)}%`;
  const moving = shown !== target || isMoving();
  drawnAt = moving ? now : 0;
  frame = moving ? requestAnimationFrame(draw) : 0;
}

function isMoving() {
  const works = [order, ...pizzasApart(order)];
  return works.some(({ state, due_at: dueAt }) => state === "working" && serverNow() < Date.parse(dueAt));
}

function showClock() {
  write(byId("clock"), clockWords());
}

function clockWords() {
  const since = timeOfDay(order.started_at ?? order.joined_at);
  if (pizzasApart(order).some(({ state }) => state === "working")) {
    return `Since ${timeOfDay(order.created_at)} · ${duration(serverNow() - Date.parse(order.created_at))} so far`;
  }
  if (order.stage === "ready") return `At the counter since ${timeOfDay(order.ready_at ?? order.joined_at)}. Just say ${order.number}.`;
  switch (order.state) {
    case "working": {
      const left = Date.parse(order.due_at) - serverNow();
      return `Since ${since} · ${left > 0 ? `about ${duration(left)} left` : "any moment now"}`;
    }
    case "waiting":
      return `In line since ${since} · ${duration(serverNow() - Date.parse(order.joined_at))} so far`;
    case "held":
      return "We have set it aside for a moment. Nothing is lost.";
    case "delivered":
      return `${wayOf(order.way).ended} at ${timeOfDay(order.delivered_at)}.`;
    default:
      return `This order was cancelled at ${since}.`;
  }
}

// The icon in the tab: a pizza with a slice for each stage that has begun

function icon(payload) {
  const state = payload.stage === "ready" ? "delivered" : payload.state; // there is nothing left to wait for
  const colour = { delivered: "#2F6B3A", cancelled: "#6B584C", held: "#8A4B00" }[state] ?? "#B92D1B";
  const mark = {
    delivered: '<path d="M9 17l5 5 9-11"/>',
    cancelled: '<path d="M11 11l10 10M21 11L11 21"/>',
    held: '<path d="M12.500 11v10M19.500 11v10"/>',
  }[state];
  const parts = mark ? `<g fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round">${mark}</g>` : pie(stepsOf(payload));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15.500" fill="${colour}"/>${parts}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

function pie({ all, begun }) {
  const point = (turn) => `${16 + 12 * Math.sin(turn * 2 * Math.PI)} ${16 - 12 * Math.cos(turn * 2 * Math.PI)}`;
  const eaten = '<circle cx="16" cy="16" r="12" fill="#FFF9F2"/>';
  return Array.from({ length: begun }, (_, i) =>
    `<path fill="#E9A23B" stroke="#B92D1B" d="M16 16L${point(i / all)}A12 12 0 0 1 ${point((i + 1) / all)}Z"/>`,
  ).reduce((all, slice) => all + slice, eaten);
}

// The timeline

let reading = 0;
let tries = 0; // that nobody has answered
let toldSeq = order.seq; // that the shown timeline goes up to

/** Read the timeline after a random delay, so that a thousand watchers of one order do not all ask at once. */
function readTimelineSoon(afterMs = 100 + Math.random() * 400) {
  clearTimeout(reading);
  reading = setTimeout(readTimeline, afterMs);
}

async function readTimeline() {
  try {
    const answer = await fetchInTime(page.dataset.api, {}, tries < CONNECTIONS ? TIMELINE_MS : undefined);
    tries = 0;
    const busyMs = retryMs(answer);
    if (busyMs) readTimelineSoon(busyMs);
    else if (answer.ok) showTimeline(await answer.json());
  } catch (error) {
    // The next change or connection tries again, and this question if it was swallowed.
    if (error.name !== "TimeoutError" || live.state !== "live") return;
    tries += 1;
    readTimelineSoon(0);
  }
}

function showTimeline({ payload: { seq }, timeline }) {
  if (seq < toldSeq) return; // an older response that arrived late
  toldSeq = seq;
  const list = byId("timeline");
  list.replaceChildren(
    ...timeline.map(({ at, sentence }) => {
      const [row, time, words] = ["li", "time", "span"].map((name) => document.createElement(name));
      time.dateTime = at;
      words.textContent = sentence;
      row.append(time, " ", words);
      return row;
    }),
  );
  fillTimes(list);
}

// The lines of the order, after a change at the customer's request

async function readLines() {
  try {
    const answer = await fetchInTime(location.href, { headers: { "X-Background": "1" } });
    const busyMs = retryMs(answer);
    if (busyMs) return void setTimeout(readLines, busyMs);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of [".lines", ".quantities"]) document.querySelector(part)?.replaceWith(document.adoptNode(fresh.querySelector(part)));
  } catch {
    // A reload shows them.
  }
}

// Sharing

async function share() {
  const link = location.origin + location.pathname;
  try {
    if (navigator.share) await navigator.share({ title: `Order ${order.number} · ${shop}`, url: link });
    else {
      await navigator.clipboard.writeText(link);
      byId("shared").textContent = "The link is copied. Anyone who has it can watch.";
    }
  } catch (error) {
    if (error.name !== "AbortError") byId("shared").textContent = `Copy this link: ${link}`;
  }
}

// Start

byId("share").addEventListener("click", share);
fillTimes(page);
show(order);
setInterval(showClock, 1000);
// Also after the end: staff can move a delivered order back.
const live = new Live(`/ws/pizza/${order.order_id}?forecast`, {
  onPayload(payload) {
    if (payload.order_id === order.order_id && payload.seq >= order.seq) show(payload);
  },
  // After a restart thousands of pages come back at once: those that know all there is to know ask for nothing more.
  onState: (state) => state === "live" && toldSeq < order.seq && readTimelineSoon(),
  newest: () => order.seq,
});
