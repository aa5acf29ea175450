"""Every error that hessbench raises on purpose, and its warning: what went wrong, what was expected, the remedy."""


class HessbenchError(Exception):
    """Base of all errors raised on purpose."""


class InvalidInput(HessbenchError, ValueError):
    """What the caller passed cannot be used."""


class Mistake(InvalidInput):
    """A mistake in the user's functions that is known; the message has file and line, and says what to write instead."""


class Unsupported(HessbenchError):
    """A strategy refuses a problem; the message is the one-sentence reason of `Strategy.why_not`."""


class Unavailable(HessbenchError, ImportError):
    """A package that is needed is not installed, or a plugin could not be imported."""


class IntegrationError(HessbenchError, ArithmeticError):
    """An ODE solve did not reach its end time; the message holds time, step size and state norm."""


class NoReference(HessbenchError):
    """No two independent methods agree, so there is nothing a Hessian could be checked against.

    `diagnosis` says why in a code word or two, such as `stiff`, `chaotic` or `kink`.
    """

    def __init__(self, message: str, diagnosis: str = "") -> None:
        super().__init__(message)
        self.diagnosis = diagnosis


class HessbenchWarning(UserWarning):
    """A result that may be wrong, slow or fragile; the sentence says why, and what to do."""
