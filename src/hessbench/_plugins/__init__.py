"""Strategies and problems as plugins: the interface, finding and describing them, fitting one to the other."""
