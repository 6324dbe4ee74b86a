// The page on which an answer is rated. The next page is fetched ahead, so that going on needs no waiting, and one
// more answer can be rated where the connection is lost.
import { commandOf, foldTexts, isWriting, listed, newKey, wordsOf } from "./common.js";
import { Criteria } from "./criteria.js";
import { Queue } from "./queue.js";
import { WrongWords } from "./wrong_words.js";

const NOTE_PAUSE = 700;
const IDLE_AFTER = 120_000;

let queue;
let page;

/** Seconds with the page in front and somebody doing something. */
class Clock {
  constructor() {
    this.since = performance.now();
    this.last = this.since;
    this.counted = 0;
    this.running = !document.hidden;
  }

  active() {
    const now = performance.now();
    if (this.running) this.counted += Math.min(now - this.last, IDLE_AFTER);
    this.last = now;
    this.running = !document.hidden;
  }

  take() {
    this.active();
    const seconds = Math.round(this.counted / 100) / 10;
    this.counted = 0;
    return seconds;
  }
}

class ItemPage {
  constructor(root) {
    this.root = root;
    this.words = wordsOf(root);
    this.state = JSON.parse(root.dataset.state);
    this.home = root.dataset.home;
    this.clock = new Clock();
    this.form = document.getElementById("criteria");
    this.note = document.getElementById("note");
    this.skipDialog = document.getElementById("skip-dialog");
    this.problem = document.getElementById("problem");
    this.criteria = new Criteria(this.form, this.words, (facet, value) => this._mark(facet, value));
    this.wrongWords = this.state.texts.map(
      (text, which) =>
        new WrongWords(document.getElementById(`raw-${which}`), which, text, this.state.spans, () => this._wordsChanged()),
    );
    this._whatWaits();
    this.criteria.begin();
    this._countWords();
    foldTexts(root, this.words);
    this._listen();
  }

  _listen() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.next();
    });
    this.note.addEventListener("input", () => {
      clearTimeout(this.noteTimer);
      this.noteTimer = setTimeout(() => this.saveNote(), NOTE_PAUSE);
    });
    this.note.addEventListener("change", () => this.saveNote());
    this.savedNote = this.note.value;
    document.getElementById("words").addEventListener("click", () => this.toggleWords());
    document.getElementById("skip").addEventListener("click", () => this.skipDialog.showModal());
    document.getElementById("skip-cancel").addEventListener("click", () => this.skipDialog.close());
    document.getElementById("skip-form").addEventListener("submit", () => this.skip());
    document.getElementById("previous")?.addEventListener("click", (event) => {
      event.preventDefault();
      this.back();
    });
  }

  _entry(values) {
    return queue.add({ ...values, item: this.state.item, client_key: newKey() });
  }

  _mark(facet, value) {
    this.problem.hidden = true;
    this._entry({ kind: "mark", facet, value, seconds: this.clock.take() });
  }

  saveNote() {
    clearTimeout(this.noteTimer);
    const text = this.note.value;
    if (text === this.savedNote) return;
    this.savedNote = text;
    this._entry({ kind: "note", text });
  }

  skip() {
    const reason = document.querySelector('#skip-form input[name="reason"]:checked').value;
    const detail = document.getElementById("skip-detail").value;
    this._entry({ kind: "skip", reason, detail, seconds: this.clock.take() });
    this._goOn();
  }

  /** Marks that the server does not have yet are shown as they will be. */
  _whatWaits() {
    for (const entry of queue.entries()) {
      if (entry.item !== this.state.item) continue;
      if (entry.kind === "mark") this.criteria.show(entry.facet, entry.value);
      if (entry.kind === "note") this.note.value = entry.text;
      if (entry.kind === "spans") for (const words of this.wrongWords) words.loose = entry.spans.filter((span) => span[2] === words.which);
    }
  }

  toggleWords() {
    const button = document.getElementById("words");
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    button.firstChild.textContent = `${this.words(on ? "words.close" : "words.open")} `;
    document.getElementById("words-hint").hidden = !on;
    this.wrongWords.forEach((words, which) => {
      if (on) words.build();
      words.place.hidden = !on;
      document.getElementById(`answer-${which}`).hidden = on;
    });
    if (on) this.wrongWords[0].focus();
    else button.focus();
  }

  // Enter would open the words again if the button had the focus afterwards, as it has after a click.
  toggleWordsByKey() {
    this.toggleWords();
    if (document.getElementById("words").getAttribute("aria-pressed") === "false") this.criteria.focus();
  }

  _wordsChanged() {
    this._countWords();
    clearTimeout(this.wordsTimer);
    this.wordsTimer = setTimeout(() => this._saveWords(), NOTE_PAUSE);
    this.wordsWait = true;
  }

  _saveWords() {
    clearTimeout(this.wordsTimer);
    if (!this.wordsWait) return;
    this.wordsWait = false;
    this._entry({ kind: "spans", spans: this.wrongWords.flatMap((words) => words.spans()) });
  }

  _countWords() {
    const count = this.wrongWords.flatMap((words) => words.spans()).length;
    document.getElementById("words-count").textContent = count ? this.words("words.count", { count }) : "";
  }

  /** Saves what is written and not saved yet. */
  finish() {
    this.saveNote();
    this._saveWords();
  }

  next() {
    const missing = this.criteria.missing();
    if (missing.length) {
      this.problem.textContent = this.words("work.missing", { criteria: listed(missing) });
      this.problem.hidden = false;
      this.criteria.showMissing();
      return;
    }
    this._goOn();
  }

  async _goOn() {
    this.finish();
    await go(`${this.home}/work?after=${this.state.position}`, { useAhead: true });
  }

  back() {
    this.finish();
    const link = document.getElementById("previous");
    if (link) go(link.href);
  }

  key(event) {
    if (this.skipDialog.open) return;
    const command = commandOf(event);
    if (command === "Escape" && isWriting(event.target)) {
      event.target.blur();
      return;
    }
    if (isWriting(event.target)) return;
    if (this.criteria.key(event)) event.preventDefault();
    else if (command === "Enter" && !event.target.closest("button, a, summary")) this._command(event, () => this.next());
    else if (command === "B") this._command(event, () => this.back());
    else if (command === "K") this._command(event, () => this.skipDialog.showModal());
    else if (command === "N") this._command(event, () => this.note.focus());
    else if (command === "W") this._command(event, () => this.toggleWordsByKey());
    else if (command === "Escape" && document.getElementById("words").getAttribute("aria-pressed") === "true") this._command(event, () => this.toggleWordsByKey());
  }

  _command(event, action) {
    event.preventDefault();
    action();
  }
}

