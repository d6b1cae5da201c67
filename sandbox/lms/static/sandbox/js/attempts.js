// SPDX-License-Identifier: AGPL-3.0-only
// The instructors' dashboard: attempts of the course, found, reviewed, reset.

import { download, exams, goToExams, segment } from "./api.js";
import { byId, cardTable, confirmed, during, el, facts, field, notify, options, problem, show } from "./dom.js";
import { STATUSES, dateAndTime, isRunning, isSupervised, isUnbegun, plural, statusOf } from "./words.js";

const PAGE_SIZE = 25;
const SEARCH_DELAY_MILLISECONDS = 250;
const path = `instructor_view/course_id/${segment(facts.courseId)}/attempts`;
const COLUMNS = [
  ["username", "Learner"], ["exam_display_name", "Exam"], ["attempt_status", "Status"],
  ["start_time", "Started"], ["end_time", "Ended"], ["allowed_time_limit_mins", "Time"],
];
// From here on the tool calls something suspicious enough for a second look.
const SUSPICIOUS = 0.25;

const query = { search: "", exam_id: "", status: "", ordering: "", include: "incidents", limit: PAGE_SIZE, offset: 0 };
let newest = 0;

const table = el("div");
const csv = el("button", {
  className: "button button--quiet", type: "button",
  onclick: () => during(csv, () => download(path, { ...query, limit: "", offset: "", include: "", format: "csv" }, "attempts.csv")),
}, "Download CSV");

/** Change what is asked for, from the first page on unless told otherwise. */
function ask(changes) {
  Object.assign(query, { offset: 0 }, changes);
  return load();
}

async function load() {
  const turn = ++newest;
  try {
    const page = await exams(path, { query });
    // While somebody types, answers may overtake each other; the newest question's is shown.
    if (turn === newest) show(table, page.count ? [list(page), pager(page)] : nothing());
  } catch (error) {
    if (turn === newest) show(table, problem(error, load));
  }
}

function nothing() {
  const filtered = query.search || query.exam_id || query.status;
  return el("div", { className: "empty" },
    el("h2", {}, filtered ? "No attempt matches" : "No attempts yet"),
    el("p", {}, filtered ? "Try fewer words, or another exam or status." : "As soon as a learner begins an exam, the attempt stands here."));
}

function list({ results }) {
  return cardTable("Attempts", [...COLUMNS.map(heading), "Review", null], results.map(line));
}

function heading([column, name]) {
  const direction = query.ordering === column ? "ascending" : query.ordering === `-${column}` ? "descending" : null;
  const next = direction === "ascending" ? `-${column}` : column;
  const sort = el("button", { className: "sort", type: "button", onclick: () => ask({ ordering: next }).then(() => focusAgain(`[data-column="${column}"]`)) }, name,
    el("span", { "aria-hidden": "true" }, { ascending: " ↑", descending: " ↓" }[direction] ?? ""));
  sort.dataset.column = column;
  return { name, node: sort, direction };
}

function line(attempt) {
  const status = statusOf(attempt.attempt_status);
  return {
    key: ["data-attempt-id", attempt.attempt_id],
    cells: [
      attempt.username,
      attempt.exam_display_name,
      el("span", { className: `badge badge--${status.tone}` }, status.name),
      dateAndTime(attempt.start_time),
      dateAndTime(attempt.end_time),
      attempt.allowed_time_limit_mins === null ? "–" : `${attempt.allowed_time_limit_mins} min`,
      review(attempt),
      el("div", { className: "row row--tight" }, actions(attempt)),
    ],
  };
}

/** What the proctor thought at the end, and did before. */
function review({ proctored_review: verdict, incidents = [] }) {
  if (!verdict && !incidents.length) return "–";
  return [
    verdict ? el("span", {}, verdict.submission_reason ?? "No reason given", verdict.severity === null ? null
      : el("span", { className: "note" }, el("span", { className: `badge badge--${Number(verdict.severity) > SUSPICIOUS ? "warn" : "good"}` }, `Severity ${verdict.severity}`))) : null,
    incidents.length ? el("details", { className: "note" }, el("summary", {}, plural(incidents.length, "incident")),
      el("ul", { className: "plain-list" }, incidents.map((incident) => el("li", {}, incidentText(incident))))) : null,
  ];
}

function incidentText({ action, incident_time: time, severity, reason, message, extra_time_mins: minutes }) {
  const parts = [dateAndTime(time), action, reason, severity && `severity ${severity}`, message && `“${message}”`, minutes !== null && `${plural(minutes, "minute")} in all`];
  return parts.filter(Boolean).join(", ");
}

