"""Tests, ordered like the applications they are about; what they share stands here."""
