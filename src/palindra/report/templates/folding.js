// The pointer reads pairs off arcs and maps; without scripts the arcs still have titles.
const tip = document.querySelector(".tip");
const holders = ["predicted", "known structure", "RNAfold"];
const said = (data, [i, j, chance, flags]) => {
  const words = [`${data.letters[i]}${i + 1}–${data.letters[j]}${j + 1}`];
  words.push(chance === null ? "probability below what is drawn" : `probability ${chance.toFixed(2)}`);
  holders.forEach((name, bit) => { if (flags >> bit & 1) words.push(name); });
  return words.join(", ");
};
const show = (event, text) => {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, document.documentElement.clientWidth - box.width - 4))}px`;
  tip.style.top = `${event.clientY + box.height + 28 > innerHeight ? event.clientY - box.height - 12 : event.clientY + 16}px`;
};
for (const molecule of document.querySelectorAll("article.molecule")) {
  const data = JSON.parse(molecule.querySelector("script.pairs").textContent);
  const found = new Map(data.pairs.map(pair => [`${pair[0]} ${pair[1]}`, pair]));
  const arcs = molecule.querySelector(".arcs");
  const map = molecule.querySelector(".map");
  for (const title of arcs.querySelectorAll("title")) title.remove(); // the tip says the same at once
  const light = key => {
    for (const arc of arcs.querySelectorAll(".arc")) arc.classList.toggle("hot", arc.dataset.pair === key);
  };
  const place = (event, picture) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
    return [at.x, at.y];
  };
  const leave = () => { tip.hidden = true; light(null); };
  const overArcs = event => {
    const key = event.target.dataset.pair;
    if (key) { light(key); show(event, said(data, found.get(key))); return; }
    light(null);
    if (!event.target.matches(".open, .ground, .base")) { tip.hidden = true; return; }
    const ground = arcs.querySelector(".ground").getBBox();
    const base = Math.floor((place(event, arcs)[0] - ground.x) / ground.width * data.letters.length);
    if (base in data.unpaired) show(event, `${data.letters[base]}${base + 1}, unpaired with probability ${data.unpaired[base].toFixed(2)}`);
  };
  const overMap = event => {
    const [x, y] = place(event, map);
    const cell = Number(map.dataset.cell), near = Math.max(0.75, 5 / cell);
    const column = (x - map.dataset.left) / cell - 0.5, row = (y - map.dataset.top) / cell - 0.5;
    const upper = column > row, [i, j] = upper ? [row, column] : [column, row];
    let best = null, least = near;
    for (const pair of data.pairs) {
      if (upper ? pair[2] === null : !(pair[3] & data.below)) continue;
      const apart = Math.max(Math.abs(pair[0] - i), Math.abs(pair[1] - j));
      if (apart < least) [best, least] = [pair, apart];
    }
    if (!best) { leave(); return; }
    light(`${best[0]} ${best[1]}`);
    show(event, said(data, best));
  };
  for (const [picture, over] of [[arcs, overArcs], [map, overMap]]) {
    for (const kind of ["pointermove", "pointerdown"]) picture.addEventListener(kind, over);
    picture.addEventListener("pointerleave", leave);
  }
}
addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
