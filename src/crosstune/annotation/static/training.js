// An answer to practise with: the marks are compared with ours and not sent anywhere.
import { commandOf, isWriting, wordsOf } from "./common.js";
import { Criteria } from "./criteria.js";

const root = document.getElementById("training");
const words = wordsOf(root);
const ours = JSON.parse(root.dataset.marks);
const form = document.getElementById("criteria");
const problem = document.getElementById("problem");
const feedback = document.getElementById("feedback");
const criteria = new Criteria(form, words, () => {
  problem.hidden = true;
  if (!feedback.hidden) compare();
});

function compare() {
  if (criteria.missing().length) {
    problem.textContent = words("training.all");
    problem.hidden = false;
    criteria.showMissing();
    return;
  }
  const lines = criteria.groups.map((group) => {
    const mark = criteria.value(group);
    const mine = ours[group.dataset.facet];
    const line = document.createElement("li");
    line.className = mark === mine ? "same" : "different";
    line.textContent = words(mark === mine ? "training.same" : "training.different", {
      criterion: group.dataset.title,
      mark,
      ours: mine,
    });
    return line;
  });
  document.getElementById("comparison").replaceChildren(...lines);
  const wasHidden = feedback.hidden;
  feedback.hidden = false;
  if (wasHidden) feedback.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  compare();
});
document.addEventListener("keydown", (event) => {
  if (criteria.key(event)) event.preventDefault();
  else if (commandOf(event) === "Enter" && !isWriting(event.target) && !event.target.closest("button, a, summary")) {
    event.preventDefault();
    if (feedback.hidden) compare();
    else document.getElementById("go-on").click();
  }
});
