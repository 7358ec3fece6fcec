// Bicubic enlargement as MATLAB's imresize makes it, of one channel: aldsr.imaging.imresize for whole scales.

/** (width x height) bytes → (scale·width x scale·height), rounded after each pass; the edge pixel is repeated. */
export function enlarged(values, width, height, scale) {
  const tall = transposed(moreRows(values, width, height, scale), width, scale * height);
  return transposed(moreRows(tall, scale * height, width, scale), scale * height, scale * width);
}

function moreRows(values, width, height, scale) {
  const result = new Uint8Array(width * height * scale);
  for (let row = 0; row < height * scale; row++) {
    const centre = (row + 0.5) / scale - 0.5;
    const taps = [-1, 0, 1, 2].map((step) => Math.floor(centre) + step);
    const weights = taps.map((tap) => cubic(centre - tap));
    const sources = taps.map((tap) => width * Math.min(Math.max(tap, 0), height - 1));
    for (let column = 0; column < width; column++) {
      const total = weights.reduce((sum, weight, tap) => sum + weight * values[sources[tap] + column], 0);
      result[row * width + column] = Math.min(Math.max(Math.floor(total + 0.5), 0), 255);
    }
  }
  return result;
}

function transposed(values, width, height) {
  const result = new Uint8Array(values.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) result[column * height + row] = values[row * width + column];
  }
  return result;
}

/** Keys' cubic convolution kernel, a = −0.5. */
function cubic(x) {
  const far = Math.abs(x);
  if (far >= 2) return 0;
  return far <= 1 ? 1.5 * far ** 3 - 2.5 * far ** 2 + 1 : -0.5 * far ** 3 + 2.5 * far ** 2 - 4 * far + 2;
}
