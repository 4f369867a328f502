// Scrolls the slices of one series, with the likelihood map blended over them. All words come from
// the page. A picture and what is written about it change together, never one before the other.

const MOST_BITMAPS = 120;
const AT_ONCE = 4;
const AHEAD = 4; // neighbours that are loaded before they are asked for
const DRAG_PX = 12; // for one slice
const WHEEL_PX = 60; // of a touchpad; a notch of a wheel is more, and one slice
const BLEND_STEP = 10;

const root = document.querySelector("#viewer");
const facts = JSON.parse(root.dataset.facts);
const find = (selector) => root.querySelector(selector);
const view = find(".viewer-view");
const canvas = find(".viewer-canvas");
const slider = find(".viewer-slider");
const blend = find(".viewer-blend");
const centreField = find(".viewer-centre");
const widthField = find(".viewer-width");
const links = [...root.querySelectorAll(".viewer-strip a")];
const rows = [...root.querySelectorAll(".viewer-findings tr[data-slice]")];
const presets = [...root.querySelectorAll("[data-window]")];
const count = facts.images.length;

const state = {
  number: Number(slider.value), // 1 is the first
  centre: facts.windows[0][0],
  width: facts.windows[0][1],
  map: Boolean(blend),
  marks: true,
  free: false,
};
let drawn = 0; // the slice that is on the canvas

// --- pictures ---------------------------------------------------------------------------------

const bitmaps = new Map(); // address -> ImageBitmap, or the word for why there is none
const loading = new Map();
let wanted = [];

const sliceAddress = (number) =>
  `${facts.base}/slices/${number}.png?centre=${state.centre}&width=${state.width}`;
const mapAddress = (number) => `${facts.base}/maps/${number}.png`;
const isHere = (number) => facts.images[number - 1].here;
const hasMap = (number) => facts.images[number - 1].map;

async function load(address) {
  const stop = new AbortController();
  loading.set(address, stop);
  let got;
  try {
    const answer = await fetch(address, { signal: stop.signal, redirect: "error" });
    got = answer.ok ? await createImageBitmap(await answer.blob()) : reasonOf(await answer.text());
  } catch (error) {
    got = error.name === "AbortError" ? null : "unreachable";
  }
  loading.delete(address);
  if (got !== null) keep(address, got);
  fill();
  if (got !== null && addressesOf(state.number).includes(address)) draw();
}

function reasonOf(text) {
  return find(`[data-why="${CSS.escape(text)}"]`) ? text : "unreachable";
}

function keep(address, got) {
  bitmaps.set(address, got);
  while (bitmaps.size > MOST_BITMAPS) {
    const [oldest, bitmap] = bitmaps.entries().next().value;
    bitmaps.delete(oldest);
    if (bitmap instanceof ImageBitmap) bitmap.close();
  }
}

function addressesOf(number) {
  if (!isHere(number)) return [];
  return hasMap(number) ? [sliceAddress(number), mapAddress(number)] : [sliceAddress(number)];
}

function want() {
  const numbers = [state.number];
  for (let step = 1; step <= AHEAD; step += 1) numbers.push(state.number + step, state.number - step);
  wanted = numbers.filter((number) => number >= 1 && number <= count).flatMap(addressesOf);
  for (const address of wanted) if (bitmaps.get(address) === "unreachable") bitmaps.delete(address);
  for (const [address, stop] of loading) if (!wanted.includes(address)) stop.abort();
  fill();
}

function fill() {
  for (const address of wanted) {
    if (loading.size >= AT_ONCE) return;
    if (!bitmaps.has(address) && !loading.has(address)) load(address);
  }
}

// --- drawing ----------------------------------------------------------------------------------

function draw() {
  const number = state.number;
  if (!isHere(number)) {
    write(number);
    drawn = number;
    say("swept");
    return;
  }
  const [picture, map] = addressesOf(number).map((address) => bitmaps.get(address));
  if (picture === undefined || (hasMap(number) && map === undefined)) {
    if (!drawn) say("loading");
    return;
  }
  write(number);
  drawn = number;
  if (typeof picture === "string") {
    say(picture);
    return;
  }
  say(null);
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(view.clientWidth * scale);
  canvas.height = Math.round(view.clientHeight * scale);
  const pen = canvas.getContext("2d");
  const place = placeOf(facts.images[number - 1], picture);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, place.left, place.top, place.width, place.height);
  if (state.map && map instanceof ImageBitmap) {
    pen.globalAlpha = Number(blend.value) / 100;
    pen.drawImage(map, place.left, place.top, place.width, place.height);
    pen.globalAlpha = 1;
  }
  if (state.marks) {
    for (const mark of facts.images[number - 1].marks) drawMark(pen, mark, place, scale);
  }
}

