// What the message says after a verb: what was done to what, and where that is now.

/** Of each verb, what was done, and what is said when it is undone. */
const DEEDS = {
  advance: ["is done", "is not done after all"],
  take: ["is taken", "is not taken after all"],
  recall: ["goes back a stage", "does not go back after all"],
  hold: ["is on hold", "is no longer on hold"],
  resume: ["goes on", "is on hold again"],
  rush: ["goes first", "no longer goes first"],
  remake: ["is made again", "is not made again after all"],
  cancel: ["is cancelled", "is not cancelled after all"],
  override: ["is moved", "is back where it was"],
};
const ENDS = { delivery: "is delivered", carry_out: "is handed over" };
const SAYS_ALL = ["rush", "cancel"]; // nothing to add about where it is now

/** Return the sentence about an order or one of its pizzas. `undone` is the verb that an undo took back. */
export function deedWords({ done, order, item, undone }, wordsOf) {
  const pizza = order.items.find(({ number }) => number === item);
  const subject = pizza ? `${order.number}: ${pizza.name}` : order.number;
  const [deed, isWhole] = deedOf(done, undone, order);
  if (isWhole) return `${subject} ${deed}.`;
  if (done === "hold") return `${subject} ${deed}. Resume it when you are ready.`;
  return `${subject} ${deed}${pizza ? "," : ":"} ${nowWords(order, pizza, wordsOf)}.`;
}

/** Return the deed, and whether it says all there is to say. */
function deedOf(done, undone, order) {
  if (done === "undo") return [(DEEDS[undone] ?? ["", "is back where it was"])[1], false];
  if (order.state === "delivered") return [ENDS[order.way] ?? ENDS.delivery, true];
  const [deed] = DEEDS[done] ?? ["is changed"];
  return [deed, SAYS_ALL.includes(done)];
}

function nowWords(order, pizza, wordsOf) {
  const words = pizza ? wordsOf(pizza) : order.words;
  return words.charAt(0).toLowerCase() + words.slice(1);
}
