"""The platform's older exam system, which keeps the exams of routed courses: in small, and in memory."""
