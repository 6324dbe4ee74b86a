// Filters the answers. Everything is readable without it.
"use strict";
(() => {
  const form = document.querySelector("form.filters");
  if (!form) return;
  form.hidden = false;
  const prompts = [...document.querySelectorAll("details.prompt")].map((element) => ({
    element,
    title: element.querySelector(".title").textContent.toLowerCase(),
    blocks: [...element.querySelectorAll("section.language")].map((block) => ({
      element: block,
      language: block.dataset.language,
      prompt: block.querySelector("blockquote").textContent.toLowerCase(),
      answers: [...block.querySelectorAll("article")].map((article) => ({
        element: article,
        state: article.dataset.state,
        label: article.dataset.label,
        text: article.querySelector(".text").textContent.toLowerCase(),
      })),
    })),
  }));
  const output = form.querySelector("output");
  const unfold = form.elements.unfold;

  function filter() {
    const language = form.elements.language.value;
    const label = form.elements.label.value;
    const state = form.elements.state.value;
    const words = form.elements.words.value.trim().toLowerCase();
    const filtered = Boolean(language || label || state || words);
    let shown = 0;
    let shownPrompts = 0;
    for (const prompt of prompts) {
      let inPrompt = 0;
      for (const block of prompt.blocks) {
        let inBlock = 0;
        const asked = !words || block.prompt.includes(words) || prompt.title.includes(words);
        for (const answer of block.answers) {
          const fits =
            (!language || block.language === language) &&
            (!label || answer.label === label) &&
            (!state || answer.state === state) &&
            (asked || answer.text.includes(words));
          answer.element.hidden = !fits;
          if (fits) inBlock += 1;
        }
        block.element.hidden = inBlock === 0;
        inPrompt += inBlock;
      }
      prompt.element.hidden = inPrompt === 0;
      if (inPrompt) shownPrompts += 1;
      shown += inPrompt;
    }
    output.textContent = filtered
      ? `${shown.toLocaleString("en")} answers to ${shownPrompts.toLocaleString("en")} prompts`
      : "";
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  unfold.addEventListener("click", () => {
    const open = unfold.textContent === "Open all";
    for (const prompt of prompts) if (!prompt.element.hidden) prompt.element.open = open;
    unfold.textContent = open ? "Close all" : "Open all";
  });
  filter();
})();
