"""Whether a Hessian is right: references, their witness, the gate, the laws of plugins."""
