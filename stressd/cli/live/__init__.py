"""`stressd status --watch` on a terminal: one screen that stays, for people on ssh."""
