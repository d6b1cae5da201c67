"""Tutor plugin that deploys edx-exams."""
