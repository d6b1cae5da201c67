"""The Tutor plugin, rendered by each release of Tutor that it supports. Run by `make test-tutor`."""
