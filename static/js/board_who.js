import { write } from "./words.js";
import { showIf } from "./board_columns.js";

// Who an order is for, and who has taken it along, where orders leave the kitchen. Only boards are told.

const LEAVING = ["out_for_delivery", "ready"]; // of other stages nobody has to call out a name

/** Return the names that a ticket shows: {customer, driver}, each empty where there is none. */
function namesOf({ order_id: id, stage, number }, who) {
  const names = LEAVING.includes(stage) ? who.get(id) : null;
  if (!names) return { customer: "", driver: "" };
  return { customer: names.for === number ? "" : names.for, driver: names.with ?? "" }; // a guest's is called by its number
}

/** Write the names on a ticket. */
export function showWho(node, work, who) {
  const { customer, driver } = namesOf(work, who);
  const place = node.querySelector(".who");
  showIf(place, Boolean(customer || driver));
  write(place.querySelector(".customer"), customer);
  write(place.querySelector(".driver bdi"), driver);
  showIf(place.querySelector(".driver"), Boolean(driver));
}

/** Return the same for a screen reader. */
export function whoWords(work, who) {
  const { customer, driver } = namesOf(work, who);
  return [customer && `for ${customer}`, driver && `with ${driver}`].filter(Boolean).join(", ");
}
