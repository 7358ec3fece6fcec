// What all parts of the page need: elements, icons that tell networks apart, a tooltip.

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** An element with attributes (a function: a listener) and children; of SVG where `kind` says so. */
function make(kind, attributes = {}, ...children) {
  const [name, svg] = kind.split("|").reverse();
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") listen(node, { [key]: value });
    else if (value !== false && value != null) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** Listeners by the names of their events. */
function listen(target, listeners) {
  for (const [kind, listener] of Object.entries(listeners)) target.addEventListener(kind, listener);
}

const svg = (name, attributes, ...children) => make(`svg|${name}`, attributes, ...children);
const colour = (place) => `var(--c${place % 8})`;

/** The sign of a network: colour and shape, so that neither is needed alone. */
function mark(place, x, y, r = 5) {
  const shapes = [
    `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
    `M${-r * 0.9} ${-r * 0.9}h${1.8 * r}v${1.8 * r}h${-1.8 * r}z`,
    `M0 ${-1.2 * r}L${1.15 * r} ${0.9 * r}H${-1.15 * r}z`,
    `M0 ${-1.3 * r}L${1.3 * r} 0L0 ${1.3 * r}L${-1.3 * r} 0z`,
  ];
  // After eight colours the shapes are shifted, so that thirty-two networks differ.
  const shape = shapes[(place + Math.floor(place / 8)) % 4];
  return svg("path", { d: shape, transform: `translate(${x} ${y})`, fill: colour(place) });
}

/** A network's sign, as an image of its own. */
function icon(place) {
  return svg("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true" }, mark(place, 0, 0, 5));
}

/** Shows a text beside a point of the page; without one, nothing. */
function tip(text, x, y) {
  const box = document.querySelector("#tip");
  box.hidden = !text;
  box.textContent = text ?? "";
  if (!text) return;
  const left = clamp(x + 12, scrollX + 4, scrollX + document.documentElement.clientWidth - box.offsetWidth - 4);
  Object.assign(box.style, { left: `${left}px`, top: `${Math.max(y - box.offsetHeight - 12, scrollY + 4)}px` });
}