function showState(state, details) {
  if (!page) return;
  const place = document.getElementById("save-state");
  const text = {
    saved: () => page.words("state.saved"),
    saving: () => page.words("state.saving"),
    offline: () => page.words("state.offline", details),
    waiting: () => details.message ?? page.words(details.error ? `error.${details.error}` : "error.server"),
    refused: () => page.words("state.refused", details),
  }[state]();
  place.dataset.state = state;
  if (place.textContent !== text) place.textContent = text;
  if (details.progress) document.getElementById("progress").textContent = details.progress;
}

let ahead = null;
let going = null;
let shown = location.pathname;

/** Fetches the page after this one before it is wanted. */
function fetchAhead() {
  const address = `${page.home}/work?after=${page.state.position}`;
  const fetched = load(address).catch(() => null);
  ahead = { address, fetched };
}

async function load(address) {
  const response = await fetch(address, { credentials: "same-origin", headers: { accept: "text/html" } });
  if (response.status >= 500 || response.status === 429) throw new Error(String(response.status));
  return { address: response.url, html: await response.text() };
}

/** Shows another page in place of this one; where the connection is lost, this one stays. */
async function go(address, { useAhead = false, isBack = false } = {}) {
  if (going && !isBack) return; // a key held down goes on once
  const mine = {};
  going = mine;
  try {
    const loaded = await loadedOrAhead(address, useAhead);
    if (loaded && going === mine) show(loaded, isBack); // else somebody went back meanwhile
  } finally {
    if (going === mine) going = null;
  }
}

async function loadedOrAhead(address, useAhead) {
  let loaded = useAhead && ahead?.address === address ? await ahead.fetched : null;
  ahead = null;
  // Fetched before this answer was marked, it may be this answer again.
  if (loaded?.address.endsWith(`/${page?.state.item}`)) loaded = null;
  try {
    if (!loaded) {
      await queue.send();
      loaded = await load(address);
    }
  } catch {
    showState("offline", { count: queue.entries().length });
    return null;
  }
  return loaded;
}

function show(loaded, isBack) {
  if (!isBack) history.pushState(null, "", loaded.address);
  shown = location.pathname;
  const fetched = new DOMParser().parseFromString(loaded.html, "text/html");
  document.title = fetched.title;
  document.getElementById("main").replaceWith(document.adoptNode(fetched.getElementById("main")));
  scrollTo(0, 0);
  document.getElementById("main").focus({ preventScroll: true });
  begin();
}

function begin() {
  const root = document.getElementById("item");
  page = null;
  if (!root) return;
  queue ??= new Queue(root.dataset.home, showState);
  page = new ItemPage(root);
  queue.send();
  setTimeout(() => page?.root === root && fetchAhead(), 150);
}

document.addEventListener("keydown", (event) => page?.key(event));
for (const name of ["pointerdown", "keydown", "scroll", "visibilitychange"]) {
  document.addEventListener(name, () => page?.clock.active(), { passive: true });
}
addEventListener("pagehide", () => page?.finish());
addEventListener("popstate", () => {
  if (location.pathname === shown) return; // within the page
  page?.finish();
  go(location.href, { isBack: true });
});
begin();
