// |SR − HR| of every channel, times a gain: black where a network is right, brightest from 255 / gain levels on.

/** A canvas that is busy until both pictures are decoded. */
function errorMap({ versions, width, height }, number, gain) {
  const words = { role: "img", "aria-label": `error of ${versions[number].name}`, "aria-busy": "true" };
  const canvas = make("canvas", { width, height, ...words });
  drawError(canvas, versions[number].src, versions[HR].src, gain);
  return canvas;
}

async function drawError(canvas, sr, hr, gain) {
  const [ours, truth] = await Promise.all([sr, hr].map((source) => pixels(source, canvas)));
  ours.data.forEach((value, place) => {
    const opacity = place % 4 === 3;
    if (!opacity) ours.data[place] = Math.abs(value - truth.data[place]) * gain; // clamped by its type
  });
  canvas.getContext("2d").putImageData(ours, 0, 0);
  canvas.removeAttribute("aria-busy");
}

async function pixels(source, { width, height }) {
  const image = make("img", { src: source });
  await image.decode();
  const context = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height);
}
