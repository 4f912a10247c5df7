import { fetchInTime } from "./fetch_in_time.js";
import { write } from "./words.js";

// An action on many rows, polled every second while it runs. All text is inserted as text.

const POLL_MS = 1000;
const run = document.getElementById("run");
const at = (id) => document.getElementById(id);

async function poll() {
  let state;
  try {
    const response = await fetchInTime(run.dataset.json, { headers: { "X-Background": "1" } });
    if (!response.ok) throw new Error(String(response.status));
    state = await response.json();
  } catch {
    at("trouble").hidden = false;
    setTimeout(poll, POLL_MS);
    return;
  }
  at("trouble").hidden = true;
  show(state);
  if (state.status === "running") setTimeout(poll, POLL_MS);
}

function show({ status, position, total, counted, done, refused, note }) {
  run.dataset.status = status;
  Object.assign(at("progress"), { max: total, value: position });
  for (const [id, words] of Object.entries({ counted, done, refused, note })) write(at(id), words);
  at("note").hidden = !note;
  at("stop").hidden ||= status !== "running";
}

if (run.dataset.status === "running") poll();
