// The progress of an order. The stages are data, and the page states their percentages.

/** The percentages at which the stages end, in order. */
const STEPS = document.querySelector("meta[name=progress-steps]").content.trim().split(/\s+/).map(Number);

/** Return the position of the bar, which never goes beyond its stage. */
export function barPercent(payload, now) {
  if (payload.state === "delivered") return 100;
  if (payload.state === "cancelled") return 0;
  const begin = STEPS[STEPS.indexOf(payload.progress) - 1] ?? 0;
  if (payload.state !== "working") return begin;
  const started = Date.parse(payload.started_at);
  const share = (now - started) / Math.max(1, Date.parse(payload.due_at) - started);
  return begin + (payload.progress - begin) * Math.min(1, Math.max(0, share));
}

/** Return the number of stages and how many of them have begun. */
export function stepsOf({ progress }) {
  return { all: STEPS.length, begun: STEPS.indexOf(progress) + 1 };
}
