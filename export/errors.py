"""The two answers that are not an error of our own: a request that can't be met, and a proof that failed."""


class InputError(ValueError):
    """Bad arguments or bad input, told in one sentence: what, what was expected, what to do."""


class VerificationError(Exception):
    """An artifact is not what it has to be: it does not agree with the model, or its bytes changed."""
