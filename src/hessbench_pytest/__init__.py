"""The fixture `hessbench_check`. It stands outside the package `hessbench`, which is imported when the fixture is called."""

import pytest


@pytest.fixture
def hessbench_check():
    """`hessbench_check(f, x, hess, **options)` fails the test unless value differences confirm the Hessian.

    The options are those of `hessbench.check_hessian`, whose finding it returns.
    """

    def check(f, x, hess, **options):
        __tracebackhide__ = True
        from hessbench import check_hessian

        found = check_hessian(f, x, hess, **options)
        if not found:
            pytest.fail(found.words)
        return found

    return check
