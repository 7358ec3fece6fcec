// PNG, written row by row. A canvas could write one too, but knows no gray, and has alpha multiplied into its colours.
// W3C, Portable Network Graphics (Third Edition): chunks (5.3), filters (9.2).

const ROWS = 64; // filtered at a time
const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

/** A picture {width, height, data, gray, alpha}, with data as RGBA, as a PNG of as many channels as it needs. */
export async function encoded(picture) {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, picture.width);
  view.setUint32(4, picture.height);
  header.set([8, (picture.gray ? 0 : 2) + (picture.alpha ? 4 : 0)], 8);
  const rows = new ReadableStream(filteredRows(picture)).pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(rows).arrayBuffer());
  const parts = [...chunk("IHDR", header), ...chunk("IDAT", packed), ...chunk("IEND", new Uint8Array())];
  return new Blob([new Uint8Array(SIGNATURE), ...parts], { type: "image/png" });
}

function chunk(kind, content) {
  const name = new TextEncoder().encode(kind);
  let crc = 0xffffffff;
  for (const bytes of [name, content]) for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return [bigEndian(content.length), name, content, bigEndian(~crc)];
}

function bigEndian(number) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

function filteredRows({ width, height, data, gray, alpha }) {
  const channels = [...(gray ? [0] : [0, 1, 2]), ...(alpha ? [3] : [])];
  const length = width * channels.length;
  let above = new Uint8Array(length);
  let row = 0;
  return {
    pull(stream) {
      const rows = Math.min(ROWS, height - row);
      const bytes = new Uint8Array(rows * (1 + length));
      for (let place = 0; place < rows; place++, row++) {
        const samples = new Uint8Array(length);
        for (let at = 0; at < length; at++) {
          const [pixel, channel] = [Math.floor(at / channels.length), channels[at % channels.length]];
          samples[at] = data[4 * (row * width + pixel) + channel];
        }
        bytes.set(filtered(samples, above, channels.length), place * (1 + length));
        above = samples;
      }
      stream.enqueue(bytes);
      if (row === height) stream.close();
    },
  };
}

/** The filter's number and the filtered bytes: by the least sum of absolute differences (12.7 of the standard). */
function filtered(row, above, pixel) {
  const tried = Array.from({ length: 5 }, () => new Uint8Array(1 + row.length));
  const costs = [0, 0, 0, 0, 0];
  for (let at = 0; at < row.length; at++) {
    const up = above[at];
    const [left, corner] = at < pixel ? [0, 0] : [row[at - pixel], above[at - pixel]];
    const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)];
    for (let number = 0; number < 5; number++) {
      const difference = (row[at] - predicted[number]) & 255;
      tried[number][1 + at] = difference;
      costs[number] += Math.min(difference, 256 - difference);
    }
  }
  const best = costs.indexOf(Math.min(...costs));
  tried[best][0] = best;
  return tried[best];
}

/** Whichever neighbour is nearest to left + up - corner. */
function paeth(left, up, corner) {
  const [fromLeft, fromUp] = [Math.abs(up - corner), Math.abs(left - corner)];
  const fromCorner = Math.abs(left + up - 2 * corner);
  if (fromLeft <= fromUp && fromLeft <= fromCorner) return left;
  return fromUp <= fromCorner ? up : corner;
}
