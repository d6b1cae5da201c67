// SPDX-License-Identifier: AGPL-3.0-only
// Keeps those parts of the page fresh that are marked as live, and leaves the forms alone.

const EVERY_MILLISECONDS = 2000;

async function refresh() {
  if (document.hidden) return;
  try {
    // A message belongs to the page that a click leads to, not to this look at it.
    const response = await fetch(location.href, { credentials: "same-origin", headers: { "X-Live": "1" } });
    if (!response.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const newer = fresh.querySelectorAll("[data-live]");
    document.querySelectorAll("[data-live]").forEach((part, index) => {
      if (newer[index] && part.innerHTML !== newer[index].innerHTML) part.innerHTML = newer[index].innerHTML;
    });
  } catch {
    // The server rests; the next look may find it.
  }
}

setInterval(refresh, EVERY_MILLISECONDS);
