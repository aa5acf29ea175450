"""An example of a package that adds a strategy and a problem to hessbench."""
