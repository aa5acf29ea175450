"""Right-hand sides as loops over arrays: recorded by the array, so that code grows with the operations that were written.

_record, _numpy   the right-hand side is run once on arrays of ids of numbers
_structure        linear, then local, then linear: what is nonlinear falls into small pieces, many of one form
_templates        one piece of each form as scalar expressions, differentiated and written as C
_programs         the linear parts as tables of numbers, which the C code reads
_kernel           all of it as the parts of a kernel (`discrete._kernel.assemble`)
"""
