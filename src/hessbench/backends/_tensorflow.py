"""TensorFlow on the CPU, in double precision: the framework of the paper's measurements."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._errors import Unsupported
from ._base import Backend, float64

NO_LOOP = "TensorFlow has no forward derivatives of a gradient through a loop; take the mode `reverse-over-reverse`."


class TensorflowBackend(Backend):
    """`GradientTape` backward, `ForwardAccumulator` forward, `tf.function` to compile, NumPy's names from
    `tf.experimental.numpy`, whose behaviour of arrays it switches on.

    It shares no process with JAX and torch, and is never chosen, only asked for. A loop is a `tf.while_loop`, but not below
    a forward accumulator: the gradient of a tangent through one is wrong without a word (2.21;
    `tests/backends/test_tensorflow.py`). There `jvp` writes the loop out, and `forward-over-reverse` refuses.
    """

    name = "tensorflow"
    distributions = ("tensorflow", "tensorflow-cpu")
    apart = ("jax", "torch")
    order = 2
    operations = ("vjp", "jvp", "grad", "value_grad_hessian")
    compiles = True
    compiles_loops = True

    def __init__(self) -> None:
        self.tf: Any = _imported()
        self.tf.get_logger().setLevel("ERROR")  # it warns of every function that is compiled anew
        self.xp = self.tf.experimental.numpy
        self.xp.experimental_enable_numpy_behavior()
        self._forward = threading.local()

    def asarray(self, a: Any) -> Any:
        return a if self.tf.is_tensor(a) else self.tf.constant(float64(a))

    def rhs(self, problem: Any) -> Callable[[Any, Any, Any], Any]:
        f = super().rhs(problem)
        return lambda t, y, p: f(self.asarray(t), y, p)

    def vjp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        with self.tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = self.asarray(f(x))
        return value, tape.gradient(value, x, output_gradients=v, unconnected_gradients="zero")

    def jvp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        if len(v.shape) == 1:
            return self._pushed(f, x, v)
        values, tangents = self.tf.vectorized_map(lambda column: self._pushed(f, x, column), self.tf.transpose(v))
        return values[0], self.tf.transpose(tangents)

    def _pushed(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        with self._below("write out"), self.tf.autodiff.ForwardAccumulator(x, v) as accumulator:
            value = self.asarray(f(x))
        return value, accumulator.jvp(value, unconnected_gradients=self.tf.UnconnectedGradients.ZERO)

    def vmap(self, f: Callable[..., Any], in_axes: tuple[int | None, ...]) -> Callable[..., Any]:
        def mapped(*args: Any) -> Any:
            def call(own: Any) -> Any:
                given = iter(own)
                return f(*(a if axis is None else next(given) for a, axis in zip(args, in_axes, strict=True)))

            return self.tf.vectorized_map(call, tuple(a for a, axis in zip(args, in_axes, strict=True) if axis == 0))

        return mapped

    def grad(self, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: self._gradient(f, x)[1]

    def _gradient(self, f: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        def scalar(x: Any) -> Any:
            return self.tf.reshape(self.asarray(f(x)), ())  # as the others take a loss of one component

        return self.vjp(scalar, x, None)

    def value_grad_hessian(
        self, f: Callable[[Any], Any], mode: str | None = None
    ) -> Callable[[Any], tuple[Any, Any, Any]]:
        def forward_over_reverse(x: Any) -> tuple[Any, Any, Any]:
            eye = self.tf.eye(x.shape[0], dtype=x.dtype)
            with self._below("refuse"):
                value, g = self._gradient(f, x)
                return value, g, self.jvp(lambda x: self._gradient(f, x)[1], x, eye)[1]

        def reverse_over_reverse(x: Any) -> tuple[Any, Any, Any]:
            with self.tf.GradientTape(watch_accessed_variables=False, persistent=True) as tape:
                tape.watch(x)
                value, g = self._gradient(f, x)
            # a loop over the rows: in a batch, a loop inside takes half a minute to trace
            return value, g, tape.jacobian(g, x, unconnected_gradients="zero", experimental_use_pfor=False)

        return forward_over_reverse if mode == "forward-over-reverse" else reverse_over_reverse

    def iterate(self, step: Callable[[Any, Any], Any], y: Any, n: int) -> Any:
        if self._doing == "refuse":
            raise Unsupported(NO_LOOP)
        if self._doing == "write out":
            return super().iterate(step, y, n)
        first = self.tf.constant(0, self.tf.int64)
        return self.tf.while_loop(
            lambda i, y: i < n, lambda i, y: (i + 1, step(i, y)), (first, y), maximum_iterations=n
        )[1]

    def compile(self, f: Callable[..., Any], xla: bool = False) -> Callable[..., Any]:
        """With `xla`, beyond TensorFlow's own graph: faster, but compiled anew for each time and point where a right-hand
        side picks components by a list of indices.
        """
        return self.tf.function(f, autograph=False, jit_compile=xla)

    def on_numpy(self, f: Callable[..., Any]) -> Callable[..., np.ndarray]:
        return self.called(self.compile(f))

    def called(self, compiled: Callable[..., Any]) -> Callable[..., np.ndarray]:
        """`compiled(*arrays, p)` with NumPy arrays in and out."""
        constant = self.tf.constant
        return lambda *args: compiled(*[constant(a, dtype="float64") for a in args[:-1]], args[-1]).numpy()

    @property
    def _doing(self) -> str:
        return getattr(self._forward, "what", "")

    @contextmanager
    def _below(self, what: str) -> Iterator[None]:
        """Inside, loops are written out, or refused; what an outer one says goes before."""
        before = self._doing
        self._forward.what = before or what
        try:
            yield
        finally:
            self._forward.what = before


def _imported() -> Any:
    """TensorFlow without JAX and Keras, both of which it would import where they are installed, and its lines on stderr."""
    legacy = os.environ.get("TF_USE_LEGACY_KERAS")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # another order of summing, announced on stderr
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # a package that is not installed: nothing is imported
    hidden = [name for name in ("jax",) if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import tensorflow as tf
    finally:
        for name in hidden:
            del sys.modules[name]
        if legacy is None:
            del os.environ["TF_USE_LEGACY_KERAS"]
        else:
            os.environ["TF_USE_LEGACY_KERAS"] = legacy
    return tf
