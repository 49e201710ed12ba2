// What the page says, in the language that is chosen.

import { keep, kept } from "/page/dom.js";
import { ENGLISH } from "/page/texts-en.js";
import { KOREAN } from "/page/texts-ko.js";

const TEXTS = { en: ENGLISH, ko: KOREAN };
const listeners = [];

let language = initial();

function initial() {
  const chosen = kept("language", null);
  if (chosen in TEXTS) return chosen;
  return navigator.language.startsWith("ko") ? "ko" : "en";
}

export function text(name, values = {}) {
  return (TEXTS[language][name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

// The word for a value that comes from elsewhere; the value itself where there is none.
export function word(kind, value) {
  const found = TEXTS[language][`${kind}_${value}`];
  return found ?? String(value).toLowerCase().replaceAll("_", " ");
}

export function locale() {
  return language === "ko" ? "ko-KR" : "en-GB";
}

export function onLanguage(listener) {
  listeners.push(listener);
}

export function translatePage() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-i18n]")) node.textContent = text(node.dataset.i18n);
  const button = document.getElementById("language");
  button.textContent = text("other");
  button.lang = language === "ko" ? "en" : "ko";
  for (const listener of listeners) listener();
}

export function switchLanguage() {
  language = language === "ko" ? "en" : "ko";
  keep("language", language);
  translatePage();
}
