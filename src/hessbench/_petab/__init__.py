"""PEtab problems (parameter estimation for SBML models) as `Conditions`; needs the packages of `hessbench[petab]`."""

from .reading import read_petab

__all__ = ["read_petab"]
