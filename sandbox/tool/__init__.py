"""A proctoring tool: the other side of the exam service's LTI platform, as a vendor would run it."""
