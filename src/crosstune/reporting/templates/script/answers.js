// The answer browser: filters all answers that the page holds, and shows those that fit.
const PROMPTS_AT_ONCE = 40;
const OPEN_AT_FIRST = 24;
const OPEN_AT_MOST = 600;
const SIGNS = { right: "✓", wrong: "✗", rated: "•", unrated: "–" };

async function browseAnswers(form) {
  const index = await piece("index");
  const output = form.querySelector("output");
  const list = document.querySelector(".prompts.live");
  const count = index.p.length;
  const pieceOf = new Int32Array(index.prompts.length);
  index.texts.forEach(([first, last], number) => pieceOf.fill(number, first, last));
  const loaded = new Map(); // number of the piece: {texts by answer, prompts, cut}
  let scores = null;
  let rater = null;
  let found = [];
  let isPair = false;
  let shownPrompts = PROMPTS_AT_ONCE;
  let turn = 0;

  const firstOf = new Int32Array(index.prompts.length + 1).fill(count);
  for (let answer = count - 1; answer >= 0; answer -= 1) firstOf[index.p[answer]] = answer;
  for (let prompt = index.prompts.length - 1; prompt >= 0; prompt -= 1)
    if (firstOf[prompt] > firstOf[prompt + 1]) firstOf[prompt] = firstOf[prompt + 1];

  async function load(number) {
    if (!loaded.has(number)) {
      loaded.set(
        number,
        piece(`texts-${number}`).then((held) => {
          const [first, last] = index.texts[number];
          const start = firstOf[first];
          const next = new Map();
          const texts = [];
          for (let answer = start; answer < firstOf[last]; answer += 1) {
            const language = index.l[answer];
            const position = next.get(language) ?? 0;
            texts.push(held.texts[language][position]);
            next.set(language, position + 1);
          }
          return { start, texts, prompts: held.prompts, cut: held.cut, lower: null };
        }),
      );
    }
    return loaded.get(number);
  }

  function loadAll() {
    return Promise.all(index.texts.map((_, number) => load(number)));
  }

  function state(answer) {
    const value = scores.v[answer];
    if (value === null) return "unrated";
    const best = rater.better === "lower" ? rater.lowest : rater.better ? rater.highest : null;
    const worst = rater.better === "lower" ? rater.highest : rater.better ? rater.lowest : null;
    if (best !== null && value === best) return "right";
    return worst !== null && value === worst ? "wrong" : "rated";
  }

  function verdict(answer) {
    const value = scores.v[answer];
    const detail = scores.d[answer] < 0 ? "" : scores.details[scores.d[answer]];
    if (value === null) {
      const reason = scores.x[answer];
      return reason < 0 ? "not scored" : `no verdict: ${scores.reason_words[reason]}`;
    }
    if (rater.facet === "correct_language") {
      const language = scores.languages[detail];
      return language ? `in ${language}` : value === rater.highest ? "in the language asked for" : "in another language";
    }
    const rounded = rater.share ? `${Math.round(100 * value)} %` : String(value);
    return `${rater.title} ${rounded}${detail ? `: ${detail.length > 80 ? `${detail.slice(0, 79)}…` : detail}` : ""}`;
  }

  function fitsState(answer, wanted) {
    if (!wanted) return true;
    if (wanted.startsWith("reason:")) {
      return scores.v[answer] === null && scores.reasons[scores.x[answer]] === wanted.slice(7);
    }
    const mine = state(answer);
    return wanted === "short" ? mine === "wrong" || mine === "rated" : mine === wanted;
  }

  async function chooseRater() {
    const number = Number(form.elements.facet.value);
    rater = index.raters[number] ?? { facet: "", title: "", better: null, lowest: null, highest: null };
    scores = index.raters.length
      ? await piece(`scores-${number}`)
      : { v: Array(count).fill(null), x: Array(count).fill(-1), d: Array(count).fill(-1), marks: {}, reasons: [],
          reason_words: [], details: [], languages: {} };
    const group = form.elements.state.querySelector("optgroup");
    const before = form.elements.state.value;
    group.replaceChildren(
      ...scores.reasons.map((reason, place) => new Option(scores.reason_words[place], `reason:${reason}`)),
    );
    form.elements.state.value = before;
    if (form.elements.state.selectedIndex < 0) form.elements.state.value = "";
  }

  async function filter() {
    turn += 1;
    const mine = turn;
    const wanted = (name) => form.elements[name].value;
    const language = wanted("language") === "" ? -1 : Number(wanted("language"));
    const first = wanted("label") === "" ? -1 : Number(wanted("label"));
    const second = wanted("beside") === "" ? -1 : Number(wanted("beside"));
    const task = wanted("task");
    const group = wanted("group");
    const wantedState = wanted("state");
    const words = wanted("words").trim().toLowerCase();
    const texts = words ? await loadAll() : null;
    if (mine !== turn) return;
    if (texts) for (const held of texts) held.lower ??= held.texts.map((text) => text.toLowerCase());
    const pair = first >= 0 && second >= 0 && first !== second;
    isPair = pair;
    found = [];
    let answers = 0;
    for (let prompt = 0; prompt < index.prompts.length; prompt += 1) {
      const about = index.prompts[prompt];
      if (task && about.task !== task) continue;
      if (group && !about.tags.includes(group) && !about.modifiers.includes(group)) continue;
      const held = texts ? texts[pieceOf[prompt]] : null;
      const kept = [];
      let answer = firstOf[prompt];
      const end = firstOf[prompt + 1];
      while (answer < end) {
        const code = index.l[answer];
        const asked = held ? (held.prompts[`${prompt},${code}`]?.[0] ?? "").toLowerCase().includes(words) : true;
        const together = [];
        for (; answer < end && index.l[answer] === code; answer += 1) {
          const run = index.r[answer];
          if (language >= 0 && code !== language) continue;
          if (pair ? run !== first && run !== second : first >= 0 ? run !== first : second >= 0 && run !== second) continue;
          together.push(answer);
        }
        const fits = (one) =>
          (wantedState === "differ" || fitsState(one, wantedState)) &&
          (asked || held.lower[one - held.start].includes(words));
        if (pair) {
          const differ = together.length === 2 && state(together[0]) !== state(together[1]);
          if (together.some(fits) && (wantedState !== "differ" || differ)) kept.push(...together);
        } else if (wantedState === "differ") {
          const states = new Set(together.map(state));
          if (states.size > 1) kept.push(...together.filter(fits));
        } else kept.push(...together.filter(fits));
      }
      if (kept.length) found.push({ prompt, answers: kept });
      answers += kept.length;
    }
    const filtered = language >= 0 || first >= 0 || second >= 0 || task || group || wantedState || words;
    const prompts = found.length.toLocaleString("en");
    output.textContent = `${answers.toLocaleString("en")} answers to ${prompts} prompts`;
    shownPrompts = PROMPTS_AT_ONCE;
    await show(Boolean(filtered), mine);
  }

  function promptElement({ prompt, answers }) {
    const about = index.prompts[prompt];
    const element = make("details", "prompt");
    const summary = make("summary");
    const title = make("span", "title");
    addVisible(title, about.title);
    const language = index.languages.find((one) => one.code === about.language);
    if (language) {
      title.lang = language.code;
      title.dir = language.direction;
    }
    const meta = make("span", "meta");
    if (about.task) meta.append(make("span", "tag", about.task));
    for (const name of about.modifiers) meta.append(make("span", "tag modifier", name));
    for (const name of about.tags) meta.append(make("span", "tag", name));
    const states = answers.map(state);
    const wrong = states.filter((one) => one === "wrong").length;
    const tally = wrong ? `✗ ${wrong} of ${answers.length} wrong` : `${answers.length} answers`;
    meta.append(make("span", wrong ? "tally some" : "tally", tally));
    summary.append(title, meta);
    element.append(summary);
    element.addEventListener("toggle", () => element.open && fill(element, prompt, answers));
    return element;
  }

  async function fill(element, prompt, answers) {
    if (element.dataset.filled) return;
    element.dataset.filled = "yes";
    const held = await load(pieceOf[prompt]);
    let section = null;
    let row = null;
    for (const answer of answers) {
      const language = index.languages[index.l[answer]];
      if (!section || section.dataset.language !== language.code) {
        const [asked, other, answerDirection] = held.prompts[`${prompt},${index.l[answer]}`] ?? [
          "(the prompt is not in the table of prompts)", "", language.direction];
        section = make("section", "language");
        section.dataset.language = language.code;
        section.dataset.direction = answerDirection;
        const head = make("h3", "", language.name);
        if (other) head.append(" ", make("small", "", `to be answered in ${other}`));
        const quote = make("blockquote");
        quote.lang = language.code;
        quote.dir = language.direction;
        addText(quote, asked, []);
        row = make("div", isPair ? "row pair" : "row");
        section.append(head, quote, row);
        element.append(section);
      }
      row.append(card(answer, held, section.dataset.direction));
    }
    element.append(make("p", "id", index.prompts[prompt].id));
  }

  function card(answer, held, direction) {
    const mine = state(answer);
    const article = make("article", mine);
    const header = make("header");
    header.append(make("b", "", index.runs[index.r[answer]]));
    header.append(make("span", "verdict", `${SIGNS[mine]} ${verdict(answer)}`));
    const text = make("div", "text");
    // An answer may be in another language than asked: then its first strong letter decides.
    text.dir = mine === "right" || !rater.facet ? direction : "auto";
    const position = answer - held.start;
    addText(text, held.texts[position], scores.marks[answer] ?? [], held.cut[position]);
    const footer = make("footer", "", `${index.t[answer]} tokens · ${index.endings[index.e[answer]]}`);
    article.append(header, text, footer);
    return article;
  }

  async function show(filtered, mine) {
    const elements = found.slice(0, shownPrompts).map(promptElement);
    let open = 0;
    for (const [place, element] of elements.entries()) {
      if (!filtered || open + found[place].answers.length > (place ? OPEN_AT_FIRST : OPEN_AT_MOST)) break;
      open += found[place].answers.length;
      await fill(element, found[place].prompt, found[place].answers);
      if (mine !== turn) return;
      element.open = true;
    }
    list.replaceChildren(...elements);
    if (found.length > shownPrompts) {
      const more = make("button", "more-prompts", `Show more (${(found.length - shownPrompts).toLocaleString("en")})`);
      more.type = "button";
      more.addEventListener("click", () => {
        const next = found.slice(shownPrompts, shownPrompts + PROMPTS_AT_ONCE).map(promptElement);
        shownPrompts += PROMPTS_AT_ONCE;
        more.before(...next);
        if (found.length <= shownPrompts) more.remove();
        else more.textContent = `Show more (${(found.length - shownPrompts).toLocaleString("en")})`;
      });
      list.append(more);
    }
  }

  async function saveShown() {
    const texts = await loadAll();
    const rows = [["prompt", "task", "modifiers", "language", "configuration", "facet", "rater", "value", "reason",
      "detail", "asked", "answer"]];
    for (const { prompt, answers } of found) {
      const about = index.prompts[prompt];
      const held = texts[pieceOf[prompt]];
      for (const answer of answers) {
        const reason = scores.x[answer];
        rows.push([about.id, about.task, about.modifiers.join(" "), index.languages[index.l[answer]].code,
          index.runs[index.r[answer]], rater.facet, rater.rater, scores.v[answer], scores.reasons[reason],
          scores.details[scores.d[answer]], held.prompts[`${prompt},${index.l[answer]}`]?.[0],
          held.texts[answer - held.start]]);
      }
    }
    save("answers", csvOf(rows));
  }

  function fillChoices() {
    const add = (name, options) => form.elements[name].append(...options);
    add("language", index.languages.map((language, place) => new Option(language.name, place)));
    for (const name of ["label", "beside"]) add(name, index.runs.map((label, place) => new Option(label, place)));
    const names = (of) => [...new Set(index.prompts.flatMap(of))].filter(Boolean).sort();
    add("task", names((prompt) => prompt.task).map((task) => new Option(task)));
    add("group", names((prompt) => [...prompt.tags, ...prompt.modifiers]).map((group) => new Option(group)));
    const several = new Map();
    for (const one of index.raters) several.set(one.facet, (several.get(one.facet) ?? 0) + 1);
    add("facet", index.raters.map((one, place) =>
      new Option(several.get(one.facet) > 1 ? `${one.title} (${one.rater})` : one.title, place)));
  }

  async function start(changed) {
    if (changed === "facet") await chooseRater();
    await filter();
  }

  fillChoices();
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    // The name of what changed; a script that sets several at once sends the event to the form itself.
    form.filtered = start(event.target === form ? "facet" : event.target.name);
  });
  form.elements.unfold.addEventListener("click", () => {
    const open = form.elements.unfold.textContent === "Open all";
    let answers = 0;
    for (const [place, element] of [...list.querySelectorAll("details.prompt")].entries()) {
      answers += found[place].answers.length;
      element.open = open && answers <= OPEN_AT_MOST;
    }
    form.elements.unfold.textContent = open ? "Close all" : "Open all";
  });
  form.elements.save.addEventListener("click", saveShown);
  await chooseRater();
  await filter();
  form.hidden = false;
  form.dataset.ready = "yes";
  // Unpacked while nothing else is to do, so that the first search need not wait.
  for (const number of index.texts.keys()) {
    await new Promise((resolve) => (window.requestIdleCallback ?? setTimeout)(resolve));
    await load(number);
  }
}

const answersForm = document.querySelector("form.filters");
if (answersForm) {
  if (typeof DecompressionStream === "undefined") {
    document.querySelector(".prompts.live").textContent =
      "This browser is too old to unpack the answers. Turned off, JavaScript leaves some of them readable.";
  } else browseAnswers(answersForm);
}
