// SPDX-License-Identifier: AGPL-3.0-only
// Building the page. Every text goes in as text: names of exams and people are never read as HTML.

/** What the server put into the page for its script. */
export const facts = JSON.parse(document.getElementById("facts").textContent);

/**
 * Make an element. Properties starting with "on" are listeners, those with a dash or named role are attributes,
 * all others are set on the element; children are nodes or text, and null or false are left out.
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for" || name === "colspan") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

export function show(place, ...nodes) {
  place.replaceChildren(...nodes.flat().filter(Boolean));
}

/** A box that stands in the page and says that something is not as it should be. */
export function problem(error, retry) {
  return el("div", { className: "notice notice--error", role: "alert" },
    el("p", {}, error.message),
    error.reasons?.length ? el("ul", {}, error.reasons.map((reason) => el("li", {}, reason))) : null,
    retry ? el("button", { className: "button button--small", type: "button", onclick: retry }, "Try again") : null);
}

/** A few words at the edge of the page that go away by themselves; a problem stays longer. */
export function notify(text, tone = "good") {
  const note = el("p", { className: `notice notice--${tone}` }, text);
  byId("notices").append(note);
  setTimeout(() => note.remove(), tone === "error" ? 12000 : 5000);
}

/**
 * A table whose rows become cards where the page is narrow; its roles are named, for a style may take them away.
 *
 * @param headings text, `{name, node, direction}` for one that sorts, or null for the column of actions
 * @param rows `{cells, key}`: nodes or texts, the first names the row; `key` is an attribute to find the row by
 */
export function cardTable(label, headings, rows) {
  const names = headings.map((heading) => heading?.name ?? heading ?? "Actions");
  const head = headings.map((heading) => heading === null
    ? el("th", { role: "columnheader" }, el("span", { className: "visually-hidden" }, "Actions"))
    : el("th", { role: "columnheader", scope: "col", "aria-sort": heading.direction }, heading.node ?? heading));
  const line = ({ cells, key: [attribute, value] = [] }) => el("tr", { role: "row", ...attribute && { [attribute]: value } },
    cells.map((cell, index) => el(index ? "td" : "th", {
      role: index ? "cell" : "rowheader", ...index ? {} : { scope: "row" }, "data-heading": headings[index] === null ? null : names[index],
    }, cell)));
  return el("div", { className: "table-frame", tabIndex: 0, role: "region", "aria-label": label },
    el("table", { role: "table" },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)),
      el("tbody", { role: "rowgroup" }, rows.map(line))));
}

/** Ask before something that cannot be taken back. Resolves to whether the person wants it. */
export function confirmed({ title, text, action }) {
  return new Promise((resolve) => {
    const heading = el("h2", { id: "dialog-title" }, title);
    const dialog = el("dialog", { className: "dialog", "aria-labelledby": "dialog-title" },
      el("form", { method: "dialog" }, heading, el("p", {}, text),
        el("div", { className: "row row--end" },
          el("button", { className: "button button--quiet", value: "no" }, "Cancel"),
          el("button", { className: "button button--danger", value: "yes" }, action))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Run something with its button out of order meanwhile; a refusal is shown to the person. The button keeps the keyboard's focus. */
export async function during(button, work) {
  if (button.ariaDisabled === "true") return undefined;
  button.ariaDisabled = "true";
  try {
    return await work();
  } catch (error) {
    notify(error.message, "error");
    return undefined;
  } finally {
    button.ariaDisabled = null;
  }
}

export function field(label, input, hint) {
  return el("label", { className: "field" }, el("span", { className: "field__label" }, label), input,
    hint ? el("span", { className: "field__hint" }, hint) : null);
}

export function options(select, choices, chosen) {
  select.replaceChildren(...choices.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
  return select;
}