function placeOf(image, picture) {
  const [down, across] = image.mm || [1, 1];
  const wide = picture.width * across;
  const high = picture.height * down;
  const fit = Math.min(canvas.width / wide, canvas.height / high);
  return {
    left: (canvas.width - wide * fit) / 2,
    top: (canvas.height - high * fit) / 2,
    width: wide * fit,
    height: high * fit,
    // a place counts from the centre of the first pixel
    x: (column) => (canvas.width - wide * fit) / 2 + (column + 0.5) * across * fit,
    y: (row) => (canvas.height - high * fit) / 2 + (row + 0.5) * down * fit,
  };
}

function drawMark(pen, [lesion, column, row, tipColumn, tipRow], place, scale) {
  const size = Math.max(12 * scale, canvas.width / 45);
  const peak = [place.x(column), place.y(row)];
  let tip = [place.x(tipColumn), place.y(tipRow)];
  let [x, y] = direction(peak, tip);
  const end = [tip[0] + x * size * 3, tip[1] + y * size * 3];
  if (Math.min(...end) < 0 || end[0] > canvas.width || end[1] > canvas.height) {
    // the region reaches the edge: the arrow lies upon it, towards the middle
    tip = peak;
    [x, y] = direction(peak, [canvas.width / 2, canvas.height / 2]);
  }
  const path = new Path2D();
  path.moveTo(...tip);
  path.lineTo(tip[0] + x * size * 1.4, tip[1] + y * size * 1.4);
  for (const side of [-1, 1]) {
    path.moveTo(...tip);
    path.lineTo(tip[0] + (x - side * y * 0.55) * size * 0.55, tip[1] + (y + side * x * 0.55) * size * 0.55);
  }
  pen.lineCap = "round";
  for (const [colour, width] of [["#000", 5], ["#fff", 2.2]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width * scale;
    pen.stroke(path);
  }
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  const at = [tip[0] + x * size * 2.1, tip[1] + y * size * 2.1];
  pen.lineWidth = 4 * scale;
  pen.strokeStyle = "#000";
  pen.strokeText(lesion, ...at);
  pen.fillStyle = "#fff";
  pen.fillText(lesion, ...at);
}

function direction(from, to) {
  const [x, y] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(x, y);
  return length ? [x / length, y / length] : [0, -1];
}

function say(why) {
  const box = find(".viewer-why");
  box.hidden = why === null;
  canvas.hidden = why !== null;
  for (const line of box.children) line.classList.toggle("here", line.dataset.why === why);
}

function write(number) {
  const link = links[number - 1];
  const image = facts.images[number - 1];
  find(".viewer-name").textContent = link.dataset.name;
  find(".viewer-count").textContent = `${number} / ${count}`;
  const score = find(".viewer-score");
  score.textContent = link.dataset.score;
  score.classList.toggle("viewer-positive", link.classList.contains("viewer-positive"));
  ["left", "right", "top", "bottom"].forEach((side, index) => {
    find(`.viewer-edge.at-${side}`).textContent = image.edges ? image.edges[index] : "";
  });
  const box = find(".viewer-window");
  box.textContent = `${box.dataset.centre} ${state.centre} ${box.dataset.width} ${state.width}`;
  if (number === drawn) return;
  const text = link.getAttribute("aria-label");
  find(".viewer-live").textContent = text;
  slider.setAttribute("aria-valuetext", text);
  for (const each of links) {
    each.tabIndex = each === link ? 0 : -1;
    if (each === link) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
  const strip = find(".viewer-strip");
  strip.scrollLeft = link.offsetLeft - (strip.clientWidth - link.offsetWidth) / 2;
  const lesions = new Set(image.marks.map(([lesion]) => String(lesion)));
  for (const row of rows) row.classList.toggle("here", lesions.has(row.dataset.lesion));
}

// --- what can be changed ----------------------------------------------------------------------

function show(number) {
  state.number = Math.min(count, Math.max(1, number));
  slider.value = state.number;
  want();
  draw();
}

function setWindow(centre, width) {
  state.centre = Math.min(4000, Math.max(-2000, Math.round(centre)));
  state.width = Math.min(8000, Math.max(1, Math.round(width)));
  centreField.value = state.centre;
  widthField.value = state.width;
  presets.forEach((button, index) => {
    const [itsCentre, itsWidth] = facts.windows[index];
    const is = itsCentre === state.centre && itsWidth === state.width;
    button.setAttribute("aria-pressed", String(is));
  });
  want();
  draw();
}

function toggle(name, selector) {
  state[name] = !state[name];
  find(selector)?.setAttribute("aria-pressed", String(state[name]));
  view.classList.toggle("free", state.free);
  draw();
}

function blendBy(step) {
  if (!blend) return;
  blend.value = Number(blend.value) + step;
  draw();
}

function toFinding(direction) {
  const numbers = rows.map((row) => Number(row.dataset.slice)).sort((a, b) => a - b);
  if (!numbers.length) return;
  const next =
    direction > 0
      ? (numbers.find((number) => number > state.number) ?? numbers[0])
      : (numbers.findLast((number) => number < state.number) ?? numbers.at(-1));
  show(next);
}

const KEYS = {
  ArrowDown: () => show(state.number + 1),
  ArrowRight: () => show(state.number + 1),
  ArrowUp: () => show(state.number - 1),
  ArrowLeft: () => show(state.number - 1),
  PageDown: () => show(state.number + 5),
  PageUp: () => show(state.number - 5),
  Home: () => show(1),
  End: () => show(count),
  m: () => blend && toggle("map", ".viewer-show-map"),
  l: () => toggle("marks", ".viewer-show-marks"),
  w: () => toggle("free", ".viewer-free"),
  n: () => toFinding(1),
  p: () => toFinding(-1),
  "+": () => blendBy(BLEND_STEP),
  "-": () => blendBy(-BLEND_STEP),
  "?": () => find(".viewer-help").showModal(),
};
facts.windows.forEach(([centre, width], index) => {
  KEYS[String(index + 1)] = () => setWindow(centre, width);
});

root.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || find(".viewer-help").open) return;
  const isField = event.target.matches("input[type=number], input[type=range]");
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // a field has its own arrows and digits
  if (!(key in KEYS) || (isField && (event.key.length > 1 || event.target.type === "number"))) return;
  event.preventDefault();
  KEYS[key]();
});

