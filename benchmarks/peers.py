"""Peers of the flagship that are no strategies of the suite: heyoka's variational system, and the one-pass method in JAX."""

import numpy as np

import hessbench


def heyoka_hessian(problem, tol):
    """Taylor series of the variational equations up to order two, in compact mode; loss blocks contracted at the end."""
    import heyoka as hy

    n = problem.dim
    names = hy.make_vars(*(f"y_{i}" for i in range(n)))
    y = np.empty(n, dtype=object)
    y[:] = names
    field = problem.rhs(_Heyoka(hy), hy.time, y, problem.params)
    system = [
        (v, f if isinstance(f, hy.expression) else hy.expression(float(f))) for v, f in zip(names, field, strict=True)
    ]
    variational = hy.var_ode_sys(system, hy.var_args.vars, order=2)
    stepper = hy.taylor_adaptive(variational, [0.0] * n, tol=tol, compact_mode=True)
    start, first, second = np.array(stepper.state), stepper.get_vslice(order=1), stepper.get_vslice(order=2)
    at1, at2 = (np.array([stepper.get_mindex(i) for i in range(s.start, s.stop)]) for s in (first, second))
    k, j = at1[:, 0], at1[:, 1:].argmax(1)
    m, a, b = at2[:, 0], (at2[:, 1:] > 0).argmax(1), n - 1 - (at2[:, :0:-1] > 0).argmax(1)
    apart = a != b
    blocks, _ = hessbench.loss_blocks(problem)

    def hessian(x):
        stepper.time = problem.t_span[0]
        stepper.state[:] = start
        stepper.state[:n] = x
        stepper.propagate_until(problem.t_span[1])
        end = blocks(x, stepper.state[:n].copy(), problem.params)
        phi, out = np.zeros((n, n)), np.zeros((n, n))
        phi[k, j] = stepper.state[first]
        curvature = end.l1[m] * stepper.state[second]
        np.add.at(out, (a, b), curvature)
        np.add.at(out, (b[apart], a[apart]), curvature[apart])
        cross = end.l01 @ phi
        return end.l00 + cross + cross.T + phi.T @ end.l11 @ phi + out

    return hessian


class _Heyoka:
    def __init__(self, hy):
        self.hy = hy

    def __getattr__(self, name):
        own = name in ("sqrt", "exp", "log", "sin", "cos")
        return np.frompyfunc(getattr(self.hy, name), 1, 1) if own else getattr(np, name)


def jax_one_pass(problem, rtol, method):
    """The paper's one-pass method, compiled: y forward, then y, s, P (and W) backward, both adaptive, in one jitted call."""
    import jax

    from hessbench._integrate.pairs import pair
    from hessbench.backends import backend

    b = backend("jax")
    jnp, n, (t0, t1) = b.xp, problem.dim, problem.t_span
    scheme, p = pair(method), b.params(problem)
    a, c = scheme.extended()
    stages = scheme.stages

    def f(t, y):
        return problem.rhs(jnp, t, y, p)

    def solve(g, t, end, y):
        way = jnp.sign(end - t)

        def body(carry):
            t, y, h, slope = carry
            h = jnp.minimum(h, jnp.abs(end - t))
            ks = [slope]
            for i in range(1, stages + 1):
                new = y + way * h * sum(w * k for w, k in zip(a[i], ks, strict=False) if w)
                ks.append(g(t + c[i] * way * h, new))
            scale = rtol + rtol * jnp.maximum(jnp.abs(y), jnp.abs(new))
            e = [
                jnp.mean((sum(w * k for w, k in zip(row, ks, strict=True) if w) / scale) ** 2) for row in scheme.errors
            ]
            error = h * (jnp.sqrt(e[0]) if len(e) == 1 else e[0] / jnp.sqrt(e[0] + 0.01 * e[1] + 1e-300)) + 1e-30
            ok = error < 1
            grown = h * jnp.clip(0.9 * error**scheme.exponent, 0.2, 10.0)
            return jnp.where(ok, t + way * h, t), jnp.where(ok, new, y), grown, jnp.where(ok, ks[-1], slope)

        def more(carry):
            return (end - carry[0]) * way > 1e-14 * abs(t1 - t0)

        slope = g(t, y)
        scale = rtol + rtol * jnp.abs(y)
        h = 0.01 * jnp.linalg.norm(y / scale) / jnp.linalg.norm(slope / scale) * rtol**-0.1
        return jax.lax.while_loop(more, body, (jnp.asarray(t), y, h, slope))[1]

    def backward(t, z):
        y, s, big = z[:n], z[n : 2 * n], z[2 * n :].reshape(-1, n)
        value, jac = f(t, y), jax.jacfwd(lambda y: f(t, y))(y)
        pj = big[:n] @ jac
        rest = [-(big[n:] @ jac).ravel()] if problem.loss_uses_y0 else []
        curved = jax.jacfwd(jax.grad(lambda y: f(t, y) @ s))(y)
        return jnp.concatenate([value, -s @ jac, -(pj + pj.T + curved).ravel(), *rest])

    def loss(z):
        return problem.loss(jnp, z[:n], z[n:], p)

    @jax.jit
    def hessian(x):
        y1 = solve(f, t0, t1, x)
        z = jnp.concatenate([x, y1])
        gradient, h = jax.grad(loss)(z), jax.hessian(loss)(z)
        start = [y1, gradient[n:], h[n:, n:].ravel()] + ([h[:n, n:].ravel()] if problem.loss_uses_y0 else [])
        out = solve(backward, t1, t0, jnp.concatenate(start))[2 * n :].reshape(-1, n)
        w = out[n:] if problem.loss_uses_y0 else jnp.zeros((n, n))
        return h[:n, :n] + w + w.T + out[:n]

    return lambda x: np.asarray(hessian(x))
