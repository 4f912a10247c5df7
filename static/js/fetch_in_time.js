const MOST_MS = 6000; // a little longer than the shop takes for any answer

/** Fetch within a time limit. A connection that swallows everything would keep a question for minutes. */
export function fetchInTime(url, options = {}, mostMs = MOST_MS) {
  return fetch(url, { ...options, signal: AbortSignal.timeout(mostMs) });
}
