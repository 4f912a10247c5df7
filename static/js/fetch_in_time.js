const MOST_MS = 6000; // a little longer than the shop takes for any answer

/** Fetch within a time limit. A connection that swallows everything would keep a question for minutes. */
export function fetchInTime(url, options = {}, mostMs = MOST_MS) {
  return fetch(url, { ...options, signal: AbortSignal.timeout(mostMs) });
}

/**
 * Return after how many milliseconds to ask again if the shop had too much to do (429, 503), else 0.
 * A part of it is random, so that not all come back at once.
 */
export function retryMs(answer) {
  if (![429, 503].includes(answer.status)) return 0;
  return (Number(answer.headers.get("Retry-After")) || 2) * 1000 * (1 + Math.random());
}
