// What all parts of the page use.

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Creates an element with attributes (a function: an event listener) and children. */
function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") listen(node, { [key]: value });
    else if (value !== false && value != null) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** Adds listeners, given by the names of their events. */
function listen(target, listeners) {
  for (const [event, listener] of Object.entries(listeners)) target.addEventListener(event, listener);
}
