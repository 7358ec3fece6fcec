// Reads a picture, sends it through the network tile by tile, and writes the result as PNG; beside the page, which
// stays responsive meanwhile. Cancelling ends the worker.

import * as ort from "./onnxruntime/ort.wasm.bundle.min.mjs";
import { encoded } from "./png.js";
import { readPicture, Refusal } from "./reading.js";
import { tilesOf } from "./tiling.js";
import { blank, planes, put } from "./upscaling.js";

// Threads share memory, which browsers allow only to pages that are isolated from all others.
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 8) : 1;

let loading;

self.onmessage = async ({ data: { file, scale, tile } }) => {
  try {
    const picture = await readPicture(file, scale);
    const tiles = tilesOf(picture, tile);
    postMessage({ kind: "read", width: picture.width, height: picture.height, tiles: tiles.length });
    loading ??= ort.InferenceSession.create(new URL("./network.onnx", import.meta.url).href);
    const network = await loading;
    postMessage({ kind: "begun" });
    const begun = performance.now();
    const result = await upscaled(picture, tiles, network, scale);
    postMessage({ kind: "done", png: await encoded(result), seconds: (performance.now() - begun) / 1000 });
  } catch (error) {
    postMessage({ kind: "failed", said: sentence(error, file.name), refused: error instanceof Refusal });
  }
};

async function upscaled(picture, tiles, network, scale) {
  const result = blank(picture, scale);
  for (const tile of tiles) {
    const lr = new ort.Tensor("float32", planes(picture, tile), [1, 3, tile.height, tile.width]);
    const { sr } = await network.run({ lr });
    const part = put(result, sr.data, tile, scale);
    postMessage({ kind: "part", ...part }, [part.pixels.data.buffer]);
  }
  return result;
}

function sentence(error, name) {
  const memory = error instanceof RangeError || /memory|bad_alloc/i.test(error.message);
  if (memory) return `${name}: does not fit into this browser's memory; crop it, or take aldsr upscale`;
  return error.message;
}
