// The contract editor works without this file; with it the page keeps its place, and tables take what is pasted.
"use strict";
(() => {
  const form = () => document.getElementById("editor");

  // Let the server carry out a button's command and show the form it answers with, without leaving the place.
  async function carryOut(command) {
    const posted = new FormData(form());
    posted.set("do", command);
    const answer = await fetch(form().action || location.href, { method: "POST", body: posted, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return false;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("editor");
    if (!fresh) return false;
    const opened = new Set([...form().querySelectorAll("details[open]")].map(placeOf));
    const shown = new Set([...form().querySelectorAll(".ed-extra-shown")].map((each) => each.id));
    const active = document.activeElement?.id;
    form().replaceWith(document.adoptNode(fresh));
    form().querySelectorAll("details").forEach((each) => { if (opened.has(placeOf(each))) each.open = true; });
    const focused = active && document.getElementById(active);
    if (focused) focused.focus({ preventScroll: true });
    shown.forEach((id) => document.getElementById(id)?.classList.add("ed-extra-shown"));
    form().classList.add("ed-dirty");
    const lookAt = form().dataset.lookAt && document.getElementById(form().dataset.lookAt);
    if (lookAt) lookAt.scrollIntoView({ block: "nearest" });
    return true;
  }

  function placeOf(details) {
    const around = details.parentElement.closest("[id]");
    return `${around ? around.id : ""}|${details.className}`;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("#editor button");
    if (!button) return;
    if (button.classList.contains("ed-more-columns")) {
      button.closest(".ed-table").classList.toggle("ed-extra-shown");
      return;
    }
    if (button.name !== "do" || !/^(add|remove|up|down|paste|expand|refresh)\b/.test(button.value)) return;
    event.preventDefault();
    carryOut(button.value).then((done) => { if (!done) submitWith(button.value); });
  });

  function submitWith(command) {
    const hidden = Object.assign(document.createElement("input"), { type: "hidden", name: "do", value: command });
    form().append(hidden);
    form().submit();
  }

  document.addEventListener("change", (event) => {
    if (!event.target.closest("#editor")) return;
    form().classList.add("ed-dirty");
    if (event.target.matches("select[data-refresh]")) carryOut(`refresh ${event.target.name.replace(/\/kind$/, "")}`);
  });

  // A table always ends with an empty row to write into.
  document.addEventListener("input", (event) => {
    const row = event.target.closest?.("#editor .ed-table tbody tr");
    if (!row || row.nextElementSibling) return;
    const next = row.cloneNode(true);
    next.querySelectorAll("input, select").forEach((each) => {
      const place = each.name.match(/^(.*\/)(\d+)(\/(?:where\/)?[^/]+)$/);
      each.name = `${place[1]}${Number(place[2]) + 1}${place[3]}`;
      each.id = `f${each.name.replaceAll("/", "-").replaceAll("~", "_")}`;
      each.value = "";
    });
    next.querySelectorAll(".ed-note").forEach((each) => each.remove());
    row.after(next);
  });

  // Rows of a spreadsheet pasted into a cell replace the table.
  document.addEventListener("paste", (event) => {
    const table = event.target.matches(".ed-table td input") && event.target.closest(".ed-table");
    const text = event.clipboardData.getData("text/plain");
    if (!table || !/[\t\n]/.test(text.trim())) return;
    event.preventDefault();
    const area = table.querySelector("textarea[name^='paste:']");
    area.value = text;
    carryOut(`paste ${area.name.slice("paste:".length)}`);
  });

  window.addEventListener("beforeunload", (event) => { if (form()?.classList.contains("ed-dirty")) event.preventDefault(); });
  document.addEventListener("submit", () => form()?.classList.remove("ed-dirty"));
})();
