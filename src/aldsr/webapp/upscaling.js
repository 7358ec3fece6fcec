// A picture in, its parts and its result out: pure functions around a network, as aldsr.pictures.bands has them.

import { enlarged } from "./bicubic.js";

/** A result of the right size, whose alpha is there already: bicubic, as the network knows colours only. */
export function blank({ width, height, data, gray, alpha }, scale) {
  const result = { width: scale * width, height: scale * height, gray, alpha };
  result.data = new Uint8ClampedArray(4 * result.width * result.height).fill(255);
  if (!alpha) return result;
  const opacity = enlarged(Uint8Array.from({ length: width * height }, (_, at) => data[4 * at + 3]), width, height, scale);
  opacity.forEach((value, at) => (result.data[4 * at + 3] = value));
  return result;
}

/** A tile for the network: float32 RGB in [0, 1], plane after plane. */
export function planes({ width, data }, tile) {
  const area = tile.width * tile.height;
  const values = new Float32Array(3 * area);
  for (let at = 0; at < area; at++) {
    const [row, column] = [tile.rows.start + Math.floor(at / tile.width), tile.columns.start + (at % tile.width)];
    for (let c = 0; c < 3; c++) values[c * area + at] = data[4 * (row * width + column) + c] / 255;
  }
  return values;
}

/** Put what a tile is kept for into the result; that part as {left, top, pixels}, pixels an ImageData. */
export function put(result, values, tile, scale) {
  const [left, top] = [scale * tile.columns.from, scale * tile.rows.from];
  const pixels = new ImageData(scale * tile.columns.to - left, scale * tile.rows.to - top);
  const [wide, area] = [scale * tile.width, scale ** 2 * tile.width * tile.height];
  for (let row = 0; row < pixels.height; row++) {
    const begin = 4 * ((top + row) * result.width + left);
    let from = (top + row - scale * tile.rows.start) * wide + left - scale * tile.columns.start;
    for (let to = begin; to < begin + 4 * pixels.width; to += 4, from++) {
      let [red, green, blue] = [values[from], values[area + from], values[2 * area + from]];
      if (result.gray) red = green = blue = (red + green + blue) / 3;
      // Halves go up, as in Python; a clamped array by itself would round them to even.
      result.data[to] = Math.floor(red * 255 + 0.5);
      result.data[to + 1] = Math.floor(green * 255 + 0.5);
      result.data[to + 2] = Math.floor(blue * 255 + 0.5);
    }
    pixels.data.set(result.data.subarray(begin, begin + 4 * pixels.width), 4 * row * pixels.width);
  }
  return { left, top, pixels };
}
