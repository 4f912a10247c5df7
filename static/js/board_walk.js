import { columnOf, neighbour } from "./board_tickets.js";

// Where the arrow keys go: from ticket to ticket, as one sees them.

const SLACK_PX = 2; // tickets side by side differ by a fraction of a pixel

/** Return the ticket that an arrow key goes to; nothing at the edge of the board. */
export function goalOf(ticket, key) {
  if (key === "ArrowUp" || key === "ArrowDown") return vertical(ticket, key === "ArrowUp" ? -1 : 1);
  return horizontal(ticket, key === "ArrowLeft" ? -1 : 1);
}

/** Return the next ticket below or above in the column; where there is none, the next in turn, so that all are reached. */
function vertical(ticket, step) {
  const here = ticket.getBoundingClientRect();
  const boxes = boxesOf(columnOf(ticket)).filter(({ box }) => box.left < here.right - SLACK_PX && box.right > here.left + SLACK_PX);
  const beyond = boxes.filter(({ box }) => (step > 0 ? box.top >= here.bottom - SLACK_PX : box.bottom <= here.top + SLACK_PX));
  return nearest(beyond, ({ box }) => Math.abs(box.top - here.top)) ?? neighbour(ticket, step);
}

/** Return the ticket beside this one, in this column or the next: the one at the same height, or the last above it. */
function horizontal(ticket, step) {
  const here = ticket.getBoundingClientRect();
  const boxes = boxesOf(document.getElementById("stations"));
  const beside = boxes.filter(({ box }) => (step > 0 ? box.left >= here.right - SLACK_PX : box.right <= here.left + SLACK_PX));
  const first = nearest(beside, ({ box }) => Math.abs(box.left - here.left));
  if (!first) return null;
  const edge = first.getBoundingClientRect().left;
  const row = beside.filter(({ box }) => Math.abs(box.left - edge) <= SLACK_PX);
  return (row.filter(({ box }) => box.top <= here.top + SLACK_PX).at(-1) ?? row[0]).ticket;
}

function boxesOf(place) {
  return [...place.querySelectorAll(".ticket")].map((ticket) => ({ ticket, box: ticket.getBoundingClientRect() }));
}

function nearest(boxes, distance) {
  return boxes.reduce((best, one) => (best && distance(best) <= distance(one) ? best : one), null)?.ticket;
}
