// The coordinator's pages: asks before a link ends, copies a new one, and brings a file of marks to the server.
import { csrfToken } from "./common.js";

// Loading the page again must not send its form again.
if (/^\/coordinator\/(choose|annotators)/.test(location.pathname)) history.replaceState(null, "", "/coordinator/");

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

document.getElementById("copy-link")?.addEventListener("click", async () => {
  const link = document.getElementById("new-link");
  const told = document.getElementById("copied");
  try {
    await navigator.clipboard.writeText(link.textContent.trim());
    told.textContent = "Copied.";
  } catch {
    // Without HTTPS the browser does not let pages copy.
    getSelection().selectAllChildren(link);
    told.textContent = "It is marked: copy it with Ctrl+C (⌘C on a Mac).";
  }
});

const result = document.getElementById("import-result");
document.getElementById("import")?.addEventListener("click", async () => {
  const [file] = document.getElementById("import-file").files;
  if (!file) {
    result.textContent = "Choose a file first.";
    return;
  }
  result.textContent = "Importing …";
  try {
    const response = await fetch(`/coordinator/import?name=${encodeURIComponent(file.name)}`, {
      method: "POST",
      headers: { "x-csrf-token": csrfToken(), "content-type": "application/octet-stream" },
      body: file,
    });
    const answer = await response.json();
    result.textContent = answer.message ?? answer.problem ?? `Not imported (${answer.error ?? response.status}).`;
  } catch {
    result.textContent = "Not imported: the server does not answer, or the file is too large (64 MB).";
  }
});
