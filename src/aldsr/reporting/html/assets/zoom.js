// What part of a picture is seen: one for all its versions, so that they move together.

const FINEST = 24; // device pixels per pixel of a picture, at most

/** `factor` is 1 where a picture fills its frame; `x` and `y` are the middle of what is seen, 0…1; `moved` is told. */
class Zoom {
  constructor(moved) {
    Object.assign(this, { moved, factor: 1, x: 0.5, y: 0.5, most: 4 });
  }

  reset() {
    Object.assign(this, { factor: 1, x: 0.5, y: 0.5 });
  }

  /** The middle to (x, y), or as near as the picture's borders allow. */
  to(x, y) {
    const edge = 0.5 / this.factor;
    this.x = clamp(x, edge, 1 - edge);
    this.y = clamp(y, edge, 1 - edge);
    this.moved();
  }

  /** The middle by shares of what is seen. */
  shift(x, y) {
    this.to(this.x + x / this.factor, this.y + y / this.factor);
  }

  /** Larger or smaller; the point at (x, y) of the frame stays where it is. */
  by(factor, x = 0.5, y = 0.5) {
    const before = this.factor;
    this.factor = clamp(before * factor, 1, this.most);
    const shift = 1 / before - 1 / this.factor;
    this.to(this.x + (x - 0.5) * shift, this.y + (y - 0.5) * shift);
  }

  /** Puts an image or canvas of `width` pixels into its frame; returns CSS pixels per pixel of the picture. */
  place(content, width, height) {
    const { clientWidth, clientHeight } = content.parentElement;
    const size = (this.factor * clientWidth) / width;
    const [left, top] = [clientWidth / 2 - this.x * width * size, clientHeight / 2 - this.y * height * size];
    content.style.transform = `translate(${left}px, ${top}px) scale(${size})`;
    content.classList.toggle("pixels", size * devicePixelRatio > 1.5);
    this.most = Math.max(4, (FINEST * width) / (clientWidth * devicePixelRatio));
    return size;
  }
}
