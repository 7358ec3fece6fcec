// The visible part of an image, the same for all its versions, so that they move together.

const FINEST = 24; // largest zoom, in device pixels per pixel of an image

/** `factor` is 1 where an image fills its frame; `x`, `y`: centre of the visible part, 0…1; `moved` is called after changes. */
class Zoom {
  constructor(moved) {
    Object.assign(this, { moved, factor: 1, x: 0.5, y: 0.5, most: 4 });
  }

  reset() {
    Object.assign(this, { factor: 1, x: 0.5, y: 0.5 });
  }

  /** Moves the centre to (x, y), or as close as the image's borders allow. */
  to(x, y) {
    const edge = 0.5 / this.factor;
    this.x = clamp(x, edge, 1 - edge);
    this.y = clamp(y, edge, 1 - edge);
    this.moved();
  }

  /** Moves the centre by shares of the visible part. */
  shift(x, y) {
    this.to(this.x + x / this.factor, this.y + y / this.factor);
  }

  /** Zooms by a factor; the point at (x, y) of the frame stays where it is. */
  by(factor, x = 0.5, y = 0.5) {
    const before = this.factor;
    this.factor = clamp(before * factor, 1, this.most);
    const shift = 1 / before - 1 / this.factor;
    this.to(this.x + (x - 0.5) * shift, this.y + (y - 0.5) * shift);
  }

  /** Places an image or canvas of `width` pixels in its frame; returns CSS pixels per pixel of the image. */
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
