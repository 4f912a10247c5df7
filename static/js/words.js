// Write and format text on a page.

/** Write only changed text: it is cheaper, keeps a selection, and a screen reader does not repeat it. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function dollars(amount) {
  return amount.toLocaleString("en-US", { style: "currency", currency: "USD", useGrouping: false });
}

/** Return "alice", "alice and bob", or "alice, bob and 3 more". */
export function listOf(names, most = 3) {
  if (names.length > most) return `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more`;
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
