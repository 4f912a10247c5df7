import { Chat } from "./chat.js";

// The conversation on an order's page: connected once there is one, or when it is opened for the first time.

const panel = document.getElementById("talk");
const badge = document.getElementById("talk-unread");
let chat = null;
let order = JSON.parse(document.getElementById("payload").textContent);

function open() {
  document.getElementById("talk-news")?.remove(); // from now on the conversation tells by itself
  chat = new Chat(panel.querySelector(".chat"), count);
  chat.wishes?.show(order);
}

function count(unread) {
  badge.hidden = !unread || panel.open;
  badge.textContent = `${unread} new`;
}

panel?.addEventListener("toggle", () => {
  if (!chat) open();
  if (panel.open) chat.log.goToEnd();
  if (panel.open) badge.hidden = true;
});
// Something is unread somewhere, says notices.js: has the kitchen written first?
addEventListener("part:fresh", ({ detail }) => {
  if (!chat && detail.id === "talk-news" && "exists" in detail.dataset) open();
});
addEventListener("order:shown", (event) => {
  order = event.detail;
  chat?.wishes?.show(order);
});
if (panel && (panel.open || "exists" in panel.dataset)) open();
