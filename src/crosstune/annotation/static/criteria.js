// The six criteria: choosing one, giving marks by keyboard or pointer, and the rule of fluency.
import { commandOf, isWriting, listed } from "./common.js";

export class Criteria {
  /**
   * @param {HTMLFormElement} form that holds them
   * @param {Function} words of the page
   * @param {(facet: string, value: number) => void} onMark told of every mark that is given
   */
  constructor(form, words, onMark) {
    this.form = form;
    this.words = words;
    this.onMark = onMark;
    this.groups = [...form.querySelectorAll(".criterion")];
    this.rule = document.getElementById("fluency-rule");
    this.chosen = null;
    for (const group of this.groups) {
      group.addEventListener("change", (event) => this._marked(group, Number(event.target.value)));
      group.addEventListener("focusin", () => this._activate(group));
      group.addEventListener("click", () => this._activate(group));
    }
    document.getElementById("fluency-accept")?.addEventListener("click", () => this.accept());
    document.getElementById("fluency-decline")?.addEventListener("click", () => this.decline());
    this._activate(this.firstWithout() ?? this.groups[0]);
  }

  value(group) {
    const checked = group.querySelector("input:checked");
    return checked ? Number(checked.value) : null;
  }

  firstWithout() {
    return this.groups.find((group) => this.value(group) === null);
  }

  /** Titles of the criteria that have no mark. */
  missing() {
    return this.groups.filter((group) => this.value(group) === null).map((group) => group.dataset.title);
  }

  marks() {
    return Object.fromEntries(this.groups.map((group) => [group.dataset.facet, this.value(group)]));
  }

  /** Puts the focus on the criterion that is next. */
  focus() {
    const group = this.groups.find((each) => each.classList.contains("active"));
    (group.querySelector("input:checked") ?? group.querySelector("input")).focus({ preventScroll: true });
  }

  /** Leads to the first criterion without a mark. */
  showMissing() {
    const group = this.firstWithout();
    if (!group) return;
    this._activate(group);
    group.scrollIntoView({ block: "nearest" });
  }

  /** Begins with the marks that are shown: where fluency is 0, what depends on it and has no mark is suggested again. */
  begin() {
    this._activate(this.firstWithout() ?? this.groups[0]);
    if (!this.rule || this.value(this._group("fluency")) !== 0) return;
    this._suggestZero((group) => this.value(group) === null);
  }

  /** Shows a mark without telling of it. */
  show(facet, value) {
    const input = this._group(facet)?.querySelector(`input[value="${value}"]`);
    if (input) input.checked = true;
  }

  give(group, value) {
    const input = group.querySelector(`input[value="${value}"]`);
    if (group.contains(document.activeElement)) input.focus({ preventScroll: true });
    if (input.checked) return;
    input.checked = true;
    this._marked(group, value);
  }

  _group(facet) {
    return this.groups.find((group) => group.dataset.facet === facet);
  }

  _marked(group, value) {
    this._suggest(group, false);
    this.onMark(group.dataset.facet, value);
    if (group.dataset.facet === "fluency" && this.rule) this._fluency(value);
    else if (this.rule && !this.rule.hidden && !this._suggested().length) this.rule.hidden = true;
  }

  _activate(group) {
    for (const each of this.groups) each.classList.toggle("active", each === group);
  }

  _choose(group) {
    this.leave();
    this.chosen = group;
    group.classList.add("chosen");
    this._activate(group);
    (group.querySelector("input:checked") ?? group.querySelector("input")).focus({ preventScroll: true });
    group.scrollIntoView({ block: "nearest" });
  }

  leave() {
    this.chosen?.classList.remove("chosen");
    this.chosen = null;
  }

  // Where fluency is 0, 0 is suggested for the criteria that depend on it. Nothing is given until somebody says so.
  _fluency(value) {
    this._suggestZero((group) => value === 0 && this.value(group) !== 0);
    if (!this.rule.hidden) this.rule.scrollIntoView({ block: "nearest" });
  }

  _suggestZero(isWanted) {
    for (const facet of this.rule.dataset.facets.split(" ")) this._suggest(this._group(facet), isWanted(this._group(facet)));
    const suggested = this._suggested();
    this.rule.hidden = !suggested.length;
    const criteria = listed(suggested.map((group) => group.dataset.title));
    document.getElementById("fluency-why").textContent = suggested.length ? this.words("fluency.why", { criteria }) : "";
  }

  _suggest(group, on) {
    group.classList.toggle("suggested", on);
    const place = group.querySelector(".suggestion");
    place.hidden = !on;
    place.textContent = on ? `0 – ${this.words("fluency.suggested")}` : "";
  }

  _suggested() {
    return this.groups.filter((group) => group.classList.contains("suggested"));
  }

  accept() {
    for (const group of this._suggested()) this.give(group, 0);
    if (this.rule) this.rule.hidden = true;
    this._activate(this.firstWithout() ?? this.groups[0]);
  }

  decline() {
    for (const group of this._suggested()) this._suggest(group, false);
    this.rule.hidden = true;
  }

  /** Whether a key was a command: 1-6 choose, then 0-2 mark; A S D mark the next without a mark; Y and X answer. */
  key(event) {
    if (isWriting(event.target)) return false;
    const command = commandOf(event);
    if (/^[0-9]$/.test(command)) {
      const number = Number(command);
      if (this.chosen && number <= 2) {
        const group = this.chosen;
        this.leave();
        this.give(group, number);
        this._activate(this.firstWithout() ?? group);
        return true;
      }
      if (number < 1 || number > this.groups.length) return false;
      this._choose(this.groups[number - 1]);
      return true;
    }
    if (["A", "S", "D"].includes(command)) {
      const group = this.chosen ?? this.firstWithout();
      this.leave();
      if (!group) return true;
      this.give(group, "ASD".indexOf(command));
      this._activate(this.firstWithout() ?? group);
      this.firstWithout()?.scrollIntoView({ block: "nearest" });
      return true;
    }
    if (this.rule && !this.rule.hidden && (command === "Y" || command === "X")) {
      if (command === "Y") this.accept();
      else this.decline();
      return true;
    }
    if (command === "Escape" && this.chosen) {
      this.leave();
      return true;
    }
    return false;
  }
}
