// How tiles cover a picture: aldsr.imaging.tiling and aldsr.pictures.bands, to the pixel.

export const OVERLAP = 8; // LR pixels at each inner side of a tile whose result is thrown away

/**
 * The tiles of an axis: where each begins, and the part [from, to) of the picture that it is kept for, in LR pixels.
 * All are min(tile, size) long.
 */
export function spans(size, tile, overlap = OVERLAP) {
  if (size <= tile) return [{ start: 0, from: 0, to: size }];
  const number = Math.ceil((size - 2 * overlap) / (tile - 2 * overlap));
  const starts = Array.from({ length: number }, (_, place) => halfToEven((place * (size - tile)) / (number - 1)));
  const cuts = starts.slice(1).map((next, place) => Math.floor((starts[place] + tile + next) / 2));
  const ends = [0, ...cuts, size];
  return starts.map((start, place) => ({ start, from: ends[place], to: ends[place + 1] }));
}

/** The least side of tiles that cover an axis with no more of them than tiles of `tile` would take. */
export function tileSize(size, tile, overlap = OVERLAP) {
  if (size <= tile) return Math.max(size, 2 * overlap + 1);
  const number = spans(size, tile, overlap).length;
  return Math.ceil((size - 2 * overlap) / number) + 2 * overlap;
}

/** The tiles of a picture, row by row. */
export function tilesOf({ width, height }, tile) {
  const [wide, tall] = [tileSize(width, tile), tileSize(height, tile)];
  const columns = spans(width, wide);
  return spans(height, tall).flatMap((rows) =>
    columns.map((column) => ({ rows, columns: column, width: Math.min(wide, width), height: Math.min(tall, height) })),
  );
}

/** As Python rounds; Math.round takes halves up. */
function halfToEven(value) {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}
