// Shows texts of models: as text alone, with what a score is about marked, and nothing hidden in it.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g;
const FOLDED_FROM = 480;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function addVisible(parent, text) {
  let position = 0;
  for (const match of text.matchAll(CONTROLS)) {
    parent.append(text.slice(position, match.index));
    const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    const sign = make("span", "control", `U+${code}`);
    sign.title = "a control character in the answer";
    parent.append(sign);
    position = match.index + 1;
  }
  parent.append(text.slice(position));
}

// Places are counted in characters, of which JavaScript counts some as two.
function characters(text) {
  return /[\ud800-\udfff]/.test(text) ? Array.from(text) : null;
}

function addMarked(parent, slice, start, end, marks) {
  let position = start;
  for (const [from, to, note] of marks) {
    const low = Math.max(from, position);
    const high = Math.min(to, end);
    if (low >= high) continue;
    addVisible(parent, slice(position, low));
    const mark = make("mark");
    mark.title = note;
    addVisible(mark, slice(low, high));
    parent.append(mark);
    position = high;
  }
  addVisible(parent, slice(position, end));
}

function addText(parent, text, marks, wholeLength) {
  if (!text) {
    parent.append(make("span", "nothing", "(nothing)"));
    return;
  }
  const points = characters(text);
  const slice = points ? (low, high) => points.slice(low, high).join("") : (low, high) => text.slice(low, high);
  const length = points ? points.length : text.length;
  let fold = length;
  if (length > FOLDED_FROM * 1.2) {
    const space = slice(0, FOLDED_FROM).lastIndexOf(" ");
    fold = !points && space > FOLDED_FROM - 60 ? space : FOLDED_FROM;
  }
  const sorted = [...marks].sort((one, other) => one[0] - other[0]);
  addMarked(parent, slice, 0, fold, sorted);
  if (fold < length) {
    const more = make("details", "more");
    more.append(make("summary", "", `the rest (${(length - fold).toLocaleString("en")} more characters)`));
    addMarked(more, slice, fold, length, sorted);
    parent.append(more);
  }
  if (wholeLength) {
    const words = `cut here: ${wholeLength.toLocaleString("en")} characters in all, the table of responses has them`;
    parent.append(make("span", "cut", words));
  }
}
