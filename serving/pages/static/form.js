// Says at once what a value is in other units and whether it reads like one of them, and
// reckons the ratios. Limits, factors and doubted ranges come with the page, from the schema.
// Without this script every page still works: the answer says the same.
"use strict";

(() => {
  const digits = (value) => Number(value.toPrecision(3)).toString();

  // A number, perhaps behind < or >, as the service reads it; null if it is none.
  const typed = (text) => {
    const found = /^\s*(<=|>=|[<>≤≥])?\s*(\d+(?:\.\d*)?|\.\d+)\s*$/.exec(text);
    if (!found) return null;
    const side = { "<": -1, "<=": -1, "≤": -1, ">": 1, ">=": 1, "≥": 1 }[found[1]] || 0;
    return { value: Number(found[2]), side };
  };

  const told = (box, ...parts) => box.replaceChildren(...parts);
  const paragraph = (css, text, ...more) => {
    const made = document.createElement("p");
    made.className = css;
    made.append(text, ...more);
    return made;
  };

  // What a field holds: {value, side, code, canonical}, or null.
  const measured = (box) => {
    const rules = box.rules;
    const input = document.getElementById(rules.name);
    const read = typed(input.value);
    if (!read || !rules.units) return read;
    const chosen = box.querySelector("input[type=radio]:checked") || box.querySelector("input[type=hidden]");
    const compared = document.getElementById(`${rules.name}.comparator`);
    const side = read.side || { "<": -1, ">": 1 }[compared.value] || 0;
    const code = chosen ? chosen.value : "";
    const unit = rules.units[code];
    return { value: read.value, side, code, canonical: unit ? read.value * unit.factor : null };
  };

  const convert = (box, now) => {
    const shown = box.querySelector("[data-converted]");
    if (!shown || !box.rules.units) return;
    const own = now && box.rules.units[now.code];
    const others = own ? Object.values(box.rules.units).filter((unit) => unit.factor !== own.factor) : [];
    shown.textContent = others
      .map((unit) => `= ${["<", "", ">"][now.side + 1]}${digits(now.canonical / unit.factor)} ${unit.words}`)
      .join(", ");
  };

  const use = (box, code) => {
    box.querySelector(`input[type=radio][value="${code}"]`).checked = true;
    look(box);
    document.getElementById(box.rules.name).focus();
  };

  const doubted = (box, now) => {
    const unit = box.rules.units[now.code];
    const found = now.side ? null : unit.doubts.find((range) => now.value >= range.low && now.value <= range.high);
    if (!found) return null;
    const other = box.rules.units[found.code];
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = `It is ${other.words}`;
    button.addEventListener("click", () => use(box, found.code));
    const text = `${now.value} ${unit.words} reads likelier as ${now.value} ${other.words} ` +
      `(${digits((now.value * other.factor) / unit.factor)} ${unit.words}). Check the unit on the laboratory’s report. `;
    return paragraph("doubt", text, button);
  };

  const outside = (box, now) => {
    const limits = box.rules.units ? box.rules.units[now.code] : box.rules;
    const low = now.side < 0 ? 0 : limits.low;
    if (now.value >= low && now.value <= limits.high) return null;
    const words = limits.words ? ` ${limits.words}` : "";
    return paragraph("doubt", `Taken is ${digits(limits.low)} to ${digits(limits.high)}${words}. Check the value${words ? " and its unit" : ""}.`);
  };

  const judged = (box, now) => {
    const text = document.getElementById(box.rules.name).value.trim();
    if (!text) return [];
    if (!now) return [paragraph("doubt", "Enter a number with a decimal point, if need be behind < or >.")];
    if (box.rules.units && !box.rules.units[now.code]) return [paragraph("doubt", "Choose the unit of the laboratory’s report.")];
    return [doubted, outside].filter((rule) => rule !== doubted || box.rules.units)
      .map((rule) => rule(box, now)).filter(Boolean).slice(0, 1);
  };

  const look = (box) => {
    const now = measured(box);
    convert(box, now);
    const said = judged(box, now);
    box.doubted = said.length > 0;
    const live = box.querySelector("[data-live]");
    const before = live.textContent;
    if (said.map((part) => part.textContent).join("") !== before) told(live, ...said);
    box.now = now;
    ratios();
  };

  const boxes = new Map();
  const known = (name) => {
    const box = boxes.get(name);
    return box && box.now && box.now.canonical > 0 ? box.now : null;
  };

  const ratio = (name, under) => {
    const shown = document.getElementById(name);
    const [above, below] = [known("testosterone"), known(under)];
    let text = "–";
    if (above && below) {
      const side = above.side - below.side;
      const open = above.side && above.side === below.side;
      text = open ? "open" : `${["<", "", ">"][Math.sign(side) + 1]}${digits(above.canonical / below.canonical)}`;
    }
    if (shown.textContent !== text) shown.textContent = text;
  };

  const ratios = () => {
    if (!document.getElementById("t_lh")) return;
    ratio("t_e2", "estradiol");
    ratio("t_lh", "lh");
    const age = document.getElementById("age").value.trim();
    const missing = [!age && "age", !known("testosterone") && "testosterone", !known("lh") && "LH"].filter(Boolean);
    const open = [...boxes.values()].some((box) => box.doubted);
    const text = missing.length ? `For a probability: ${missing.join(", ")} still to come.`
      : open ? "An entry is in doubt: see beside it." : "Enough for a probability.";
    const ready = document.getElementById("ready");
    if (ready.textContent !== text) ready.textContent = text;
  };

  const copy = async (button) => {
    const from = document.getElementById(button.dataset.copy);
    const status = document.getElementById("copied");
    getSelection().selectAllChildren(from);
    try {
      await navigator.clipboard.writeText(from.textContent);
      status.textContent = "Copied.";
    } catch {
      status.textContent = "It is selected: copy it with the keyboard.";
    }
  };

  const begin = () => {
    for (const box of document.querySelectorAll("[data-rules]")) {
      if (!box.dataset.rules) continue;
      box.rules = JSON.parse(box.dataset.rules);
      boxes.set(box.rules.name, box);
      box.addEventListener("input", () => look(box));
      box.addEventListener("change", () => look(box));
    }
    const live = document.getElementById("live");
    if (live) live.hidden = false;
    boxes.forEach(look);
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", () => copy(button));
    }
    for (const button of document.querySelectorAll("[data-print]")) {
      button.hidden = false;
      button.addEventListener("click", () => print());
    }
    const errors = document.getElementById("errors");
    if (errors) errors.focus();
  };

  begin();
})();
