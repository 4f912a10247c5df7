// The server's time on this device, and times as people read them.

/** How far this device's clock is behind the server's, in ms. Only a page that has just come knows. */
const clockBehind = (() => {
  const loaded = performance.getEntriesByType("navigation")[0];
  const sent = Date.parse(document.documentElement.dataset.now);
  if (!loaded?.transferSize || Number.isNaN(sent)) return 0; // from a cache: the stamp is an old one
  return sent - (performance.timeOrigin + loaded.responseStart);
})();

/** Now, by the server's clock. */
export function serverNow() {
  return Date.now() + clockBehind;
}

/** "18:42", with the day in front if it was not today. In the reader's own zone. */
export function timeOfDay(moment) {
  const date = new Date(moment);
  const time = date.toLocaleTimeString("en-US", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.toLocaleDateString("en-US", { month: "short", day: "numeric" })}, ${time}`;
}

const SHORT_MS = 120_000; // an interval that is shorter is told to the second

/** "18:42–18:51", or with seconds where it is short. In the reader's own zone. */
export function between({ low, high }, joint = "–") {
  const short = Date.parse(high) - Date.parse(low) < SHORT_MS;
  const [from, to] = [low, high].map((moment) => (short ? withSeconds(moment) : timeOfDay(moment)));
  return from === to ? from : `${from}${joint}${to}`;
}

const secondHand = new Intl.DateTimeFormat("en-US", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

function withSeconds(moment) {
  return secondHand.format(new Date(moment));
}

/** The smallest difference that can be seen in an interval. */
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
