// What the scripts of all pages share.

/** The words of a page, from its `data-texts`; `{name}` is put in. */
export function wordsOf(element) {
  const texts = JSON.parse(element.dataset.texts);
  return (key, values = {}) =>
    (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Names in a row, as the language of the page puts them. */
export function listed(names) {
  return new Intl.ListFormat(document.documentElement.lang).format(names);
}

/** Random letters that no other entry has. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The page's own token, which its requests must bring. */
export function csrfToken() {
  return document.querySelector('meta[name="csrf"]').content;
}

/** Whether somebody is writing, so that letters are no commands. */
export function isWriting(target) {
  return target.closest?.("textarea, select, input:not([type=radio]):not([type=checkbox])") != null;
}

/** What a key means as a command: digits by their place, Latin letters as printed, letters of other scripts by place. */
export function commandOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return "";
  if (/^(Digit|Numpad)[0-9]$/.test(event.code)) return event.code.slice(-1);
  if (/^[0-9]$/.test(event.key)) return event.key;
  if (/^[a-z]$/i.test(event.key)) return event.key.toUpperCase();
  if (/^Key[A-Z]$/.test(event.code)) return event.code.slice(-1);
  return event.key;
}

/** Folds and unfolds long texts. */
export function foldTexts(root, words) {
  for (const button of root.querySelectorAll("button.fold")) {
    button.addEventListener("click", () => {
      const text = document.getElementById(button.getAttribute("aria-controls"));
      const folded = text.classList.toggle("folded");
      button.setAttribute("aria-expanded", String(!folded));
      button.textContent = words(folded ? "work.show_all" : "work.show_less");
    });
  }
}
