"""The floor: the least that an authenticated Django REST endpoint costs."""
