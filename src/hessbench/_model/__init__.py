"""What a problem is: right-hand side, loss, derivatives, sizes, results. No framework, no solver."""
