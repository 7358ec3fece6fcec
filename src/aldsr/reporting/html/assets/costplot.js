// PSNR on one set against one cost: a named point per network, with a line of mean ± sd where there are several seeds.

const COSTS = {
  parameters: "parameters",
  operations: "multi-adds, 1280×720 output",
  seconds: "seconds, 1280×720 output",
};
const cost = (value, kind) => (kind === "seconds" ? `${Number(value.toPrecision(3))} s` : short(value));

function costPlot(box, { variants, bicubic, unit }, set, kind) {
  const points = variants
    .map((each, place) => ({ name: each.name, place, cost: each[kind], ...each.scores[set] }))
    .filter((each) => each.cost && each.psnr !== undefined)
    .sort((a, b) => b.psnr - a.psnr);
  box.closest("figure").hidden = !points.length;
  if (!points.length) return;
  const range = padded(
    points.flatMap(({ psnr, sd }) => [psnr - sd, psnr + sd]),
    0.2,
    0.02,
  );
  const level = bicubic[set];
  const near = range[0] - level < 2 * (range[1] - range[0]); // farther away it would flatten the rest
  if (near) range[0] = Math.min(range[0], level - 0.08 * (range[1] - level));
  const told = points.map((each) => `${each.name} ${each.psnr.toFixed(2)} dB at ${cost(each.cost, kind)}`);
  const frame = axes(box, {
    x: {
      range: widened(
        points.map((each) => each.cost),
        1.4,
      ),
      log: true,
      label: "",
      written: (value) => cost(value, kind),
    },
    y: { range, label: `${unit} (dB)` },
    said: `${unit} on ${set} against ${COSTS[kind]}: ${told.join(", ")}`,
  });
  drawPoints(frame, points, kind, drawBicubic(frame, level, near));
}

/** The level of bicubic, or where it lies; the place that its words take. */
function drawBicubic({ plot, rule, left, right, bottom, y }, level, near) {
  if (near) plot.append(rule("reference", left, y(level), right, y(level)));
  const words = `${near ? "" : "↓ "}bicubic ${level.toFixed(2)} dB`;
  const line = (near ? y(level) : bottom) - 10;
  plot.append(svg("text", { x: left + 4, y: line + 4 }, words));
  return { from: left + 4, to: left + 4 + 7 * words.length, line };
}

function drawPoints({ plot, rule, left, right, top, bottom, x, y }, points, kind, words) {
  const marks = points.map((each) => ({ from: x(each.cost) - 8, to: x(each.cost) + 8, line: y(each.psnr) }));
  const taken = [words, ...marks];
  for (const { name, place, cost: costs, psnr, sd } of points) {
    const [across, up] = [x(costs), y(psnr)];
    const before = across > (left + right) / 2;
    const start = across + (before ? -12 : 12);
    const [from, to] = [start, start + (before ? -7 : 7) * name.length].sort((a, b) => a - b);
    const free = (line) => !taken.some((each) => from < each.to && to > each.from && Math.abs(each.line - line) < 14);
    const lines = [0, 14, -14, 28, -28, 42, -42, 56, -56, 70, -70].map((shift) => up + shift);
    const line = lines.find((each) => each > top && each < bottom && free(each)) ?? up;
    taken.push({ from, to, line });
    const bar = rule("sd", across, y(psnr - sd), across, y(psnr + sd));
    bar.setAttribute("stroke", colour(place));
    if (line !== up) plot.append(rule("grid", across, up, start, line));
    const said = `${name}\n${psnr.toFixed(2)}${sd ? ` ± ${sd.toFixed(2)}` : ""} dB, ${cost(costs, kind)}`;
    const label = { class: "name", x: start, y: line + 4, "text-anchor": before ? "end" : "start" };
    plot.append(bar, svg("text", label, name), pointed(mark(place, across, up, 6), said));
  }
}

/** A mark that says what it is where it is pointed at or reached by the keyboard. */
function pointed(drawn, words) {
  const say = ({ target }) => {
    const spot = target.getBoundingClientRect();
    tip(words, spot.right + scrollX, spot.top + scrollY);
  };
  const listeners = { pointerenter: say, focus: say, pointerleave: () => tip(), blur: () => tip() };
  return svg("g", { tabindex: 0, role: "img", "aria-label": words, ...listeners }, drawn);
}
