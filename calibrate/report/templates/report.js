"use strict";
(function () {
  const MINUS = "\u2212";
  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(id).textContent);

  // A number as the page writes it: a minus that is read as one, and none before nought.
  function show(value, places) {
    const text = Math.abs(value).toFixed(places);
    return (value < 0 && Number(text) !== 0 ? MINUS : "") + text;
  }

  // --- A parameter, wherever it is. -----------------------------------------------------------------------------

  function highlight(name) {
    const owner = name.split(".").slice(0, -1).pop();
    for (const one of document.querySelectorAll("[data-parameter]")) {
      const names = one.getAttribute("data-parameter").split(" ");
      const strand = names.length === 1 && !names[0].includes(".") && names[0] === owner;
      one.classList.toggle("chosen", name !== "" && (names.includes(name) || strand));
    }
  }

  const parameter = byId("parameter");
  if (parameter) {
    byId("chooser").hidden = false;
    parameter.addEventListener("change", () => highlight(parameter.value));
    highlight(parameter.value); // what a browser remembers of the last visit
  }

  // --- The knee, moved. -----------------------------------------------------------------------------------------

  const REGIONS = ["slack", "toe", "linear"];

  function knee(box) {
    const data = read("knee-" + box.dataset.knee);
    const angle = box.querySelector(".angle"), draw = box.querySelector(".draw");
    const svg = box.querySelector(".posed"), curve = box.querySelector(".curve");
    const circles = svg.querySelectorAll(".condyle"), plateau = svg.querySelector(".plateau");
    const lines = svg.querySelectorAll(".strand"), tibial = svg.querySelectorAll(".tibial");
    const femoral = svg.querySelectorAll(".end:not(.tibial)");
    const arrow = svg.querySelector(".arrow"), contact = svg.querySelector(".contact");
    const tensions = box.querySelectorAll(".tension"), regions = box.querySelectorAll(".region");
    const many = data.strands.length, count = data.angles.length, fine = data.fine;

    function put(element, names, values) {
      names.forEach((name, i) => element.setAttribute(name, values[i] / fine));
    }

    function move() {
      const a = Number(angle.value), d = Number(draw.value), at = d * count + a;
      circles.forEach((circle, c) => put(circle, ["cx", "cy", "r"], data.condyles.slice(6 * d + 3 * c)));
      put(plateau, ["x1", "y1", "x2", "y2"], data.plateau.slice(4 * at));
      put(arrow, ["x1", "y1"], data.arrow.slice(2 * at));
      put(arrow, ["x2", "y2"], data.contact.slice(2 * at));
      put(contact, ["cx", "cy"], data.contact.slice(2 * at));
      for (let s = 0; s < many; s++) {
        const from = data.femur.slice(2 * (d * many + s)), to = data.tibia.slice(2 * (at * many + s));
        put(lines[s], ["x1", "y1"], from);
        put(lines[s], ["x2", "y2"], to);
        put(femoral[s], ["cx", "cy"], from);
        put(tibial[s], ["cx", "cy"], to);
        const region = REGIONS[Number(data.region[at * many + s])];
        lines[s].setAttribute("class", "strand " + region);
        tensions[s].textContent = show(data.tension[at * many + s] / fine, 1);
        regions[s].textContent = region;
      }
      const load = data.reading[at] / data.fineLoad;
      const degrees = show(data.angles[a], 2), reading = show(load, 2) + " " + data.unit;
      box.querySelector(".degrees").textContent = degrees;
      box.querySelector(".number").textContent = String(d + 1);
      box.querySelector(".load").textContent = reading;
      box.querySelector(".reaction").textContent = show(data.reaction[at], 0);
      angle.setAttribute("aria-valuetext", degrees + " degrees, " + reading);
      draw.setAttribute("aria-valuetext", "draw " + (d + 1) + " of " + data.draws);
      const [kx, x0, ky, y0] = data.scale;
      const points = data.angles.map((one, i) =>
        (kx * one + x0).toFixed(1) + "," + ((ky * data.reading[d * count + i]) / data.fineLoad + y0).toFixed(1));
      curve.querySelector(".line").setAttribute("points", points.join(" "));
      const point = curve.querySelector(".point");
      point.setAttribute("cx", (kx * data.angles[a] + x0).toFixed(1));
      point.setAttribute("cy", (ky * load + y0).toFixed(1));
    }

    angle.addEventListener("input", move);
    draw.addEventListener("input", move);
    box.querySelector(".controls").hidden = false;
    move();
  }

  document.querySelectorAll("[data-knee]").forEach(knee);

  // --- What if. -------------------------------------------------------------------------------------------------

  // Where a value lies among rising steps: the step below, and how far it is to the next one.
  function place(steps, value) {
    let i = 0;
    while (i < steps.length - 2 && value >= steps[i + 1]) i++;
    const width = steps.length > 1 ? steps[i + 1] - steps[i] : 1;
    return [i, Math.min(1, Math.max(0, (value - steps[i]) / width))];
  }

  // A number between four of the grid; beyond (null) if one that counts is.
  function between(grid, factor, shift, pick) {
    const [f, u] = place(grid.factors, factor), [s, v] = place(grid.shifts, shift), n = grid.shifts.length;
    let sum = 0;
    for (const [i, j, weight] of [[0, 0, (1 - u) * (1 - v)], [1, 0, u * (1 - v)], [0, 1, (1 - u) * v], [1, 1, u * v]]) {
      if (weight > 0) {
        const value = pick((f + i) * n + s + j);
        if (value === null) return null;
        sum += weight * value;
      }
    }
    return sum;
  }

  function whatIf() {
    const grids = [];
    for (let i = 0; byId("grid-" + i); i++) grids.push(read("grid-" + i));
    const run = read("run-name"), chosen = byId("grid"), factor = byId("factor"), shift = byId("shift");
    const svg = byId("changed"), rows = byId("laxities").rows;
    let grid = grids[0];

    function limits(input, steps, none) {
      input.min = steps[0];
      input.max = steps[steps.length - 1];
      input.value = none;
      input.disabled = steps.length < 2;
    }

    function choose() {
      grid = grids[Number(chosen.value)];
      limits(factor, grid.factors, 1);
      limits(shift, grid.shifts, 0);
      byId("positive").textContent = grid.positive;
      change();
    }

    const three = (of) => of[0] === null ? "beyond" :
      show(of[0], 1) + " (" + of.slice(1).map((one) => one === null ? "beyond" : show(one, 1)).join(" to ") + ")";

    function change() {
      const f = Number(factor.value), s = Number(shift.value), same = f === 1 && s === 0;
      byId("factor-shown").textContent = f === 0 ? "0 (released)" : show(f, 2);
      byId("shift-shown").textContent = (s > 0 ? "+" : "") + show(s, 2);
      for (let way = 0; way < 3; way++) {
        const of = (part) => [0, 1, 2].map((q) => between(grid, f, s, (at) => grid.laxities[at][way][part][q]));
        const cells = rows[way].cells;
        cells[1].textContent = three(grid.laxity[way]);
        cells[2].textContent = same ? "\u2013" : three(of(0));
        cells[3].textContent = same ? "\u2013" : three(of(1));
      }
      const now = grid.now, then = [0, 1, 2].map((q) =>
        grid.angle.map((_, i) => between(grid, f, s, (at) => grid.curves[at][q][i])));
      draw(now, then);
      const sign = s > 0 ? "+" : "";
      const parts = [f === 1 ? "" : " --change " + grid.name + ".k=*" + f,
        s === 0 ? "" : " --change " + grid.name + ".l_0=" + sign + s, grid.test ? " --test " + grid.test : ""];
      byId("change-command").textContent = "calibrate predict " + run.quoted + parts.join("") + " --moments " + run.moment;
    }

    function draw(now, then) {
      const every = grid.extent, low = grid.angle[0], high = grid.angle[grid.angle.length - 1];
      const x = (a) => (34 + ((a - low) / (high - low || 1)) * 278).toFixed(1);
      const y = (l) => (8 + ((every[1] - l) / (every[1] - every[0] || 1)) * 178).toFixed(1);
      const line = (values) => values.map((one, i) => x(grid.angle[i]) + "," + y(one));
      const [band, changed] = svg.querySelectorAll(".band"), [solid, dashed] = svg.querySelectorAll(".line");
      [[band, solid, now], [changed, dashed, then]].forEach(([area, middle, of]) => {
        area.setAttribute("d", "M" + line(of[1]).join("L") + "L" + line(of[2]).reverse().join("L") + "Z");
        middle.setAttribute("points", line(of[0]).join(" "));
      });
      const axes = byId("changed-axes");
      axes.replaceChildren();
      const text = (at, up, words, how) => {
        const one = document.createElementNS(svg.namespaceURI, "text");
        one.setAttribute("x", at);
        one.setAttribute("y", up);
        one.setAttribute("class", how);
        one.textContent = words;
        axes.append(one);
      };
      grid.ticks[0].forEach((one) => text(x(one), 202, show(one, 3).replace(/\.?0+$/, ""), "middle"));
      grid.ticks[1].forEach((one) => text(30, Number(y(one)) + 3, show(one, 3).replace(/\.?0+$/, ""), "end-text"));
      text(173, 217, "angle [\u00b0]", "middle");
      text(36, 16, grid.kind + " [" + grid.unit + "]", "");
    }

    chosen.addEventListener("change", choose);
    factor.addEventListener("input", change);
    shift.addEventListener("input", change);
    byId("as-calibrated").addEventListener("click", choose);
    byId("change").hidden = false;
    choose();
  }

  if (byId("what-if")) whatIf();
})();
