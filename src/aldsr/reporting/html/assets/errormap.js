// |SR − HR| of every channel, times a gain: black where a network is right, full brightness from a difference of 255 / gain on.

/** Creates a canvas that is marked as busy until both images are decoded. */
function makeErrorMap({ versions, width, height }, number, gain) {
  const attributes = { role: "img", "aria-label": `error of ${versions[number].name}`, "aria-busy": "true" };
  const canvas = make("canvas", { width, height, ...attributes });
  drawError(canvas, versions[number].src, versions[HR].src, gain);
  return canvas;
}

async function drawError(canvas, sr, hr, gain) {
  const [map, truth] = await Promise.all([sr, hr].map((source) => readPixels(source, canvas)));
  map.data.forEach((value, place) => {
    const opacity = place % 4 === 3;
    if (!opacity) map.data[place] = Math.abs(value - truth.data[place]) * gain; // clamped by its type
  });
  canvas.getContext("2d").putImageData(map, 0, 0);
  canvas.removeAttribute("aria-busy");
}

async function readPixels(source, { width, height }) {
  const image = make("img", { src: source });
  await image.decode();
  const context = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height);
}
