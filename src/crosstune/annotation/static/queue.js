// Entries that wait to be saved. They are kept in the browser until the server says that it has them; each has a key of
// its own, so that the server keeps once what is sent twice (by two tabs, or after a lost answer).
import { csrfToken } from "./common.js";

const AT_ONCE = 50;
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 10000;

function read(stored) {
  try {
    return JSON.parse(stored);
  } catch {
    return null; // none of ours
  }
}

export class Queue {
  /**
   * @param {string} home address of the annotator's pages
   * @param {(state: string, details: object) => void} show told of "saved", "saving", "offline", "waiting", "refused"
   */
  constructor(home, show) {
    this.address = `${home}/entries`;
    this.prefix = `crosstune-entry ${home} `;
    this.count = 0;
    this.show = show;
    this.memory = [];
    this.wait = FIRST_WAIT;
    this.current = null;
    addEventListener("online", () => this.send());
    addEventListener("beforeunload", (event) => {
      // Without storage, what waits would be lost with the page.
      if (this.memory.length) event.preventDefault();
    });
  }

  /** What waits, oldest first. */
  entries() {
    return [...this._storedKeys().map((key) => read(localStorage.getItem(key))), ...this.memory].filter(Boolean);
  }

  // Each entry has a place of its own, so that two tabs that add and remove at once do not undo one another.
  _storedKeys() {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith(this.prefix)).sort();
    } catch {
      return [];
    }
  }

  add(entry) {
    this.count += 1;
    // Behind all that waits, also where the clock was set back: of two marks the newest holds.
    const newest = Number(this._storedKeys().at(-1)?.slice(this.prefix.length).split("-")[0] ?? 0);
    const order = `${Math.max(Date.now(), newest + 1).toString().padStart(15, "0")}-${String(this.count).padStart(9, "0")}`;
    try {
      localStorage.setItem(`${this.prefix}${order}-${entry.client_key}`, JSON.stringify(entry));
    } catch {
      this.memory.push(entry);
    }
    if (!this.timer) return this.send();
    this.show(this.trouble.state, { ...this.trouble.answer, count: this.entries().length });
    return Promise.resolve(); // it goes with the next try
  }

  _remove(keys) {
    this.memory = this.memory.filter((entry) => !keys.has(entry.client_key));
    for (const key of this._storedKeys()) {
      if (keys.has(read(localStorage.getItem(key))?.client_key)) localStorage.removeItem(key);
    }
  }

  /** Sends what waits; ends when all is saved, or when it must be tried again later. */
  send() {
    this.current ??= this._send().finally(() => {
      this.current = null;
      // Something may have been added since the last look.
      if (!this.timer && this.entries().length) this.send();
    });
    return this.current;
  }

  async _send() {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (let waiting = this.entries(); waiting.length; waiting = this.entries()) {
      this.show("saving", {});
      if (!(await this._sendSome(waiting.slice(0, AT_ONCE)))) return;
    }
  }

  /** Whether to go on. */
  async _sendSome(entries) {
    let response;
    try {
      response = await fetch(this.address, {
        method: "POST",
        headers: { "content-type": "application/json", "x-csrf-token": csrfToken() },
        body: JSON.stringify({ entries }),
        credentials: "same-origin",
      });
    } catch {
      return this._later("offline", {});
    }
    let answer = {};
    try {
      answer = await response.json();
    } catch {
      // What is not JSON says nothing; the status does.
    }
    if (response.ok && answer.results) {
      this.wait = FIRST_WAIT;
      const before = this.entries().length;
      this._remove(new Set(answer.results.map((result) => result.client_key)));
      if (this.entries().length >= before) return this._later("waiting", answer); // else it would send at once, for ever
      const refused = answer.results.filter((result) => result.state === "refused");
      if (refused.length) this.show("refused", { message: refused[0].message, refused });
      if (!this.entries().length) this.show(refused.length ? "refused" : "saved", { ...answer, message: refused[0]?.message });
      return true;
    }
    if (response.status === 413 && entries.length > 1) return this._sendSome(entries.slice(0, 1));
    if (response.status === 413) this._remove(new Set([entries[0].client_key]));
    return this._later("waiting", answer);
  }

  _later(state, answer) {
    this.trouble = { state, answer };
    this.show(state, { ...answer, count: this.entries().length });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.send();
    }, this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    return false;
  }
}
