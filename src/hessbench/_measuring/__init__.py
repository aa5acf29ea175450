"""What a Hessian costs: one case in a child process, grids of cases, records, asv, the machine."""
