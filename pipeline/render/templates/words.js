// The map of words, arms side by side, and the neighbours of words in each arm.
// Each arm has the places of the same words, `x` and `y` by word.
(() => {
  const stored = document.getElementById("word-data");
  if (!stored) return;
  const data = JSON.parse(stored.textContent);
  const shared = { word: -1, count: Math.min(300, data.words.length) };
  const maps = [];
  const redraw = () => maps.forEach((map) => map.draw());

  function wordMap(first) {
    let arm = data.arms[first];
    const view = {};
    const canvas = make("canvas", { role: "img", "aria-label": "Map of words" });
    const pen = canvas.getContext("2d");
    let extent = 1;
    const all = () => { // the words shown, but for the outermost few
      const [x, y] = [arm.x, arm.y].map((side) => {
        const sorted = side.slice(0, shared.count).sort((a, b) => a - b);
        const cut = Math.floor(0.004 * sorted.length);
        return [sorted[cut], sorted[sorted.length - 1 - cut]];
      });
      extent = Math.max(x[1] - x[0], y[1] - y[0]) / 2 || 1;
      Object.assign(view, { zoom: 1, x: (x[0] + x[1]) / 2, y: (y[0] + y[1]) / 2 });
    };
    const scale = () => (view.zoom * 0.46 * Math.min(canvas.clientWidth, canvas.clientHeight)) / extent;
    const place = (i) => [
      canvas.clientWidth / 2 + (arm.x[i] - view.x) * scale(),
      canvas.clientHeight / 2 - (arm.y[i] - view.y) * scale(),
    ];
    const draw = () => {
      const [width, height] = [canvas.clientWidth, canvas.clientHeight];
      const style = getComputedStyle(canvas);
      const ink = style.getPropertyValue("--ink");
      const hues = data.classes.map((_, c) => style.getPropertyValue(`--arm${c % 9}`));
      canvas.width = width * devicePixelRatio;
      canvas.height = height * devicePixelRatio;
      pen.scale(devicePixelRatio, devicePixelRatio);
      const boxes = [];
      const label = (i, bold) => {
        const [x, y] = place(i);
        pen.font = `${bold ? "600 14px" : "12px"} ${style.fontFamily}`;
        const wide = pen.measureText(data.words[i]).width;
        const left = x + 5 + wide < width ? x + 5 : Math.max(2, x - 5 - wide); // never cut off
        const box = [left, y - 8, left + wide, y + 8];
        const free = boxes.every((b) => b[0] > box[2] || b[2] < box[0] || b[1] > box[3] || b[3] < box[1]);
        if (!bold && !free) return;
        boxes.push(box);
        pen.strokeStyle = style.getPropertyValue("--paper"); // a rim, to be read above points
        pen.lineWidth = bold ? 6 : 3;
        pen.strokeText(data.words[i], left, y + 4);
        pen.fillStyle = ink;
        pen.fillText(data.words[i], left, y + 4);
      };
      const inside = (i) => {
        const [x, y] = place(i);
        return x > 0 && x < width && y > 8 && y < height - 8;
      };
      const size = shared.count > 1000 ? 3 : 5;
      const dot = (i) => {
        const [x, y] = place(i);
        pen.fillStyle = arm.class ? hues[arm.class[i]] : ink;
        pen.fillRect(x - size / 2, y - size / 2, size, size);
      };
      for (let i = 0; i < shared.count; i++) dot(i);
      pen.lineJoin = "round";
      if (shared.word >= 0) label(shared.word, true); // the others keep away from it
      for (let i = 0; i < shared.count && boxes.length < 70; i++) if (inside(i)) label(i, false);
      if (shared.word < 0) return;
      const [x, y] = place(shared.word);
      dot(shared.word); // which need not be one of those shown
      pen.strokeStyle = ink;
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(x, y, 7, 0, 7);
      pen.stroke();
      label(shared.word, true);
    };
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const zoomAt = (factor, x, y) => {
      const before = scale();
      const zoom = Math.max(1, Math.min(200, view.zoom * factor));
      const kept = 1 - view.zoom / zoom; // what lies under the pointer stays there
      view.x += ((x - canvas.clientWidth / 2) / before) * kept;
      view.y -= ((y - canvas.clientHeight / 2) / before) * kept;
      view.zoom = zoom;
      draw();
    };
    let held = null;
    canvas.addEventListener("pointerdown", (event) => { held = at(event); canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointerup", () => { held = null; });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = at(event);
      if (held) {
        view.x -= (x - held[0]) / scale();
        view.y += (y - held[1]) / scale();
        held = [x, y];
        draw();
        return;
      }
      let [nearest, least] = [-1, 12 ** 2];
      for (let i = 0; i < shared.count; i++) {
        const [px, py] = place(i);
        const distance = (px - x) ** 2 + (py - y) ** 2;
        if (distance < least) [nearest, least] = [i, distance];
      }
      if (nearest >= 0 && nearest !== shared.word) point(nearest);
    });
    // A page is scrolled by the wheel; with Ctrl, as in other maps, the map is zoomed.
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoomAt(Math.exp(-event.deltaY / 300), ...at(event));
    }, { passive: false });
    canvas.addEventListener("dblclick", (event) => zoomAt(2, ...at(event)));
    const step = (text, label, factor) => {
      const button = make("button", { type: "button", "aria-label": label }, text);
      button.addEventListener("click", () => {
        if (factor) return zoomAt(factor, canvas.clientWidth / 2, canvas.clientHeight / 2);
        all();
        draw();
      });
      return button;
    };
    const choose = make("select", { "aria-label": "Arm on this map" });
    data.arms.forEach((each, i) => choose.append(new Option(each.name, i, false, i === first)));
    choose.addEventListener("change", () => { arm = data.arms[choose.value]; all(); draw(); });
    const name = data.arms.length > 1 ? choose : make("b", {}, arm.name);
    const buttons = [step("\u2212", "Zoom out", 0.5), step("+", "Zoom in", 2), step("all", "Show all", 0)];
    const box = make("div", { class: "map" }, make("div", { class: "controls" }, name, ...buttons), canvas);
    const centre = (i) => Object.assign(view, { x: arm.x[i], y: arm.y[i], zoom: Math.max(view.zoom, 3) });
    all();
    return { box, draw, all, centre };
  }

  const said = make("p", { class: "note", role: "status" }, "Point at a word, or search for one.");
  function point(i) {
    shared.word = i;
    const times = `${data.words[i]}: ${data.counts[i].toLocaleString("en")} times in the training text`;
    const arms = data.arms.filter((arm) => arm.class);
    const classes = [...new Set(arms.map((arm) => data.classes[arm.class[i]]))].map((name) => {
      const which = arms.filter((arm) => data.classes[arm.class[i]] === name);
      return which.length === arms.length ? name : `${name} (${which.map((arm) => arm.name).join(", ")})`;
    });
    said.textContent = classes.length ? `${times}; speaks for ${classes.join(", ")}.` : `${times}.`;
    redraw();
  }

  const names = make("datalist", { id: "all-words" });
  names.append(...data.words.slice(0, 3000).map((word) => new Option(word)));
  const search = (label, use) => {
    const input = make("input", { type: "search", list: "all-words", placeholder: label, "aria-label": label });
    input.addEventListener("change", () => {
      const typed = input.value.trim();
      const exact = data.words.indexOf(typed);
      use(exact < 0 ? data.words.indexOf(typed.toLowerCase()) : exact, typed, input);
    });
    return input;
  };
  const none = (typed) => `"${typed}" is not among the ${data.words.length.toLocaleString("en")} words of all arms here.`;

  const host = document.getElementById("word-map");
  const many = make("select", { "aria-label": "How many words" });
  for (const n of [100, 300, 1000, 3000].filter((n) => n < data.words.length)) many.append(new Option(`${n} most frequent words`, n, false, n === 300));
  many.append(new Option(`all ${data.words.length.toLocaleString("en")} words`, data.words.length));
  many.addEventListener("change", () => { shared.count = Number(many.value); maps.forEach((map) => map.all()); redraw(); });
  const find = search("find a word", (i, typed) => {
    if (i < 0) { said.textContent = typed ? none(typed) : ""; return; }
    maps.forEach((map) => map.centre(i));
    point(i);
  });
  shared.count = Number(many.value);
  data.arms.slice(0, 2).forEach((_, i) => maps.push(wordMap(i)));
  host.replaceChildren(
    make("div", { class: "controls" }, find, many, names),
    make("div", { class: "maps" }, ...maps.map((map) => map.box)),
    said,
  );
  addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  (window.requestIdleCallback ?? setTimeout)(redraw); // first the page is there, then the maps

  // Neighbours: a row a word, which can be added and taken away.

  const table = document.getElementById("neighbours");
  if (!table) return;
  const body = table.tBodies[0];
  const removable = (row) => {
    const button = make("button", { type: "button", class: "remove", "aria-label": "Remove this word" }, "\u00d7");
    button.addEventListener("click", () => row.remove());
    row.cells[0].append(" ", button);
  };
  [...body.rows].forEach(removable);
  const status = make("span", { class: "note", role: "status" });
  const add = search("add a word", (i, typed, input) => {
    status.textContent = "";
    if (!typed) return;
    if (i < 0) { status.textContent = none(typed); return; }
    if (!data.arms[0].nearest[i]) { status.textContent = `"${typed}" is too rare: no neighbours are stored.`; return; }
    const row = make("tr", {}, make("th", { scope: "row" }, make("bdi", {}, data.words[i])));
    for (const arm of data.arms) {
      const cell = make("td", { class: "text" });
      for (const [other, cosine] of arm.nearest[i]) {
        const numbers = make("small", {}, `${(cosine / 100).toFixed(2)} \u00b7 ${data.counts[other].toLocaleString("en")}`);
        cell.append(make("span", { class: "n" }, make("bdi", {}, data.words[other]), " ", numbers), " ");
      }
      row.append(cell);
    }
    removable(row);
    body.prepend(row);
    input.value = "";
  });
  table.parentElement.before(make("div", { class: "controls" }, add, status));
})();
