"""Running a process so that nothing it does reaches this one."""
