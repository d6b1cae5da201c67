// SPDX-License-Identifier: AGPL-3.0-only
// The least of a learning MFE: it mounts the special-exams library where and as the real one does.

import { APP_INIT_ERROR, APP_READY, initialize, mergeConfig, subscribe } from "@edx/frontend-platform";
import { AppProvider } from "@edx/frontend-platform/react";
import { reducer as specialExams } from "@edx/frontend-lib-special-exams";
import { configureStore } from "@reduxjs/toolkit";
import { createRoot } from "react-dom/client";
import { Route, Routes } from "react-router-dom";
import "@openedx/paragon/dist/core.min.css";
import "@openedx/paragon/dist/light.min.css";

import { CourseHome, Courseware } from "./pages.jsx";

// What the library reports goes to the console, marked as the library's own.
class ConsoleLogging {
  logInfo(message) { console.info("[library]", String(message)); }
  logError(error) { console.warn("[library]", String(error?.message ?? error)); }
  setCustomAttribute() {}
}

class NoAnalytics {
  sendTrackingLogEvent() { return Promise.resolve(); }
  identifyAuthenticatedUser() {}
  identifyAnonymousUser() { return Promise.resolve(); }
  sendTrackEvent() {}
  sendPageEvent() {}
}

const store = configureStore({ reducer: { specialExams } });
const root = createRoot(document.getElementById("root"));

subscribe(APP_READY, () => {
  root.render(
    <AppProvider store={store}>
      <Routes>
        <Route path="/learning/course/:courseId" element={<CourseHome />} />
        <Route path="/learning/course/:courseId/home" element={<CourseHome />} />
        <Route path="/learning/course/:courseId/:sequenceId/:unit?" element={<Courseware />} />
      </Routes>
    </AppProvider>,
  );
});

subscribe(APP_INIT_ERROR, (error) => { root.render(<p role="alert">{error.message}</p>); });

initialize({
  requireAuthenticatedUser: true,
  messages: [],
  loggingService: ConsoleLogging,
  analyticsService: NoAnalytics,
  handlers: {
    config: () => mergeConfig({
      EXAMS_BASE_URL: process.env.EXAMS_BASE_URL,
      PROCTORED_EXAM_RULES_URL: process.env.PROCTORED_EXAM_RULES_URL,
      CONTACT_URL: process.env.CONTACT_URL,
    }),
  },
});
