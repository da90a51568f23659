"""The one exception that means: the caller asked for something that can't be done."""


class InputError(ValueError):
    """Bad arguments or bad input, told in one sentence: what, what was expected, what to do."""


class TrainingError(Exception):
    """A training that ended without a model to keep, told in one sentence."""
