// The items of the page. Texts of models are hostile: they become text nodes, never markup,
// patterns or styles.
(() => {
  const make = (tag, className, ...parts) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...parts);
    return element;
  };

  const root = document.getElementById("item-browser");
  const source = document.getElementById("items");
  const controls = root && root.querySelector(".item-controls");
  if (!source || !controls) return;

  const PAGE = 100; // items that are listed at once
  const LONG = 4; // words of an answer that is compared word by word
  const MOST_CELLS = 4e6; // of the table of such a comparison
  const WORD = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}]|[\p{L}\p{M}\p{N}_]+/u;
  const TOKEN = new RegExp(`${WORD.source}|\\s+|.`, "gsu");

  const data = JSON.parse(source.textContent);
  const items = data.rows.map((row, position) => {
    const item = { position };
    data.columns.forEach((name, column) => { item[name] = row[column]; });
    for (const name of ["base", "candidate"]) {
      const [text, score, confidence, ended, parts] = item[name];
      item[name] = { text, score, confidence, ended, parts };
    }
    return item;
  });
  const keyOf = (task, id) => JSON.stringify([task, id]);
  const byKey = new Map();
  for (const item of items) {
    const key = keyOf(data.tasks[item.task], item.id);
    if (!byKey.has(key)) byKey.set(key, item);
  }

  const control = (name) => document.getElementById(`item-${name}`);
  const show = control("show"), capability = control("capability"), level = control("level");
  const order = control("order"), search = control("search"), why = control("why");
  const list = root.querySelector(".item-list"), more = root.querySelector(".item-more");
  const count = root.querySelector(".item-count"), held = root.querySelector(".item-held");
  const command = root.querySelector(".item-all pre");
  let matches = [];

  const isText = (text) => typeof text === "string";
  const words = (text) => (isText(text) ? text.match(TOKEN) || [] : []).filter((t) => WORD.test(t));
  const plainText = (text) => (isText(text) ? text : text.sha256);
  const number = (n) => n.toLocaleString("en");

  // --- texts ------------------------------------------------------------------------------------

  const digest = (text) => make("code", "", `SHA-256 ${text.sha256}…`);
  const inline = (text) => (isText(text) ? make("bdi", "", text) : digest(text));

  const block = (text, parts, className) => {
    if (!isText(text)) return make("p", "item-digest", "text not kept, ", digest(text));
    const element = make("pre", className, ...parts);
    element.dir = "auto";
    return element;
  };

  // Marks the words of a text, those side by side together; `classOf` names the class of a word,
  // or nothing.
  const marked = (tokens, classOf) => {
    const parts = [];
    let plain = "";
    tokens.forEach((token, position) => {
      const className = WORD.test(token) && classOf(token, position);
      if (!className) {
        plain += token;
        return;
      }
      const before = parts[parts.length - 1];
      if (before && before.className === className && plain.trim() === "") {
        before.append(plain, token);
      } else parts.push(plain, make("mark", className, token));
      plain = "";
    });
    return [...parts, plain];
  };

  // The words of a short answer that a prompt is searched for, without those of the other answer.
  const telling = (side, other) => {
    const all = words(side.text);
    if (all.length > 8) return new Set();
    const others = new Set(words(other.text).map((word) => word.toLowerCase()));
    const long = all.filter((word) => all.length === 1 || word.length > 2 || /\P{ASCII}/u.test(word));
    return new Set(long.map((word) => word.length > 1 ? word.toLowerCase() : word)
      .filter((word) => !others.has(word.toLowerCase())));
  };

  const promptParts = (item) => {
    if (!isText(item.prompt)) return [];
    const base = telling(item.base, item.candidate);
    const candidate = telling(item.candidate, item.base);
    const [better, worse] = item.is_broken ? [base, candidate] : [candidate, base];
    const has = (set, word) => set.has(word.length > 1 ? word.toLowerCase() : word);
    return marked(item.prompt.match(TOKEN) || [], (word) =>
      (has(better, word) ? "is-better" : has(worse, word) ? "is-worse" : ""));
  };

  // Which tokens of two lists belong to their longest common subsequence; null: too much to compare.
  const common = (a, b) => {
    let start = 0, endA = a.length, endB = b.length;
    while (start < endA && start < endB && a[start] === b[start]) start += 1;
    while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) { endA -= 1; endB -= 1; }
    const n = endA - start, width = endB - start + 1;
    if (n * width > MOST_CELLS) return null;
    const table = new Uint16Array((n + 1) * width);
    for (let i = n - 1; i >= 0; i -= 1) {
      for (let j = width - 2; j >= 0; j -= 1) {
        const at = i * width + j;
        table[at] = a[start + i] === b[start + j]
          ? table[at + width + 1] + 1 : Math.max(table[at + width], table[at + 1]);
      }
    }
    const inA = a.map((_, i) => i < start || i >= endA);
    const inB = b.map((_, j) => j < start || j >= endB);
    for (let i = 0, j = 0; i < n && j < width - 1;) {
      if (a[start + i] === b[start + j]) {
        inA[start + i] = inB[start + j] = true;
        i += 1; j += 1;
      } else if (table[(i + 1) * width + j] >= table[i * width + j + 1]) i += 1;
      else j += 1;
    }
    return [inA, inB];
  };

  // Both answers in parts; of two long ones, the words that the other has not are marked.
  const answerParts = (item) => {
    const texts = [item.base.text, item.candidate.text];
    const plain = texts.map((text) => [isText(text) ? text : ""]);
    if (texts.some((text) => words(text).length < LONG)) return plain;
    const tokens = texts.map((text) => text.match(TOKEN));
    const kept = common(...tokens);
    const nKept = kept && kept[0].filter((is, i) => is && WORD.test(tokens[0][i])).length;
    if (!kept || 5 * nKept < words(texts[0]).length) return plain; // unlike: all would be marked
    return tokens.map((each, side) => marked(each, (_, position) => (kept[side][position] ? ""
      : (side === 0) === Boolean(item.is_broken) ? "is-better" : "is-worse")));
  };

  // --- why an item broke ------------------------------------------------------------------------

  const reasonOf = (kind, key) => `${kind}:${key}`;
  const hasReason = (item) => why.value === "" || why.value === reasonOf("cause", item.cause)
    || item.patterns.some((place) => why.value
      === reasonOf("pattern", data.capabilities[item.capability].reasons[place][1]));

  // Of every capability the causes are offered, whose names they share; patterns are each its own.
  const offered = () => {
    const all = capability.value !== "" ? data.capabilities[Number(capability.value)].reasons
      : data.capabilities.flatMap((each) => each.reasons).filter(([kind]) => kind === "cause");
    return new Map(all.map((reason) => [reasonOf(reason[0], reason[1]), reason]));
  };

  const offerReasons = () => {
    const before = why.value, all = offered();
    const groups = [["cause", "Causes"], ["pattern", "Patterns"]].map(([kind, title]) => {
      const group = make("optgroup", "");
      group.label = title;
      for (const [value, reason] of all) if (reason[0] === kind) group.append(new Option(clipped(reason[2]), value));
      return group;
    });
    why.replaceChildren(why.options[0], ...groups.filter((group) => group.childElementCount));
    why.value = all.has(before) ? before : "";
    why.disabled = all.size === 0;
  };

  // --- one item ---------------------------------------------------------------------------------

  const percent = (share, digits) => `${(100 * share).toFixed(digits)} %`;
  const points = Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

  const clipped = (text) => {
    const letters = Array.from(text.slice(0, 240).split(/\s+/u).join(" ").trim());
    return letters.length > 60 ? `${letters.slice(0, 59).join("")}…` : letters.join("");
  };

  const brief = (side) => {
    const text = isText(side.text) ? clipped(side.text) : `SHA-256 ${side.text.sha256}…`;
    const sure = side.confidence === null ? "" : ` ${percent(side.confidence, 0)}`;
    return make("bdi", "", text + sure);
  };

  const anchorOf = (item) =>
    `#item=${encodeURIComponent(data.tasks[item.task])}/${encodeURIComponent(item.id)}`;

  const texts = (title, all, right) => (all.length === 0 ? [] : [
    make("p", "item-label", title),
    make("ul", "item-choices", ...all.map((text) => (right.has(plainText(text))
      ? make("li", "is-right", "✓ ", inline(text)) : make("li", "", inline(text))))),
  ]);

  const sideOf = (item, name, parts) => {
    const side = item[name];
    const isBetter = (name === "base") === Boolean(item.is_broken);
    const isGraded = ![null, 0, 1].includes(side.score);
    const words = [isGraded ? `${name} (${isBetter ? "better" : "worse"})` : `${isBetter ? "✓" : "✗"} ${name}`];
    if (side.score !== null) words.push(`counts as ${points.format(side.score)}`);
    if (side.confidence !== null) words.push(`confidence ${percent(side.confidence, 1)}`);
    if (side.ended) words.push(`ended: ${side.ended}`);
    if (side.parts) words.push(side.parts);
    const label = make("p", "item-label", words.join(" · "));
    return make("div", "", label, block(side.text, parts, isBetter ? "is-better" : "is-worse"));
  };

  const bodyOf = (item) => {
    const [base, candidate] = answerParts(item);
    const choices = new Set(item.choices.map(plainText));
    const right = new Set(item.right.map(plainText));
    const others = item.right.filter((text) => !choices.has(plainText(text)));
    const link = make("a", "", "link to this item");
    link.href = anchorOf(item);
    return make("div", "item-body",
      make("p", "item-label", "prompt · ", make("bdi", "", data.tasks[item.task]),
        item.copies ? ` · ${item.copies}` : ""),
      block(item.prompt, promptParts(item), ""),
      ...texts("choices, ✓ the right one", item.choices, right),
      ...texts("right answer", others, new Set()),
      make("div", "item-sides", sideOf(item, "base", base), sideOf(item, "candidate", candidate)),
      make("p", "item-link", link));
  };

  const fill = (details, item) => {
    if (details.childElementCount === 1) details.append(bodyOf(item));
  };

  const entryOf = (item) => {
    const kind = item.is_broken ? make("span", "item-kind is-broken", "✗ broken")
      : make("span", "item-kind is-fixed", "✓ fixed");
    const name = data.capabilities[item.capability].name;
    const where = item.level === null ? [] : [` · level\u00a0${item.level}`];
    if (item.cause) where.push(` · ${item.cause}`);
    const summary = make("summary", "", kind, " ", make("bdi", "item-id", item.id), " ",
      make("span", "item-aside", make("bdi", "", clipped(name)), ...where), " ",
      make("span", "item-change", brief(item.base), " → ", brief(item.candidate)));
    const details = make("details", "item", summary);
    details.addEventListener("toggle", () => { if (details.open) fill(details, item); });
    return make("li", "", details);
  };

  // --- the list ---------------------------------------------------------------------------------

  const searchable = (item) => {
    if (item.searchable === undefined) {
      const all = [item.prompt, ...item.choices, ...item.right, item.base.text, item.candidate.text];
      const names = [item.id, data.tasks[item.task]];
      item.searchable = [...names, ...all.map(plainText)].join("\n").toLowerCase();
    }
    return item.searchable;
  };

  const inOrder = new Intl.Collator("en", { numeric: true });
  const last = (value, sign) => (value === null ? Infinity : sign * value); // null stands last
  const compare = {
    candidate: (a, b) => last(a.candidate.confidence, -1) - last(b.candidate.confidence, -1),
    base: (a, b) => last(a.base.confidence, -1) - last(b.base.confidence, -1),
    level: (a, b) => last(a.level, 1) - last(b.level, 1),
    id: (a, b) => inOrder.compare(a.id, b.id),
  };

  const isWanted = (item) =>
    (show.value === "all" || (show.value === "broken") === Boolean(item.is_broken))
    && (capability.value === "" || Number(capability.value) === item.capability)
    && hasReason(item);

  const listMore = () => {
    const start = list.childElementCount;
    const entries = matches.slice(start, start + PAGE).map(entryOf);
    list.append(...entries);
    const nLeft = matches.length - list.childElementCount;
    more.hidden = nLeft === 0;
    more.textContent = `Show ${number(Math.min(PAGE, nLeft))} more`;
    const some = nLeft ? `; the first ${number(list.childElementCount)} are listed` : "";
    count.textContent = `${number(matches.length)} of ${number(items.length)} on this page${some}`;
    return entries.length ? entries[0].querySelector("summary") : null;
  };

  const offerLevels = () => {
    const before = level.value;
    const levels = new Set(items.filter(isWanted).map((item) => item.level));
    levels.delete(null);
    const sorted = Array.from(levels).sort((a, b) => a - b).map(String);
    level.replaceChildren(level.options[0], ...sorted.map((name) => new Option(name, name)));
    level.value = sorted.includes(before) ? before : "";
    level.disabled = sorted.length === 0;
  };

  const update = () => {
    offerReasons();
    offerLevels();
    const wanted = search.value.trim().toLowerCase();
    matches = items.filter((item) => isWanted(item)
      && (level.value === "" || String(item.level) === level.value)
      && (wanted === "" || searchable(item).includes(wanted)));
    if (order.value) matches.sort((a, b) => compare[order.value](a, b) || a.position - b.position);
    list.replaceChildren();
    listMore();
    const scope = capability.value === "" ? data : data.capabilities[Number(capability.value)];
    held.textContent = `On this page: ${scope.counts}.`;
    const reason = capability.value !== "" && offered().get(why.value);
    if (command) command.textContent = reason ? reason[3] : scope.command;
  };

  // --- keys and links ---------------------------------------------------------------------------

  const STEPS = new Map([["j", 1], ["ArrowDown", 1], ["k", -1], ["ArrowUp", -1]]);

  list.addEventListener("keydown", (event) => {
    const step = STEPS.get(event.key);
    const entry = event.target.closest("li");
    if (!step || event.target.localName !== "summary" || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const next = step > 0 ? entry.nextElementSibling : entry.previousElementSibling;
    const target = next ? next.querySelector("summary") : step > 0 ? listMore() : search;
    if (target) target.focus();
  });

  search.addEventListener("keydown", (event) => {
    const first = list.querySelector("summary");
    if (event.key !== "ArrowDown" || !first) return;
    event.preventDefault();
    first.focus();
  });

  const clear = (values) => {
    for (const each of [show, capability, why, level, order, search]) each.value = "";
    show.value = values.show;
    capability.value = String(values.capability);
    offerReasons();
    why.value = values.why || "";
    update();
  };

  const openItem = (item) => {
    if (!matches.includes(item)) {
      clear({ show: item.is_broken ? "broken" : "fixed", capability: item.capability });
    }
    const position = matches.indexOf(item);
    while (list.childElementCount <= position) listMore();
    const details = list.children[position].firstElementChild;
    fill(details, item);
    details.open = true;
    details.scrollIntoView();
    details.firstElementChild.focus({ preventScroll: true });
  };

  const follow = () => {
    const match = /^#(item|capability|cause|pattern)=(.*)$/u.exec(location.hash);
    if (!match) return;
    let names;
    try {
      names = match[2].split("/").map(decodeURIComponent);
    } catch {
      return; // no link of ours
    }
    if (match[1] === "item") {
      const item = names.length === 2 && byKey.get(keyOf(...names));
      if (item) openItem(item);
      return;
    }
    const position = data.capabilities.findIndex((each) => each.name === names[0]);
    if (position < 0) return;
    const reason = names.length === 2 ? reasonOf(match[1], names[1]) : "";
    clear({ show: "all", capability: position, why: reason });
    if (matches.some((item) => item.is_broken)) clear({ show: "broken", capability: position, why: reason });
    root.scrollIntoView();
    if (reason) why.focus({ preventScroll: true });
  };

  data.capabilities.forEach((each, position) => {
    capability.append(new Option(clipped(each.name), String(position)));
  });
  if (!items.some((item) => item.is_broken)) show.value = "all";
  for (const each of [show, capability, why, level, order]) each.addEventListener("change", update);
  search.addEventListener("input", update);
  more.addEventListener("click", () => { const first = listMore(); if (first) first.focus(); });
  addEventListener("hashchange", follow);
  // A second click on the same link changes no address, and yet is to filter again.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.getAttribute("href") === location.hash) follow();
  });
  for (const part of root.querySelectorAll(".item-controls, .item-count, .item-live, .item-held")) part.hidden = false;
  const fixed = root.querySelector(".item-static"); // still there for paper
  fixed.hidden = true;
  for (const part of fixed.querySelectorAll("[id]")) part.removeAttribute("id"); // links are ours now
  update();
  follow();
})();
