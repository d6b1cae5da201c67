// SPDX-License-Identifier: AGPL-3.0-only
// Studio: which sections are exams, and who supervises them.

import { exams, segment } from "./api.js";
import { byId, during, el, facts, field, notify, options, problem, show } from "./dom.js";
import { EXAM_TYPES } from "./words.js";

const NO_EXAM = "";
const DEFAULT_MINUTES = 30;
const LEAST_MINUTES = 1;
const course = segment(facts.courseId);

/** ISO 8601 in UTC <-> what `<input type="datetime-local">` holds. */
const toLocal = (iso) => {
  if (!iso) return "";
  const moment = new Date(iso);
  return new Date(moment - moment.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
};
const fromLocal = (text) => (text ? new Date(text).toISOString() : null);

/** One section's row: `element` to show, `exam()` what it says (null if it is no exam). */
function row({ contentId, title }, exam) {
  const type = options(el("select", { "aria-label": `Kind of ${title}` }), [[NO_EXAM, "Not an exam"], ...Object.entries(EXAM_TYPES)], exam?.exam_type ?? NO_EXAM);
  const name = el("input", { type: "text", value: exam?.exam_name ?? title, required: true });
  // A section that is no exam for a while keeps its minutes, as Studio does.
  const remembered = localStorage.getItem(`minutes:${contentId}`);
  const minutes = el("input", { type: "number", min: LEAST_MINUTES, step: 1, value: exam?.time_limit_mins ?? remembered ?? DEFAULT_MINUTES, required: true });
  if (exam) localStorage.setItem(`minutes:${contentId}`, exam.time_limit_mins);
  const due = el("input", { type: "datetime-local", value: toLocal(exam?.due_date) });
  const hidden = el("input", { type: "checkbox", checked: exam?.hide_after_due ?? false });
  const details = el("div", { className: "editor__details" },
    field("Name", name), field("Minutes", minutes), field("Due", due),
    el("label", { className: "check" }, hidden, "Hide after due date"));
  const adapt = () => {
    details.hidden = type.value === NO_EXAM;
    for (const input of [name, minutes]) input.disabled = details.hidden;
  };
  type.addEventListener("change", adapt);
  adapt();
  return {
    element: el("li", { className: "editor__row", "data-content-id": contentId },
      el("div", { className: "editor__head" }, el("h2", {}, title), type), details),
    exam: () => type.value === NO_EXAM ? null : {
      content_id: contentId,
      exam_name: name.value,
      exam_type: type.value,
      time_limit_mins: minutes.valueAsNumber,
      due_date: due.value === toLocal(exam?.due_date) ? exam?.due_date ?? null : fromLocal(due.value),
      hide_after_due: hidden.checked,
      is_active: true,
    },
  };
}

/** The course's exams. Those of a routed course the exam service does not list (404): the page has brought them along. */
async function currentExams() {
  try {
    return await exams(`exams/course_id/${course}`);
  } catch (error) {
    if (error.status === 404 && facts.legacyExams) return facts.legacyExams;
    throw error;
  }
}

async function loadExams() {
  const place = byId("exams");
  try {
    const current = await currentExams();
    const known = new Set(facts.sections.map(({ contentId }) => contentId));
    // Exams of sections that the outline does not have, pushed by another client: kept, unless somebody decides otherwise.
    const others = current.filter((exam) => !known.has(exam.content_id)).map((exam) => ({ contentId: exam.content_id, title: exam.exam_name }));
    const rows = [...facts.sections, ...others].map((section) => row(section, current.find((exam) => exam.content_id === section.contentId)));
    show(place, editor(rows));
  } catch (error) {
    show(place, problem(error, loadExams));
  }
}

function editor(rows) {
  const trouble = el("div");
  const save = el("button", { className: "button" }, "Save exams");
  const submit = async (event) => {
    event.preventDefault();
    show(trouble);
    await during(save, async () => {
      try {
        await exams(`exams/course_id/${course}`, { method: "PATCH", body: rows.map((each) => each.exam()).filter(Boolean) });
      } catch (error) {
        show(trouble, problem(error));
        return;
      }
      notify("The course's exams are saved.");
      await loadExams();
    });
  };
  return el("form", { className: "editor", onsubmit: submit },
    el("ul", { className: "plain-list panel" }, rows.map((each) => each.element)), trouble,
    el("div", { className: "row" }, save, el("button", { className: "button button--quiet", type: "button", onclick: loadExams }, "Discard changes")));
}

async function loadProctoring() {
  const place = byId("proctoring");
  try {
    const [config, providers] = await Promise.all([exams(`configs/course_id/${course}`), exams("providers")]);
    show(place, proctoringForm(config, providers));
  } catch (error) {
    show(place, problem(error, loadProctoring));
  }
}

function proctoringForm(config, providers) {
  const choices = providers.map((each) => [each.name, each.verbose_name]);
  const provider = options(el("select"), [["", "No provider"], ...choices], config.provider ?? "");
  const address = el("input", { type: "email", value: config.escalation_email ?? "", autocomplete: "off" });
  const save = el("button", { className: "button" }, "Save proctoring");
  const trouble = el("div");
  const adapt = () => { address.disabled = provider.value === ""; };
  provider.addEventListener("change", adapt);
  adapt();
  const submit = async (event) => {
    event.preventDefault();
    show(trouble);
    await during(save, async () => {
      const body = { provider: provider.value || null, escalation_email: provider.value ? address.value || null : null };
      try {
        await exams(`configs/course_id/${course}`, { method: "PATCH", body });
      } catch (error) {
        show(trouble, problem(error));
        return;
      }
      notify("The course's proctoring is saved.");
      await Promise.all([loadProctoring(), loadExams()]);
    });
  };
  return el("form", { className: "panel form", onsubmit: submit },
    field("Provider", provider, "Supervises the proctored exams of this course."),
    field("Escalation e-mail", address, "Where learners write when they disagree with a review."),
    trouble, el("div", { className: "row" }, save));
}

loadExams();
loadProctoring();
