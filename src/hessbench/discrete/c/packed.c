/* Value and Jacobian of a quadratic system from its packed coefficients (see `_quadratic`). Before this come VW doubles per
   vector, the MOST vectors of a chunk, and CASES(call), the cases of a switch for each number of vectors that occurs. */
typedef double vec __attribute__((vector_size(8 * VW), may_alias));
#define UNROLL _Pragma("GCC unroll 16")
#define INLINE static inline __attribute__((always_inline))
#define WIDTHS(call) switch (w) { CASES(call) }

INLINE const vec *multiply(long n, long ld, const vec *t, const double *y, double *jac, const int w) {
  for (long i = 0; i < n; i++) {
    const vec yi = (vec){0} + y[i];
    vec row[MOST];
    UNROLL for (int v = 0; v < w; v++) row[v] = ((vec *)(jac + i * ld))[v] + t[v] * yi;
    t += w;
    for (long j = i + 1; j < n; j++, t += w) {
      vec *other = (vec *)(jac + j * ld);
      const vec yj = (vec){0} + y[j];
      UNROLL for (int v = 0; v < w; v++) {
        other[v] += t[v] * yi;
        row[v] += t[v] * yj;
      }
    }
    UNROLL for (int v = 0; v < w; v++) ((vec *)(jac + i * ld))[v] = row[v];
  }
  return t;
}

/* jac (n, ld): the transposed Jacobian; value (ld): F; linear (n, ld): A transposed. */
void jacobian(long n, long ld, long vectors, long pairs, const double *constant, const double *linear, const double *packed,
              const double *y, double *jac, double *value) {
  const vec *t = (const vec *)packed;
  __builtin_memcpy(jac, linear, 8 * n * ld);
  for (long chunks = (vectors + MOST - 1) / MOST, at = 0, w; chunks; chunks--, at += w) {
    w = (vectors - at + chunks - 1) / chunks;
#define CALL(width) t = multiply(n, ld, t, y, jac + at * VW, width) + (pairs - n * (n + 1) / 2) * width
    WIDTHS(CALL)
#undef CALL
  }
  for (long v = 0; v < vectors; v++) {
    vec sum = {0};
    for (long i = 0; i < n; i++)
      sum += (((const vec *)(jac + i * ld))[v] + ((const vec *)(linear + i * ld))[v]) * ((vec){0} + y[i]);
    ((vec *)value)[v] = sum * 0.5 + ((const vec *)constant)[v];
  }
}

