// Keys, wheel and pointers over the images move the zoom and the slider's divider.

/** `sliding()`: whether dragging moves the divider anywhere in a frame; `moveDivider(share)` moves it. */
function addGestures(panes, zoom, { sliding, moveDivider }) {
  let scrolled = -Infinity; // when the page last scrolled
  const pointers = new Map(); // that are down

  /** The position of an event in its frame, 0…1 in each direction; null outside all frames. */
  function locate(event, frame = event.target.closest(".stage")) {
    const box = frame?.getBoundingClientRect();
    return box && { frame, x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  function keydown(event) {
    const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    const factor = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 0 }[event.key];
    const move = zoom.factor > 1 && moves[event.key];
    if ((factor === undefined && !move) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (move) zoom.shift(...move);
    else zoom.by(factor);
  }

  function wheel(event) {
    const at = locate(event);
    // The page keeps scrolling when an image comes under the pointer, and when the image cannot shrink further.
    if (!at || performance.now() - scrolled < 300 || (event.deltaY > 0 && zoom.factor === 1)) return;
    event.preventDefault();
    zoom.by(Math.exp(-clamp(event.deltaY, -100, 100) * 0.004), at.x, at.y);
  }

  function pointerdown(event) {
    const at = locate(event);
    if (!at || event.button > 0) return;
    pointers.set(event.pointerId, { ...at, slides: sliding() || Boolean(event.target.closest(".divider")) });
    at.frame.setPointerCapture(event.pointerId);
    pointermove(event);
  }

  function pointermove(event) {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const at = { ...locate(event, last.frame), slides: last.slides };
    const [, other] = [...pointers].find(([pointer]) => pointer !== event.pointerId) ?? [];
    pointers.set(event.pointerId, at);
    if (other) {
      const apart = (point) => Math.max(Math.hypot(point.x - other.x, point.y - other.y), 1e-3);
      zoom.by(apart(at) / apart(last), (at.x + other.x) / 2, (at.y + other.y) / 2);
      zoom.shift((last.x - at.x) / 2, (last.y - at.y) / 2);
    } else if (at.slides) moveDivider(at.x);
    else zoom.shift(last.x - at.x, last.y - at.y);
  }

  function dblclick(event) {
    const at = locate(event);
    if (at && !event.target.closest(".divider")) zoom.by(zoom.factor > 1 ? 0 : 4, at.x, at.y);
  }

  const release = (event) => pointers.delete(event.pointerId);
  listen(panes, { keydown, pointerdown, pointermove, dblclick, pointerup: release, pointercancel: release });
  panes.addEventListener("wheel", wheel, { passive: false });
  listen(window, { scroll: () => (scrolled = performance.now()) });
}
