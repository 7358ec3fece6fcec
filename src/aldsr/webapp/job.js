// One picture at a time in a worker, as a promise.

let worker = null; // kept between pictures, with its network

/**
 * Upscale a file.
 *
 * on.read({width, height, tiles}), on.begun() and on.part({left, top, pixels}) tell how it goes. Resolves to
 * {png, seconds}; rejects with a sentence, or with the signal's reason once it is aborted, which takes effect at once.
 */
export function upscaled(file, { scale, tile, signal, on }) {
  worker ??= new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const own = worker;
  return new Promise((resolve, reject) => {
    const settle = ({ error, result, usable }) => {
      signal.removeEventListener("abort", abort);
      if (!usable) [worker] = [null, own.terminate()];
      error ? reject(error) : resolve(result);
    };
    const abort = () => settle({ error: signal.reason });
    signal.addEventListener("abort", abort);
    own.onerror = (event) => settle({ error: new Error(event.message || "the page's worker cannot be loaded") });
    own.onmessage = ({ data: { kind, ...rest } }) => {
      if (kind === "done") settle({ result: rest, usable: true });
      else if (kind === "failed") settle({ error: new Error(rest.said), usable: rest.refused });
      else on[kind](rest);
    };
    own.postMessage({ file, scale, tile });
  });
}
