// The viewer of images: a slider over two versions, all of them side by side, or their errors.

const [HR, BICUBIC, FIRST] = [0, 1, 2]; // places of an image's versions

function showImages(images) {
  const $ = (selector) => document.querySelector(`#images ${selector}`);
  const panes = $(".panes");
  const state = { image: images[0], mode: "slider", left: BICUBIC, right: FIRST, at: 0.5 };
  const zoom = new Zoom(update);
  const version = (number) => state.image.versions[number];

  function showStrip() {
    const choices = images.map((image) => {
      const change = () => {
        zoom.reset();
        show({ image });
      };
      const radio = make("input", { type: "radio", name: "image", checked: image === state.image, change });
      const words = [image.name, image.set].map((each) => make("span", {}, each));
      return make("label", {}, radio, make("img", { src: image.versions[HR].src, alt: "" }), ...words);
    });
    $(".strip").append(...choices);
  }

  function show(changes = {}) {
    Object.assign(state, changes);
    $(".viewer").dataset.mode = state.mode;
    $(".gain").hidden = state.mode !== "error";
    const numbers = state.image.versions.map((_, number) => number);
    const create = {
      slider: () => [makeSlider()],
      side: () => numbers.map((number) => makePane(number, makeImage(number))),
      error: () => numbers.filter((number) => number !== HR).map((number) => makePane(number, makeError(number))),
    }[state.mode];
    panes.replaceChildren(...create());
    showTable();
    fitFrames();
  }

  const makeLayer = (content, side = "") => make("div", { class: `layer ${side}` }, content);
  const makeImage = (number) => make("img", { src: version(number).src, alt: version(number).name, draggable: "false" });
  const makeError = (number) => makeErrorMap(state.image, number, Number($(".gain select").value));

  function makePane(number, content) {
    const { name, psnr } = version(number);
    const caption = make("figcaption", {}, make("b", {}, name), psnr ? ` ${psnr} dB` : "");
    return make("figure", { class: "pane" }, make("div", { class: "stage" }, makeLayer(content)), caption);
  }

  function makeSlider() {
    const [left, right] = [state.left, state.right];
    const names = [left, right].map((number, side) => {
      return make("span", { class: `tag on-${side ? "right" : "left"}` }, version(number).name);
    });
    const bounds = { "aria-valuemin": 0, "aria-valuemax": 100, "aria-orientation": "horizontal" };
    const label = `${version(left).name} against ${version(right).name}`;
    const divider = { class: "divider", role: "slider", tabindex: 0, "aria-label": label, ...bounds, keydown: handleKey };
    return make(
      "div",
      { class: "stage" },
      makeLayer(makeImage(right)),
      makeLayer(makeImage(left), "left"),
      ...names,
      make("div", divider),
    );
  }

  function showTable() {
    const makeChoice = (side, number) => {
      const change = () => {
        show({ [side]: number });
        $(`input[name=${side}]:checked`).focus();
      };
      const label = `${side}: ${version(number).name}`;
      const radio = { type: "radio", name: side, "aria-label": label, checked: state[side] === number, change };
      return make("td", { class: "choose" }, make("input", radio));
    };
    const makeCell = (...lines) => make("td", { class: "number" }, ...lines.map((each) => make("span", {}, each)));
    const rows = state.image.versions.map(({ name, psnr, ssim, gain }, number) => {
      const scores = [makeCell(psnr ?? "–", ...(gain ? [gain] : [])), makeCell(ssim ?? "–")];
      return make("tr", {}, makeChoice("left", number), makeChoice("right", number), make("th", { scope: "row" }, name), ...scores);
    });
    $(".versions caption").textContent = state.image.caption;
    $(".versions tbody").replaceChildren(...rows);
  }

  /** Frames of whole device pixels per pixel of the image, where there is room for it: nothing is blurred then. */
  function fitFrames() {
    const { width, height } = state.image;
    const most = Math.max(2, Math.floor(panes.clientWidth / 270)); // side by side, in rows of equal length
    const rows = Math.ceil(panes.children.length / most);
    panes.style.setProperty("--columns", Math.ceil(panes.children.length / rows));
    for (const stage of panes.querySelectorAll(".stage")) {
      const room = Math.min(stage.parentElement.clientWidth, (innerHeight * 0.85 * width) / height);
      const whole = Math.min(Math.floor((room * devicePixelRatio) / width), 3 * Math.ceil(devicePixelRatio));
      const exact = state.mode === "slider" && room > 480 && whole > 0;
      stage.style.width = `${exact ? (whole * width) / devicePixelRatio : room}px`;
      stage.style.aspectRatio = `${width} / ${height}`;
    }
    zoom.to(zoom.x, zoom.y);
  }

  function update() {
    const { name, width, height } = state.image;
    const sizes = [...panes.querySelectorAll(".layer > *")].map((content) => zoom.place(content, width, height));
    panes.classList.toggle("zoomed", zoom.factor > 1);
    panes.style.setProperty("--at", `${100 * state.at}%`);
    $(".zoom output").textContent = `${Math.round(100 * sizes[0])} %`;
    const [left, right] = [version(state.left).name, version(state.right).name];
    const shown = { slider: `${left} left, ${right} right`, side: "all versions", error: "errors" }[state.mode];
    panes.setAttribute("aria-label", `${name}: ${shown}`);
    const share = Math.round(100 * state.at);
    panes.querySelector(".divider")?.setAttribute("aria-valuenow", share);
    panes.querySelector(".divider")?.setAttribute("aria-valuetext", `${share} % ${left}, ${100 - share} % ${right}`);
  }

  function moveDivider(share) {
    state.at = clamp(share, 0, 1);
    update();
  }

  function handleKey(event) {
    const step = event.shiftKey ? 0.1 : 0.02;
    const [less, more] = [state.at - step, state.at + step];
    const to = { ArrowLeft: less, ArrowDown: less, ArrowRight: more, ArrowUp: more, Home: 0, End: 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // the arrow keys of the image move it
    moveDivider(to);
  }

  panes.closest("section").hidden = false;
  showStrip();
  show();
  addGestures(panes, zoom, { sliding: () => state.mode === "slider" && zoom.factor === 1, moveDivider });
  listen(window, { resize: fitFrames });
  listen($(".zoom"), { click: ({ target }) => zoom.by({ in: 1.5, out: 1 / 1.5, fit: 0 }[target.value] ?? 1) });
  listen($(".segments"), { change: ({ target }) => show({ mode: target.value }) });
  listen($(".gain select"), { change: () => show() });
}
