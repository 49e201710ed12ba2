// The course of a price since the page was opened, as a line. For the eye only: the figures are beside it.

const SVG = "http://www.w3.org/2000/svg";

export function sparkline(course, direction) {
  const svg = element("svg", {
    class: `spark ${direction}`, viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true",
  });
  if (course.length < 2) return svg;
  const low = Math.min(...course);
  const range = Math.max(...course) - low;
  const height = (price) => (range ? 19 - ((price - low) / range) * 18 : 10);
  const points = course.map((price, at) => `${((at / (course.length - 1)) * 100).toFixed(1)},${height(price).toFixed(1)}`);
  svg.append(element("polyline", { points: points.join(" ") }));
  return svg;
}

function element(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
