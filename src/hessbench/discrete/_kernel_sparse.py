def sparse_backward(weights, jacobian, contraction): raise NotImplementedError
