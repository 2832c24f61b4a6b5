// One player for both: a notebook's widget hands its model to render, and page.html one that speaks to the server.
const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp"];
const SIDE = 64;

function render({ model, el }) {
  el.innerHTML = `
    <div class="worldmodel-player" tabindex="0" data-lm-suppress-shortcuts="true" style="display:inline-block;font:14px system-ui,sans-serif;outline-offset:4px">
      <canvas width="${SIDE}" height="${SIDE}" style="width:448px;height:448px;image-rendering:pixelated;background:#1a1a1a"></canvas>
      <div style="display:flex;gap:1em;align-items:center;margin:.5em 0;flex-wrap:wrap;width:448px">
        <span role="group" aria-label="where">
          <button data-place="dream">dream</button> <button data-place="truth">truth</button>
        </span>
        <label>gravity <input type="range" min="0" max="30" step="0.1" style="width:120px;vertical-align:middle"></label>
        <output class="asked"></output>
        <span class="told" aria-live="off" style="flex-basis:100%"></span>
        <span class="hint" style="flex-basis:100%;color:#666">Click the picture, then steer with the arrow keys.</span>
      </div>
    </div>`;
  const box = el.querySelector(".worldmodel-player"), canvas = el.querySelector("canvas"), slider = el.querySelector("input");
  const picture = canvas.getContext("2d"), image = picture.createImageData(SIDE, SIDE), held = new Set();

  function send(name, value) {
    model.set(name, value);
    model.save_changes();
  }
  function hold(event, down) {
    if (!KEYS.includes(event.key)) return;
    event.preventDefault();
    if (down === held.has(event.key)) return;
    down ? held.add(event.key) : held.delete(event.key);
    send("held", [...held]);
  }
  function let_go() {
    if (held.size) { held.clear(); send("held", []); }
  }
  function draw() {
    const bytes = model.get("frame");
    if (!bytes || bytes.byteLength !== 3 * SIDE * SIDE) return;
    for (let i = 0; i < SIDE * SIDE; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = bytes.getUint8(3 * i + c);
      image.data[4 * i + 3] = 255;
    }
    picture.putImageData(image, 0, 0);
    canvas.dataset.frames = Number(canvas.dataset.frames || 0) + 1;
  }
  function tell() {
    const told = model.get("told") || {};
    const end = told.over ? " · over" : "";
    el.querySelector(".told").textContent = told.error || `reward ${(told.earned || 0).toFixed(2)} · `
      + `the model believes g = ${(told.believed || 0).toFixed(1)} m/s².${end}`;
  }
  function choose() {
    for (const button of el.querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.dataset.place === model.get("place")));
    for (const button of el.querySelectorAll("button"))
      button.style.fontWeight = button.dataset.place === model.get("place") ? "bold" : "normal";
  }
  function weigh() {
    if (document.activeElement !== slider) slider.value = model.get("gravity");
    el.querySelector(".asked").textContent = `${Number(model.get("gravity")).toFixed(1)} m/s²`;
  }
  box.addEventListener("keydown", (event) => { if (event.target !== slider) hold(event, true); });
  box.addEventListener("keyup", (event) => hold(event, false));
  box.addEventListener("focusout", let_go);
  canvas.addEventListener("pointerdown", () => box.focus());
  slider.addEventListener("input", () => send("gravity", Number(slider.value)));
  slider.addEventListener("change", () => box.focus());
  for (const button of el.querySelectorAll("button"))
    button.addEventListener("click", () => { send("place", button.dataset.place); box.focus(); });
  model.on("change:frame", draw);
  model.on("change:told", tell);
  model.on("change:place", choose);
  model.on("change:gravity", weigh);
  draw(); tell(); choose(); weigh();
}

export default { render };
