// The review queue by keyboard; without this file the buttons do the same.
"use strict";
(() => {
  const typing = (at) => at instanceof Element && at.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && typing(event.target)) {
      event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
    if (event.key === "?") {
      const keys = document.getElementById("keys");
      keys.open = !keys.open;
    } else if (/^[jkap]$/.test(event.key)) {
      const field = document.querySelector(`[data-focus="${event.key}"]`);
      const button = document.querySelector(`[data-key="${event.key}"]`);
      if (field) field.focus();
      else if (button) button.click();
      else return;
    } else return;
    event.preventDefault();
  });
})();
