// Figures as the language writes them; a dash for what is not known.

import { locale } from "/page/texts.js";

const STYLES = {
  plain: {},
  signed: { signDisplay: "exceptZero" },
  percent: { signDisplay: "exceptZero", minimumFractionDigits: 2, maximumFractionDigits: 2 },
};
const made = new Map(); // making one takes longer than using it a hundred times

export function figure(value, style = "plain") {
  if (value === null || value === undefined) return "–";
  const key = `${locale()} ${style}`;
  if (!made.has(key)) made.set(key, new Intl.NumberFormat(locale(), STYLES[style]));
  return made.get(key).format(value);
}