slider.addEventListener("input", () => show(Number(slider.value)));
blend?.addEventListener("input", draw);
for (const field of [centreField, widthField]) {
  field.addEventListener("change", () =>
    setWindow(Number(centreField.value) || 0, Number(widthField.value) || 1),
  );
}
presets.forEach((button, index) => button.addEventListener("click", () => setWindow(...facts.windows[index])));
const clicks = {
  ".viewer-free": KEYS.w,
  ".viewer-show-map": KEYS.m,
  ".viewer-show-marks": KEYS.l,
  ".viewer-next": KEYS.n,
  ".viewer-previous": KEYS.p,
  ".viewer-help-button": KEYS["?"],
};
for (const [selector, act] of Object.entries(clicks)) find(selector)?.addEventListener("click", act);
for (const link of links) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    show(Number(link.dataset.number));
  });
}
for (const row of rows) {
  row.addEventListener("click", (event) => {
    event.preventDefault();
    show(Number(row.dataset.slice));
  });
}

// --- wheel, mouse, finger ---------------------------------------------------------------------

let turned = 0;
view.addEventListener(
  "wheel",
  (event) => {
    if (event.ctrlKey) return;
    event.preventDefault();
    const isPixels = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL;
    const pixels = isPixels ? event.deltaY : event.deltaY * WHEEL_PX;
    turned += Math.max(-WHEEL_PX, Math.min(WHEEL_PX, pixels));
    const steps = Math.trunc(turned / WHEEL_PX);
    turned -= steps * WHEEL_PX;
    if (steps) show(state.number + steps);
  },
  { passive: false },
);

let drag = null;
view.addEventListener("pointerdown", (event) => {
  view.focus({ preventScroll: true });
  view.setPointerCapture(event.pointerId);
  const isWindow = event.button === 2 || (state.free && event.pointerType === "mouse");
  drag = { x: event.clientX, y: event.clientY, isWindow, ...state };
});
view.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const across = event.clientX - drag.x;
  const down = event.clientY - drag.y;
  if (drag.isWindow) setWindow(drag.centre + down, drag.width + across);
  else {
    const most = Math.abs(across) > Math.abs(down) ? across : down;
    show(drag.number + Math.trunc(most / DRAG_PX));
  }
});
for (const end of ["pointerup", "pointercancel"]) view.addEventListener(end, () => { drag = null; });
view.addEventListener("contextmenu", (event) => event.preventDefault());

// --- start ------------------------------------------------------------------------------------

for (const image of root.querySelectorAll(".viewer-view img")) image.remove();
new ResizeObserver(draw).observe(view);
show(state.number);
