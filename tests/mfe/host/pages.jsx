// SPDX-License-Identifier: AGPL-3.0-only
// A course's home with the timer of whatever exam runs, and a sequence's units behind the library's wrapper.

import SequenceExamWrapper, {
  OuterExamTimer, useExamAccessToken, useFetchExamAccessToken, useIsExam,
} from "@edx/frontend-lib-special-exams";
import { getConfig } from "@edx/frontend-platform";
import { getAuthenticatedHttpClient } from "@edx/frontend-platform/auth";
import { useEffect, useState } from "react";
import { Link, useParams } from "react-router-dom";

// Of the course's metadata the LMS tells this: the sequences, and what the reader is to the course.
const sequencesOf = (courseId) => globalThis.MFE_COURSES[courseId] ?? [];
const access = { isStaff: false, originalUserIsStaff: false, ...globalThis.courseAccess };

const UNITS = ["1", "2"];

export function CourseHome() {
  const { courseId } = useParams();
  return (
    <main className="container py-4">
      <OuterExamTimer courseId={courseId} />
      <h1>Course home</h1>
      <Outline courseId={courseId} />
    </main>
  );
}

function Outline({ courseId }) {
  return (
    <nav aria-label="Course">
      <Link to={`/learning/course/${courseId}/home`}>Course home</Link>
      {sequencesOf(courseId).map(({ id, title }) => (
        <span key={id}>{" · "}<Link to={`/learning/course/${courseId}/${id}`}>{title}</Link></span>
      ))}
    </nav>
  );
}

export function Courseware() {
  const { courseId, sequenceId, unit = UNITS[0] } = useParams();
  const sequence = sequencesOf(courseId).find(({ id }) => id === sequenceId);
  return (
    <main className="container py-4">
      <Outline courseId={courseId} />
      <h1>{sequence.title}</h1>
      <SequenceExamWrapper key={sequenceId} sequence={sequence} courseId={courseId} canAccessProctoredExams {...access}>
        <div className="border p-4">
          <nav aria-label="Units">
            {UNITS.map((number) => (
              <Link key={number} className="mr-3" to={`/learning/course/${courseId}/${sequenceId}/${number}`}>Unit {number}</Link>
            ))}
          </nav>
          <Unit key={unit} number={unit} courseId={courseId} sequenceId={sequenceId} />
        </div>
      </SequenceExamWrapper>
    </main>
  );
}

// A unit waits for the exam access token, and asks the LMS for its content with it.
function Unit({ number, courseId, sequenceId }) {
  const isExam = useIsExam();
  const fetchToken = useFetchExamAccessToken();
  const token = useExamAccessToken();
  const [mayAsk, setMayAsk] = useState(!isExam);
  const [content, setContent] = useState(null);

  useEffect(() => {
    if (isExam) fetchToken().finally(() => setMayAsk(true));
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [isExam]);

  useEffect(() => {
    if (!mayAsk) return;
    const address = new URL(`${getConfig().LMS_BASE_URL}/content/${courseId}/${sequenceId}`);
    if (isExam && token) address.searchParams.set("exam_access", token);
    getAuthenticatedHttpClient().get(address.href).then(
      ({ data }) => setContent(data),
      (error) => setContent({ refusal: error.customAttributes?.httpErrorStatus ?? "no answer" }),
    );
  }, [mayAsk, token]);

  if (content === null) return <p>Loading unit {number}</p>;
  if (content.refusal) return <p>The LMS keeps this content closed ({content.refusal}).</p>;
  return (
    <article aria-label={`Unit ${number}`}>
      {content.body.map((text) => <p key={text}>{text}</p>)}
      {content.questions.map(({ text }, index) => <p key={text}><strong>Question {index + 1}</strong> {text}</p>)}
    </article>
  );
}
