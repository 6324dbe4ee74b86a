// Marking the words of an answer that are wrong, by pointer or keyboard. Places are counted in characters (code points)
// of the answer as it was given, not of what is shown.

/** Words with their places: by the browser's rules for the language, else by white space. */
function wordsIn(text, language) {
  const found = [];
  let pieces;
  try {
    pieces = [...new Intl.Segmenter(language, { granularity: "word" }).segment(text)].map((piece) => [
      piece.segment,
      piece.isWordLike || /[^\s]/.test(piece.segment),
    ]);
  } catch {
    pieces = text.split(/(\s+)/).map((piece) => [piece, /\S/.test(piece)]);
  }
  let place = 0;
  for (const [piece, isWord] of pieces) {
    const length = Array.from(piece).length;
    found.push({ text: piece, start: place, end: place + length, isWord });
    place += length;
  }
  return found;
}

export class WrongWords {
  /**
   * @param {HTMLElement} place where the words are shown
   * @param {number} which answer it is
   * @param {string} text the answer as it was given
   * @param {number[][]} spans [start, end, which] that are marked
   * @param {() => void} onChange told of every change
   */
  constructor(place, which, text, spans, onChange) {
    Object.assign(this, { place, which, text, onChange });
    this.marked = new Set();
    this.loose = spans.filter((span) => span[2] === which);
    this.isBuilt = false;
  }

  /** Builds the words when they are first wanted: long answers have thousands. */
  build() {
    if (this.isBuilt) return;
    this.isBuilt = true;
    this.words = wordsIn(this.text, this.place.lang);
    const content = document.createDocumentFragment();
    this.elements = [];
    this.words.forEach((word, index) => {
      if (!word.isWord) {
        content.append(word.text);
        return;
      }
      const element = document.createElement("span");
      element.textContent = word.text;
      element.className = "word";
      element.setAttribute("role", "checkbox");
      element.tabIndex = -1;
      element.dataset.index = String(index);
      if (this.loose.some(([start, end]) => word.start < end && start < word.end)) this.marked.add(index);
      element.setAttribute("aria-checked", String(this.marked.has(index)));
      this.elements.push(element);
      content.append(element);
    });
    this.loose = [];
    this.place.replaceChildren(content);
    if (this.elements.length) this.elements[0].tabIndex = 0;
    this.place.addEventListener("click", (event) => this._toggle(event.target.closest(".word")));
    this.place.addEventListener("keydown", (event) => this._key(event));
  }

  spans() {
    if (!this.isBuilt) return this.loose;
    return [...this.marked].sort((a, b) => a - b).map((index) => [this.words[index].start, this.words[index].end, this.which]);
  }

  focus() {
    this.place.querySelector('[tabindex="0"]')?.focus();
  }

  _toggle(element) {
    if (!element) return;
    const index = Number(element.dataset.index);
    if (!this.marked.delete(index)) this.marked.add(index);
    element.setAttribute("aria-checked", String(this.marked.has(index)));
    this._goTo(element);
    this.onChange();
  }

  _goTo(element) {
    if (!element) return;
    for (const other of this.place.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    element.tabIndex = 0;
    element.focus();
  }

  _key(event) {
    const element = event.target.closest(".word");
    if (!element || event.ctrlKey || event.metaKey || event.altKey) return;
    const forward = getComputedStyle(this.place).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const backward = forward === "ArrowLeft" ? "ArrowRight" : "ArrowLeft";
    const position = this.elements.indexOf(element);
    if (event.key === " ") this._toggle(element);
    else if (event.key === forward || event.key === "ArrowDown") this._goTo(this.elements[position + 1]);
    else if (event.key === backward || event.key === "ArrowUp") this._goTo(this.elements[position - 1]);
    else if (event.key === "Home") this._goTo(this.elements[0]);
    else if (event.key === "End") this._goTo(this.elements.at(-1));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
