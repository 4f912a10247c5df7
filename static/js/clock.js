// The server's time on this device, and times in words.

/** Return how far this device's clock is behind the server's, in ms. Only a freshly loaded page can tell. */
const clockBehind = (() => {
  const loaded = performance.getEntriesByType("navigation")[0];
  const sent = Date.parse(document.documentElement.dataset.now);
  if (!loaded?.transferSize || Number.isNaN(sent)) return 0; // from a cache, so the stamp is old
  return sent - (performance.timeOrigin + loaded.responseStart);
})();

/** Return the present time on the server's clock. */
export function serverNow() {
  return Date.now() + clockBehind;
}

/** Return "18:42" in the reader's time zone, with the day in front unless it is today. */
export function timeOfDay(moment) {
  const date = new Date(moment);
  const time = date.toLocaleTimeString("en-US", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.toLocaleDateString("en-US", { month: "short", day: "numeric" })}, ${time}`;
}

const SHORT_MS = 120_000; // a shorter interval is shown with seconds

/** Return "18:42–18:51" in the reader's time zone, with seconds if the interval is short. */
export function between({ low, high }, joint = "–") {
  const short = Date.parse(high) - Date.parse(low) < SHORT_MS;
  const [from, to] = [low, high].map((moment) => (short ? withSeconds(moment) : timeOfDay(moment)));
  return from === to ? from : `${from}${joint}${to}`;
}

const secondHand = new Intl.DateTimeFormat("en-US", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

function withSeconds(moment) {
  return secondHand.format(new Date(moment));
}

/** Return the smallest difference that is visible in an interval. */
export function stepMs({ low, high }) {
  return Date.parse(high) - Date.parse(low) < SHORT_MS ? 1000 : 60_000;
}

export function duration(milliseconds) {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function fillTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    if (time.dateTime) time.textContent = timeOfDay(time.dateTime);
  }
}
