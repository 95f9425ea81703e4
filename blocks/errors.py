"""The one exception that means: what was asked for cannot be done, and here is why."""


class UserError(ValueError):
    """Input that cannot be used. The message names the value, what was expected and what to do.

    Commands print it as a single line on stderr and end with exit code 2.
    """
