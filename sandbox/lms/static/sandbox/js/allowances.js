// SPDX-License-Identifier: AGPL-3.0-only
// Allowances of learners, by the API that the platform's instructor dashboard uses.

import { exams, segment } from "./api.js";
import { byId, cardTable, during, el, facts, field, notify, options, problem, show } from "./dom.js";
import { dateAndTime, isRunning, plural } from "./words.js";

const path = `/api/instructor/v2/courses/${segment(facts.courseId)}/special_exams`;
const ROWS = 100;
const table = el("div");

const KINDS = {
  additional_time_granted: {
    name: "Extra minutes", hint: "Whole minutes", input: { type: "number", min: 0, step: 1, value: 10 },
    shown: (value) => plural(Number(value), "minute"),
  },
  time_multiplier: {
    name: "Multiple of the time limit", hint: "From 1 to 10; follows when the limit changes", input: { type: "number", min: 1, max: 10, step: "any", value: 1.5 },
    shown: (value) => `${Number(value)} × the time limit`,
  },
  review_policy_exception: {
    name: "Review exception", hint: "Words for the proctor", input: { type: "text", maxLength: 4096, value: "" },
    shown: (value) => value,
  },
};

async function load() {
  try {
    const { results, count } = await exams(`${path}/allowances`, { query: { ordering: "username", page_size: ROWS } });
    show(table, count ? list(results) : nothing(), count > results.length && el("p", {}, `The first ${ROWS} of ${count} are shown.`));
  } catch (error) {
    show(table, problem(error, load));
  }
}

function nothing() {
  return el("div", { className: "empty" },
    el("h2", {}, "Nobody has an allowance"),
    el("p", {}, "Add learners above. Minutes and a multiple of the time limit replace each other; a review exception stands beside them."));
}

function list(allowances) {
  return cardTable("Allowances", ["Learner", "E-mail", "Exam", "Kind", "Allowance", null], allowances.map(line));
}

function line({ user, key, value, proctored_exam: exam }) {
  const kind = KINDS[key];
  const what = `${kind.name.toLowerCase()} of ${user.username}`;
  const remove = el("button", {
    className: "button button--small button--quiet button--danger-quiet", type: "button",
    "aria-label": `Delete the ${what} in ${exam.exam_name}`,
    onclick: () => during(remove, async () => {
      const { results: [result] } = await exams(`${path}/${exam.id}/allowance`, { method: "DELETE", body: { user_ids: [user.id], allowance_type: key } });
      notify(result.success ? `The ${what} is deleted.` : result.error, result.success ? "good" : "error");
      await load();
      document.querySelector("form input")?.focus();
    }),
  }, "Delete");
  return { cells: [user.username, user.email, exam.exam_name, kind.name, kind.shown(value), el("div", { className: "row row--tight" }, remove)] };
}

function form(examList) {
  const learners = el("input", { type: "text", required: true, autocomplete: "off", spellcheck: false });
  const boxes = examList.map((exam) => el("input", { type: "checkbox", value: exam.id }));
  const choices = el("fieldset", { className: "field choices" }, el("legend", { className: "field__label" }, "Exams"),
    examList.map((exam, place) => el("label", { className: "choice" }, boxes[place], exam.exam_name)));
  const kind = options(el("select", { required: true }), Object.entries(KINDS).map(([value, { name }]) => [value, name]), null);
  const place = el("div", { className: "field" });
  let value;
  const ask = () => {
    const { name, hint, input } = KINDS[kind.value];
    value = el("input", { required: true, autocomplete: "off", ...input });
    show(place, field(name, value, hint));
  };
  kind.addEventListener("change", ask);
  ask();
  const save = el("button", { className: "button" }, "Give");
  const trouble = el("div");
  const submit = async (event) => {
    event.preventDefault();
    show(trouble);
    const chosen = boxes.filter((box) => box.checked).map((box) => Number(box.value));
    if (!chosen.length) {
      show(trouble, problem({ message: "Choose an exam." }));
      return;
    }
    const people = learners.value.split(",").map((who) => who.trim()).filter(Boolean);
    await during(save, async () => {
      let results;
      try {
        ({ results } = await exams(`${path}/allowances`, {
          method: "POST", body: { user_ids: people, exam_ids: chosen, allowance_type: kind.value, value: value.value },
        }));
      } catch (error) {
        show(trouble, problem(error));
        return;
      }
      await tell(results, examList, trouble);
      if (results.every((row) => row.success)) learners.value = "";
      await load();
    });
  };
  return el("form", { className: "panel filters", onsubmit: submit },
    field("Learners", learners, "Usernames or e-mails, with commas between them"), field("Kind", kind), place,
    choices, el("div", { className: "row" }, save), trouble);
}

/** Say what became of each learner and exam. */
async function tell(results, examList, trouble) {
  const failed = results.filter((row) => !row.success);
  const done = results.length - failed.length;
  if (failed.length) {
    show(trouble, problem({
      message: `${plural(done, "allowance")} given, ${failed.length} not:`,
      reasons: failed.map((row) => `${row.identifier}, ${nameOf(row.exam_id, examList)}: ${row.error}`),
    }));
  }
  if (!done) return;
  const replaced = results.filter((row) => row.replaced).map((row) => KINDS[row.replaced].name.toLowerCase());
  const made = replaced.length ? ` ${plural(replaced.length, "allowance")} (${[...new Set(replaced)].join(", ")}) made way.` : "";
  const running = done === 1 && !failed.length ? await whatCameOfIt(results[0], examList) : "";
  notify(`${plural(done, "allowance")} given.${made}${running}`);
}

const nameOf = (id, examList) => examList.find((exam) => exam.id === id)?.exam_name ?? `exam ${id}`;

/** What a grant is worth to a running exam, as the service has it: extra time never moves the due date. */
async function whatCameOfIt({ identifier, exam_id: id }, examList) {
  const { results } = await exams(`${path}/${id}/attempts`, { query: { search: identifier } });
  const attempt = results.find(({ user }) => [user.username, user.email].includes(identifier));
  if (!attempt || !isRunning({ attempt_status: attempt.status })) return "";
  const { due_date: due } = examList.find((exam) => exam.id === id);
  const bound = due ? ` It is due ${dateAndTime(due)}, and extra time never moves that.` : "";
  return ` The running exam of ${attempt.user.username} lasts ${plural(attempt.allowed_time_limit_mins, "minute")} in all now.${bound}`;
}

async function begin() {
  const place = byId("allowances");
  try {
    const examList = await exams(path);
    show(place, examList.length ? form(examList) : el("div", { className: "notice notice--plain" }, el("p", {}, "This course has no exams yet.")), table);
    await load();
  } catch (error) {
    show(place, problem(error, begin));
  }
}

begin();
