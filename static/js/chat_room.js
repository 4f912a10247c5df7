import { Chat, followKeyboard } from "./chat.js";

// The page of one room.

const root = document.querySelector(".chat");
followKeyboard();
new Chat(root);
if (matchMedia("(pointer: fine)").matches) root.querySelector("textarea").focus();
