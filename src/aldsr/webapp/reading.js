// Picture files → pixels, upright and in sRGB.

export const LARGEST_SIDE = 16384; // of a canvas, in most browsers
export const LARGEST_AREA = 2 ** 26; // pixels of the result: 256 MiB, several times over

/** A picture that cannot be upscaled, with a sentence for the user. */
export class Refusal extends Error {}

/**
 * The picture of a file: {width, height, data, gray, alpha}.
 *
 * data is RGBA, 8 bits, alpha not multiplied into the colours; gray and alpha say whether every pixel is gray and
 * whether one is not opaque. Throws a Refusal if the file is none, or too large for its result at this scale.
 */
export async function readPicture(file, scale) {
  const bitmap = await createImageBitmap(file, { premultiplyAlpha: "none" }).catch(() => {
    throw new Refusal(`${file.name}: this browser cannot read it as a picture; expected PNG, JPEG, WebP or the like`);
  });
  const { width, height } = bitmap;
  checkSize(file.name, width, height, scale);
  let data = byCanvas(bitmap);
  const alpha = some(data, (at) => data[at + 3] < 255);
  if (alpha) data = byTexture(bitmap) ?? data;
  bitmap.close();
  const colour = some(data, (at) => data[at] !== data[at + 1] || data[at] !== data[at + 2]);
  return { width, height, data, gray: !colour, alpha };
}

function checkSize(name, width, height, scale) {
  const area = width * height * scale ** 2;
  if (Math.max(width, height) * scale <= LARGEST_SIDE && area <= LARGEST_AREA) return;
  const most = Math.floor(LARGEST_AREA / scale ** 2 / 1e5) / 10;
  throw new Refusal(
    `${name}: is ${width} × ${height} pixels; a browser's canvas bears up to ${most} megapixels and ` +
      `${LARGEST_SIDE / scale} pixels a side of it at ×${scale}; crop it, or take aldsr upscale, which has no such limit`,
  );
}

function some(data, test) {
  for (let at = 0; at < data.length; at += 4) if (test(at)) return true;
  return false;
}

function byCanvas(bitmap) {
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height).data;
}

/** A canvas multiplies alpha into the colours, which loses some where alpha is low; a texture does not. */
function byTexture(bitmap) {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl");
  if (!gl) return null;
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const data = new Uint8ClampedArray(4 * bitmap.width * bitmap.height);
  gl.readPixels(0, 0, bitmap.width, bitmap.height, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(data.buffer));
  return gl.getError() ? null : data;
}
