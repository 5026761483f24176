// While a close runs its page shows how far it is; without this file one reloads it.
"use strict";
(() => {
  const EVERY_MS = 2000;
  const live = () => document.querySelector("#close[data-live]");

  async function look() {
    if (!live()) return;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      const fresh = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("close");
      // Nothing is taken away from under a hand that is about to press something.
      if (fresh && !live()?.contains(document.activeElement)) live()?.replaceWith(document.adoptNode(fresh));
    } catch {
      // The next look tries again.
    }
    setTimeout(look, EVERY_MS);
  }

  setTimeout(look, EVERY_MS);
})();
