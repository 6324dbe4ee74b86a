// Brings a file of marks to the server.
import { csrfToken } from "./common.js";

const result = document.getElementById("import-result");
document.getElementById("import").addEventListener("click", async () => {
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