/** Whoever uses a keyboard goes on where they were, though the table was made anew: at the first of these that is there. */
function focusAgain(...selectors) {
  if (document.activeElement !== document.body && document.activeElement?.isConnected) return;
  for (const selector of [...selectors, ".table-frame", ".filters input"]) {
    const target = document.querySelector(selector);
    if (target) return target.focus();
  }
}

function actions(attempt) {
  const reviewable = !isRunning(attempt) && !isUnbegun(attempt);
  const make = (text, work, kind = "") => {
    const button = el("button", {
      className: `button button--small button--quiet ${kind}`, type: "button", "aria-label": `${text} the attempt of ${attempt.username}`,
      onclick: () => during(button, work).then(load).then(() => focusAgain(`[aria-label="${CSS.escape(button.ariaLabel)}"]`, `[data-attempt-id="${attempt.attempt_id}"] button`)),
    }, text);
    return button;
  };
  const judge = (action, done) => async () => {
    await exams(`exams/attempt/${attempt.attempt_id}`, { method: "PUT", body: { action } });
    notify(`The attempt of ${attempt.username} is ${done}.`);
  };
  return [
    reviewable && attempt.attempt_status !== "verified" ? make("Verify", judge("verify", "verified")) : null,
    reviewable && attempt.attempt_status !== "rejected" ? make("Reject", judge("reject", "rejected")) : null,
    make("Reset", () => reset(attempt), "button--danger-quiet"),
  ];
}

async function reset(attempt) {
  const wanted = await confirmed({
    title: `Reset the attempt of ${attempt.username}?`,
    text: `The attempt at “${attempt.exam_display_name}” is deleted, and the learner may begin again. This cannot be undone.`,
    action: "Reset the attempt",
  });
  if (!wanted) return;
  await exams(`exams/attempt/${attempt.attempt_id}`, { method: "DELETE" });
  notify(`The attempt of ${attempt.username} is reset.`);
}

function pager({ count }) {
  const first = query.offset + 1;
  const last = Math.min(query.offset + PAGE_SIZE, count);
  const turn = (text, offset, possible) =>
    el("button", { className: "button button--small button--quiet", type: "button", disabled: !possible, onclick: () => ask({ offset }) }, text);
  return el("div", { className: "row row--spread" },
    el("p", { className: "muted", role: "status" }, count > PAGE_SIZE ? `${first} to ${last} of ${plural(count, "attempt")}` : plural(count, "attempt")),
    count > PAGE_SIZE ? el("div", { className: "row row--tight" },
      turn("Previous", Math.max(0, query.offset - PAGE_SIZE), query.offset > 0),
      turn("Next", query.offset + PAGE_SIZE, last < count)) : null);
}

function filters(examList) {
  let pause = null;
  const search = el("input", {
    type: "search", placeholder: "Username or e-mail",
    oninput: () => {
      clearTimeout(pause);
      pause = setTimeout(() => ask({ search: search.value.trim() }), SEARCH_DELAY_MILLISECONDS);
    },
  });
  const choice = (name, all, choices) =>
    options(el("select", { onchange: (event) => ask({ [name]: event.target.value }) }), [["", all], ...choices], "");
  return el("form", { className: "filters", role: "search", onsubmit: (event) => { event.preventDefault(); load(); } },
    field("Search", search),
    field("Exam", choice("exam_id", "All exams", examList.map((exam) => [String(exam.id), exam.exam_name]))),
    field("Status", choice("status", "Any status", Object.entries(STATUSES).map(([value, { name }]) => [value, name]))),
    el("div", { className: "row row--tight filters__end" },
      el("button", { className: "button button--quiet" }, "Refresh"), csv));
}

/** Into the proctoring tool, as an instructor: one door per supervised exam. */
function tools(examList) {
  const doors = examList.filter(isSupervised).map((exam) => {
    const door = el("button", { className: "button button--small button--quiet", type: "button", onclick: () => during(door, () => goToExams(`/lti/exam/${exam.id}/instructor_tool`)) }, exam.exam_name);
    return door;
  });
  return doors.length ? el("div", { className: "row tools" }, el("span", { className: "muted" }, "Instructor tool:"), doors) : null;
}

async function begin() {
  const place = byId("attempts");
  try {
    const examList = await exams(`exams/course_id/${segment(facts.courseId)}`);
    show(place, filters(examList), tools(examList), table);
    await load();
  } catch (error) {
    show(place, problem(error, begin));
  }
}

begin();
