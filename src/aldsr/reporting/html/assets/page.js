// The page: its data, then its parts.

const data = JSON.parse(document.querySelector("#data").textContent);

function plots() {
  const find = (selector) => document.querySelector(selector);
  const [set, kind] = [find("#cost [name=set]"), find("#cost [name=cost]")];
  const sets = [...new Set(data.variants.flatMap((each) => Object.keys(each.scores)))];
  const kinds = Object.keys(COSTS).filter((each) => data.variants.some((variant) => variant[each]));
  set.append(...sets.map((name) => make("option", {}, name)));
  kind.append(...kinds.map((name) => make("option", { value: name }, COSTS[name])));
  set.hidden = sets.length < 2;
  find(".legend").append(...data.variants.map((each, place) => make("li", {}, icon(place), each.name)));
  const draw = () => {
    costPlot(find("#cost .plot"), data, set.value, kind.value);
    for (const quantity of ["psnr", "loss"]) curvePlot(find(`#${quantity} .plot`), data, quantity);
  };
  find("#plots").hidden = false;
  draw();
  listen(find("#cost"), { change: draw });
  listen(window, { resize: draw });
}

if (data.pictures.length) viewer(data.pictures);
plots();
