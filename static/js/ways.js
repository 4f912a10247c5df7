// The two ways out of the kitchen, in the words of the pages.

const WAYS = {
  delivery: {
    label: "Delivery",
    there: "At your door", // what a promise is about
    soon: "at your door",
    will: "be here",
    came: "came",
    ended: "At your door",
    skips: ["ready"],
  },
  carry_out: {
    label: "Collect",
    there: "Ready to collect",
    soon: "ready to collect",
    will: "be ready",
    came: "was ready",
    ended: "Collected",
    skips: ["out_for_delivery"],
  },
};

/** Return the words of an order's way. A page that is older than the shop might not know it. */
export function wayOf(code) {
  return WAYS[code] ?? WAYS.delivery;
}

/** Return when it was at the door or ready to collect; null if it is not yet. */
export function fulfilledAt({ ready_at: readyAt, delivered_at: deliveredAt }) {
  return readyAt ?? deliveredAt;
}
