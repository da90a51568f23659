"""Errors that are reported in one sentence instead of a traceback."""


class InputError(ValueError):
    """Bad arguments or bad input, in one sentence: what, what was expected, what to do."""


class UserCodeError(InputError):
    """A user's own code raised something.

    `reason`: where and what, in one line. `ends_the_search`: it did so to say that nothing else is to be tried.
    """

    def __init__(self, message: str, *, reason: str, ends_the_search: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.ends_the_search = ends_the_search


class ImpossibleError(UserCodeError):
    """A user's own code said of a combination of hyperparameters that no model can be made of it."""


class TrainingError(Exception):
    """A training that ended without a model to keep, in one sentence."""
