"""Every error that hessbench raises on purpose; each message names the thing, what was expected, and the remedy."""


class HessbenchError(Exception):
    """Base of all errors raised on purpose."""


class InvalidInput(HessbenchError, ValueError):
    """What the caller passed cannot be used."""


class Unsupported(HessbenchError):
    """A strategy refuses a problem; the message is the one-sentence reason of `Strategy.why_not`."""


class Unavailable(HessbenchError, ImportError):
    """A package that is needed is not installed, or a plugin could not be imported."""


class IntegrationError(HessbenchError, ArithmeticError):
    """An ODE solve did not reach its end time; the message holds time, step size and state norm."""


class NoReference(HessbenchError):
    """No two independent methods agree, so there is nothing a Hessian could be checked against."""


class HessbenchWarning(UserWarning):
    """Something works, but not as it should; the message says what and how to mend it."""
