// A quantity of the runs' logs against the step: a line for each seed, and its values where the plot is pointed at.

function curvePlot(box, { variants, unit }, quantity) {
  const lines = variants.flatMap(({ name, curves }, place) =>
    curves.map((curve) => ({ name, place, points: curve[quantity] })).filter((each) => each.points.length),
  );
  box.closest("figure").hidden = !lines.length;
  if (!lines.length) return;
  const points = lines.flatMap((each) => each.points);
  const values = points.map(([, value]) => value);
  const loss = quantity === "loss";
  const digits = (value) => (loss ? value.toPrecision(3) : value.toFixed(2));
  const label = loss ? "loss, log scale" : `${unit} (dB), mean of the sets`;
  const frame = axes(box, {
    x: { range: [0, Math.max(1, ...points.map(([step]) => step))], label: "step", written: short },
    y: loss
      ? { range: widened(values, 1.08), log: true, label, written: (value) => `${Number(value.toPrecision(2))}` }
      : { range: padded(values, 0.06, 0.02), label },
    said: `${label}, against step: ${lines.map((each) => `${each.name} ends at ${digits(each.points.at(-1)[1])}`).join(", ")}`,
  });
  for (const each of lines) drawLine(frame, each);
  readable(frame, lines, digits);
}

function drawLine({ plot, x, y }, { place, points }) {
  const path = points.map(([step, value]) => `${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("L");
  plot.append(svg("path", { class: "line", stroke: colour(place), d: `M${path}` }));
  if (points.length <= 25) plot.append(...points.map(([step, value]) => mark(place, x(step), y(value), 3)));
}

/** Values of all lines at the step under the pointer, or at one that arrow keys move. */
function readable({ plot, rule, top, bottom, x }, lines, digits) {
  const steps = [...new Set(lines.flatMap((each) => each.points.map(([step]) => step)))].sort((a, b) => a - b);
  const closest = (list, away) => list.reduce((best, each) => (away(each) < away(best) ? each : best));
  const cursor = rule("cursor", 0, top, 0, bottom);
  let step = steps.at(-1);
  const leave = () => {
    cursor.setAttribute("visibility", "hidden");
    tip();
  };
  const say = () => {
    const value = (points) => digits(closest(points, (point) => Math.abs(point[0] - step))[1]);
    const names = [...new Set(lines.map(({ name }) => name))];
    const told = names.map((name) => {
      const seeds = lines.filter((each) => each.name === name).map((each) => value(each.points));
      return `${name}  ${seeds.join(", ")}`;
    });
    const spot = plot.getBoundingClientRect();
    for (const [key, value] of Object.entries({ x1: x(step), x2: x(step), visibility: "visible" }))
      cursor.setAttribute(key, value);
    tip(
      `step ${Math.round(step).toLocaleString("en")}\n${told.join("\n")}`,
      spot.left + scrollX + x(step),
      spot.top + scrollY + top,
    );
  };
  const follow = (event) => {
    const across = event.clientX - plot.getBoundingClientRect().left;
    step = closest(steps, (each) => Math.abs(x(each) - across));
    say();
  };
  const turn = (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    step = steps[clamp(steps.indexOf(step) + way, 0, steps.length - 1)];
    say();
  };
  plot.append(cursor);
  plot.setAttribute("tabindex", 0);
  listen(plot, { pointermove: follow, pointerleave: leave, keydown: turn, focus: say, blur: leave });
  leave();
}
