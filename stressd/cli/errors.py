"""What a command raises when the user can put it right."""


class UserError(Exception):
    """One line for the terminal, no traceback; exit status 1."""
