// What the report can do beyond showing: tooltips, keys that switch lines, the map's slider, and
// the lattice in 3-D. Everything it needs is in the figures' data attributes.
"use strict";
{
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const numbers = (words) => words.split(" ").map(Number);

  // Tooltips: whatever has data-tip.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  const hide = () => { tip.hidden = true; };
  const show = (event) => {
    const target = event.target instanceof Element && event.target.closest("[data-tip]");
    if (!target) return hide();
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const above = event.clientY - height - 14;
    const left = Math.min(event.clientX - width / 2, document.documentElement.clientWidth - width - 6);
    tip.style.left = `${Math.max(6, left)}px`;
    tip.style.top = `${above > 6 ? above : event.clientY + 20}px`;
  };
  addEventListener("pointermove", show);
  addEventListener("pointerdown", show);
  addEventListener("scroll", hide, { passive: true });

  // Keys: a checkbox shows or hides the parts of its figure with the same data-series.
  for (const box of all("input[data-key]")) {
    const follow = () => {
      for (const part of all("[data-series]", box.closest("figure"))) {
        if (part.dataset.series === box.dataset.key) part.classList.toggle("off", !box.checked);
      }
    };
    box.addEventListener("change", follow);
    follow();
  }

  // The map: a slider moves every question from its own place to the cube's.
  for (const slider of all("input[data-moves]")) {
    const wanted = slider.closest("figure").querySelector(".wanted");
    slider.closest("figure").addEventListener("pointerover", (event) => {
      const question = event.target.closest(".question");
      wanted.classList.toggle("off", !question);
      if (!question) return;
      const [x2, y2] = numbers(question.dataset.answer);
      const dot = question.querySelector("circle");
      const ends = { x1: dot.getAttribute("cx"), y1: dot.getAttribute("cy"), x2, y2 };
      for (const [name, value] of Object.entries(ends)) wanted.setAttribute(name, value);
    });
    const questions = all(".question", slider.closest("figure")).map((group) => ({
      dot: group.querySelector("circle"),
      trail: group.querySelector("line"),
      before: numbers(group.dataset.before),
      after: numbers(group.dataset.after),
    }));
    slider.addEventListener("input", () => {
      const share = slider.value / slider.max;
      for (const { dot, trail, before, after } of questions) {
        const [x, y] = before.map((start, i) => start + share * (after[i] - start));
        dot.setAttribute("cx", x);
        dot.setAttribute("cy", y);
        trail.setAttribute("x2", x);
        trail.setAttribute("y2", y);
      }
    });
  }

  // The lattice in 3-D, made from the cells of its slices; turned by dragging or by the sliders.
  const make = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  for (const figure of all("figure[data-lattice]")) {
    const shape = numbers(figure.dataset.lattice);
    const picture = figure.querySelector("svg");
    const [turn, tilt] = ["turn", "tilt"].map((name) => figure.querySelector(`[data-angle=${name}]`));
    const size = picture.viewBox.baseVal.width;
    const unit = (0.86 * size) / Math.hypot(...shape);
    const centred = (place) => place.map((value, i) => value - shape[i] / 2);
    const ends = [0, 1].flatMap((x) => [0, 1].flatMap((y) => [0, 1].map((z) => [x, y, z])));
    const edges = ends.flatMap((start) => [0, 1, 2].filter((axis) => !start[axis]).map((axis) => {
      const stop = start.map((value, i) => (i === axis ? 1 : value));
      const [from, to] = [start, stop].map((end) => centred(end.map((value, i) => value * shape[i])));
      return { from, to, line: picture.appendChild(make("line", { class: "edge" })) };
    }));
    const names = ["x", "y", "z"].map((name, axis) => {
      const word = picture.appendChild(make("text", { class: "strong", "text-anchor": "middle" }));
      word.textContent = name;
      return { word, at: centred(shape.map((side, i) => (i === axis ? side + 0.8 : 0))) };
    });
    const cells = all("[data-cell]", figure.closest("section")).map((cell) => {
      const share = Number(cell.getAttribute("fill-opacity"));
      const dot = make("circle", { r: unit * (0.1 + 0.36 * share), "fill-opacity": 0.06 + 0.9 * share ** 2 });
      dot.dataset.tip = cell.dataset.tip;
      return { dot, at: centred(numbers(cell.dataset.cell).map((value) => value + 0.5)) };
    });
    const draw = () => {
      const [a, b] = [turn, tilt].map((slider) => (slider.value * Math.PI) / 180);
      const project = ([x, y, z]) => {
        const across = x * Math.cos(a) - y * Math.sin(a);
        const away = x * Math.sin(a) + y * Math.cos(a);
        const down = away * Math.sin(b) - z * Math.cos(b);
        return [size / 2 + across * unit, size / 2 + down * unit, away * Math.cos(b) + z * Math.sin(b)];
      };
      for (const { from, to, line } of edges) {
        const [[x1, y1], [x2, y2]] = [project(from), project(to)];
        for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(name, value);
      }
      for (const { word, at } of names) {
        const [x, y] = project(at);
        word.setAttribute("x", x);
        word.setAttribute("y", y + 4);
      }
      for (const cell of cells) {
        const [x, y, depth] = project(cell.at);
        cell.dot.setAttribute("cx", x);
        cell.dot.setAttribute("cy", y);
        cell.depth = depth;
      }
      cells.sort((one, other) => one.depth - other.depth);
      picture.append(...cells.map(({ dot }) => dot));
    };
    let waiting = false;
    const redraw = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; draw(); });
    };
    turn.addEventListener("input", redraw);
    tilt.addEventListener("input", redraw);
    picture.addEventListener("pointerdown", (event) => picture.setPointerCapture(event.pointerId));
    picture.addEventListener("pointermove", (event) => {
      if (!event.buttons) return;
      const step = 180 / picture.clientWidth;
      turn.value = (Number(turn.value) + event.movementX * step + 540) % 360 - 180;
      tilt.value = Number(tilt.value) + event.movementY * step;
      redraw();
    });
    figure.hidden = false;
    draw();
  }
}
