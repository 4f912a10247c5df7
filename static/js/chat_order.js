import { Chat } from "./chat.js";

// The conversation on an order's page. It connects if the conversation exists, or when it is first opened.

const panel = document.getElementById("talk");
const badge = document.getElementById("talk-unread");
let chat = null;
let order = JSON.parse(document.getElementById("payload").textContent);

function open() {
  document.getElementById("talk-news")?.remove(); // from now on the conversation itself shows what is unread
  chat = new Chat(panel.querySelector(".chat"), count);
  chat.requests?.show(order);
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
// notices.js says that something is unread. It can be a first message from the kitchen.
addEventListener("part:fresh", ({ detail }) => {
  if (!chat && detail.id === "talk-news" && "exists" in detail.dataset) open();
});
addEventListener("order:shown", (event) => {
  order = event.detail;
  chat?.requests?.show(order);
});
if (panel && (panel.open || "exists" in panel.dataset)) open();
