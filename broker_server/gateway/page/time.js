// Times as the market has them: Korea's, whatever the clock of this computer says.

import { text } from "/page/texts.js";

const ZONE = "Asia/Seoul";
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat("sv-SE", { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" });
const MATTERS = 2000;

let ahead = 0;

// The gateway's clock, in milliseconds: a price is not older because this computer is slow.
export function now() {
  return Date.now() + ahead;
}

export function takeServerTime(text) {
  const difference = Date.parse(text) - Date.now();
  if (Number.isFinite(difference)) ahead = Math.abs(difference) > MATTERS ? difference : 0;
}

export function day(time) {
  return DAY.format(new Date(time)); // 2026-11-26
}

export function clock(time) {
  if (!time) return "";
  const moment = new Date(time);
  const at = CLOCK.format(moment);
  return day(moment) === day(now()) ? at : `${day(moment).slice(5)} ${at}`;
}

export function age(time) {
  const seconds = Math.max(0, Math.floor((now() - Date.parse(time)) / 1000));
  if (seconds < 100) return text("seconds", { n: seconds });
  if (seconds < 6000) return text("minutes", { n: Math.floor(seconds / 60) });
  if (seconds < 172_800) return text("hours", { n: Math.floor(seconds / 3600) });
  return text("days", { n: Math.floor(seconds / 86_400) });
}
