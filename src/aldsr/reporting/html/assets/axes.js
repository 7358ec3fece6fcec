// An empty plot in SVG, drawn to the width that there is, so that its text has the page's size.

const HEIGHT = 290;
const MARGIN = { top: 30, right: 14, bottom: 42, left: 44 };

/** A number with its thousands, millions or billions as a letter: 182 k. */
function short(value) {
  const units = [
    [1e9, " G"],
    [1e6, " M"],
    [1e3, " k"],
  ];
  const [unit, letter] = units.find(([each]) => value >= each) ?? [1, ""];
  return `${Number((value / unit).toPrecision(3))}${letter}`;
}

/** Numbers with as many decimals as the finest of them needs. */
function written(values) {
  const decimals = Math.max(0, ...values.map((value) => (String(value).split(".")[1] ?? "").length));
  return (value) => value.toFixed(decimals);
}

/** A scale from data to pixels, with ticks that are round numbers. */
function scale({ range: [low, high], log = false }, from, to) {
  const f = log ? Math.log10 : (value) => value;
  const at = (value) => from + ((f(value) - f(low)) / (f(high) - f(low))) * (to - from);
  return { at, ticks: log ? logTicks(low, high) : ticks(low, high) };
}

function ticks(low, high, wanted = 5) {
  const rough = (high - low) / wanted;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((each) => each * unit >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const number = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: number }, (_, n) => Number(((first + n) * step).toPrecision(12)));
}

function logTicks(low, high) {
  const decades = Array.from({ length: 40 }, (_, n) => n - 20);
  const within = (tick) => tick >= low * 0.999 && tick <= high * 1.001;
  const found = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8]].map((digits) =>
    decades.flatMap((decade) => digits.map((digit) => Number(`${digit}e${decade}`))).filter(within),
  );
  return found.find((each) => each.length >= 3) ?? ticks(low, high, 4);
}

/**
 * Axes in a box.
 * x, y: `range` [low, high], `log`, `label`, and how a tick is `written` (default: with the decimals that it needs).
 * said: what a reader who does not see it is told.
 */
function axes(box, { x, y, said }) {
  const width = Math.max(box.clientWidth, 220);
  const area = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: HEIGHT - MARGIN.bottom };
  const across = scale(x, area.left, area.right);
  const up = scale(y, area.bottom, area.top);
  const plot = svg("svg", { height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "group", "aria-label": said });
  const rule = (kind, x1, y1, x2, y2) => svg("line", { class: kind, x1, y1, x2, y2 });
  const text = (x, y, anchor, words) => svg("text", { x, y, "text-anchor": anchor }, words);
  const [words, steps] = [y.written ?? written(up.ticks), x.written ?? written(across.ticks)];
  for (const tick of up.ticks) {
    plot.append(rule("grid", area.left, up.at(tick), area.right, up.at(tick)));
    plot.append(text(area.left - 8, up.at(tick) + 4, "end", words(tick)));
  }
  let free = -Infinity; // from where on there is room for a label
  for (const tick of across.ticks) {
    const at = across.at(tick);
    const half = 3.5 * steps(tick).length;
    plot.append(rule("axis", at, area.bottom, at, area.bottom + 4));
    if (at - half < free || at + half > width) continue;
    plot.append(text(at, area.bottom + 18, "middle", steps(tick)));
    free = at + half + 8;
  }
  plot.append(rule("axis", area.left, area.bottom, area.right, area.bottom));
  plot.append(text(0, 12, "start", y.label), text((area.left + area.right) / 2, HEIGHT - 4, "middle", x.label));
  box.replaceChildren(plot);
  return { ...area, plot, x: across.at, y: up.at, rule };
}

/** The range of values, wider by a share of itself at each end, and at least by `least`. */
function padded(values, share, least) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = Math.max((high - low) * share, least);
  return [low - pad, high + pad];
}

/** The range of values on a log axis, wider by a factor at each end. */
const widened = (values, factor) => [Math.min(...values) / factor, Math.max(...values) * factor];
