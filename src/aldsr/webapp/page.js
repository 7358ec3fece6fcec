// The page: takes a picture, shows how far it is and what became of it.

import { upscaled } from "./job.js";

const scale = Number(document.body.dataset.scale);
const tile = Math.max(Number(new URLSearchParams(location.search).get("tile")) || 128, 17); // ?tile=N, in LR pixels
const $ = (id) => document.getElementById(id);
const context = $("after").getContext("2d");

let running = null; // AbortController of the picture in work
let urls = []; // of the picture that is shown and of its result

/** What the page is doing: "empty", "working" or "done". The style sheet shows what belongs to it. */
function become(state) {
  // What is about to be hidden must not take the focus with it.
  if (document.activeElement === $("cancel")) $("picker").focus();
  document.body.dataset.state = state;
  $("slider").disabled = state !== "done";
  slide(state === "done" ? 50 : 0);
}

function slide(percent) {
  $("slider").value = percent;
  $("stage").style.setProperty("--at", `${percent}%`);
}

/** A sentence that is seen and, by screen readers, heard. */
function say(text, error = false) {
  $("said").textContent = text;
  $("said").classList.toggle("error", error);
}

async function take(file) {
  if (!file) return;
  running?.abort();
  const own = (running = new AbortController());
  urls.forEach(URL.revokeObjectURL);
  urls = [URL.createObjectURL(file)];
  become("working");
  say(`Reading ${file.name} …`);
  $("bar").removeAttribute("value");
  $("left").textContent = "";
  $("figure").hidden = true;
  try {
    const { png, seconds } = await upscaled(file, { scale, tile, signal: own.signal, on: progress(file) });
    finish(file, png, seconds);
  } catch (error) {
    if (running !== own) return; // another picture has taken its place
    become("empty");
    const cancelled = own.signal.aborted;
    say(cancelled ? `Cancelled: ${file.name}.` : error.message, !cancelled);
  } finally {
    if (running === own) running = null;
  }
}

/** What is done with the news of a picture in work. */
function progress(file) {
  let [total, done, quarter, begun] = [0, 0, 0, 0];
  return {
    read({ width, height, tiles }) {
      total = tiles;
      $("before").src = urls[0];
      [$("after").width, $("after").height] = [scale * width, scale * height];
      $("stage").style.setProperty("--width", `${(scale * width) / devicePixelRatio}px`);
      $("stage").style.setProperty("--ratio", width / height);
      $("figure").hidden = false;
      say("Loading the network …");
    },
    begun() {
      begun = performance.now();
      say(`Upscaling ${file.name} to ${size()} pixels …`);
      $("bar").value = 0;
    },
    part({ left, top, pixels }) {
      context.putImageData(pixels, left, top);
      done++;
      $("bar").value = done / total;
      const seconds = ((performance.now() - begun) / done) * (total - done) / 1000;
      $("left").textContent = done < total ? `${done} of ${total} tiles, about ${duration(seconds)} left` : "Writing the PNG …";
      // Not every tile is worth interrupting a screen reader.
      if (Math.floor((4 * done) / total) > quarter && done < total) {
        quarter = Math.floor((4 * done) / total);
        say(`Upscaling ${file.name}: ${Math.round((100 * done) / total)} %`);
      }
    },
  };
}

function finish(file, png, seconds) {
  urls.push(URL.createObjectURL(png));
  $("download").href = urls[1];
  $("download").download = `${file.name.replace(/\.[^.]*$/, "")}_x${scale}.png`;
  $("download").textContent = `Download PNG, ${(png.size / 2 ** 20).toFixed(1)} MiB`;
  become("done");
  say(`Done: ${file.name} is ${size()} pixels now, made in ${duration(seconds)}.`);
}

function size() {
  return `${$("after").width} × ${$("after").height}`;
}

function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return seconds < 100 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

$("picker").addEventListener("change", ({ target }) => {
  take(target.files[0]);
  target.value = ""; // so that the same file can be chosen again
});
$("sample").addEventListener("click", async () => {
  const answer = await fetch(new URL("./sample.png", import.meta.url));
  take(new File([await answer.blob()], "sample.png", { type: "image/png" }));
});
$("cancel").addEventListener("click", () => running?.abort());
$("slider").addEventListener("input", ({ target }) => slide(target.value));
$("actual").addEventListener("change", ({ target }) => $("frame").classList.toggle("actual", target.checked));
addEventListener("paste", ({ clipboardData }) => take(clipboardData.files[0]));
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const [file] = event.dataTransfer.files;
  file ? take(file) : say("That was no file: save the picture first, then drop it here.", true);
});
become("empty");
