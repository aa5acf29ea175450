/* Memory of one thread, of any size; its address is asked for once. */
#define ROOM(type, name, size) \
  static _Thread_local type name##_[size]; \
  type *name = name##_; \
  __asm__("" : "+r"(name)) /* which also counts as a use */
#define NUMBERS(name, size) \
  ROOM(vd, name##_lanes, (size) / VW); \
  double *name = (double *)name##_lanes

/* Linear maps by tables (see `arrays/_programs.py`), for numbers (`_d`) and for vectors (`_v`). */
#define ROWS(kind, type, zero) \
  static __attribute__((unused)) void rows_##kind(long n, const int *start, const int *column, const double *coef, const double *first, \
                          const type *v, type *out) { \
    for (long r = 0; r < n; r++) { \
      type s = zero + (first ? first[r] : 0.0); \
      for (int k = start[r]; k < start[r + 1]; k++) s += coef[k] * v[column[k]]; \
      out[r] = s; \
    } \
  }
ROWS(d, double, 0.0)
ROWS(v, vd, (vd){0})

/* The same where every row has `terms` of them. */
#define FEW(terms, kind, type, zero) \
  static __attribute__((unused)) inline void rows##terms##_##kind(long n, const int *start, const int *column, const double *coef, const double *first, \
                                          const type *v, type *out) { \
    for (long r = 0; r < n; r++) { \
      type s = zero + (first ? first[r] : 0.0); \
      UNROLL for (int k = 0; k < terms; k++) s += coef[r * terms + k] * v[column[r * terms + k]]; \
      out[r] = s; \
    } \
  }
FEW(1, d, double, 0.0) FEW(2, d, double, 0.0) FEW(3, d, double, 0.0) FEW(4, d, double, 0.0)
FEW(1, v, vd, (vd){0}) FEW(2, v, vd, (vd){0}) FEW(3, v, vd, (vd){0}) FEW(4, v, vd, (vd){0})

/* out += matrix v; rows of the matrix are filled up with zeros to `wide` numbers. */
static __attribute__((unused)) void dense_d(long n, long cols, long wide, const double *matrix, const double *v, double *out) {
  typedef vd loose __attribute__((aligned(8)));
  long whole = cols / VW * VW;
  for (long r = 0; r < n; r += 4) {
    if (r > n - 4) {
      for (; r < n; r++) for (long c = 0; c < cols; c++) out[r] += matrix[r * wide + c] * v[c];
      return;
    }
    vd s[4] = {{0}};
    for (long c = 0; c < whole; c += VW)
      UNROLL for (int l = 0; l < 4; l++) s[l] += *(const vd *)(matrix + (r + l) * wide + c) * *(const loose *)(v + c);
    for (int l = 0; l < 4; l++) {
      double sum = total(s[l]);
      for (long c = whole; c < cols; c++) sum += matrix[(r + l) * wide + c] * v[c];
      out[r + l] += sum;
    }
  }
}

static __attribute__((unused)) void dense_v(long n, long cols, long wide, const double *matrix, const vd *v, vd *out) {
  for (long r = 0; r < n; r += 8) {
    if (r > n - 8) {
      for (; r < n; r++) for (long c = 0; c < cols; c++) out[r] += matrix[r * wide + c] * v[c];
      return;
    }
    vd s[8] = {{0}};
    for (long c = 0; c < cols; c++) UNROLL for (int l = 0; l < 8; l++) s[l] += matrix[(r + l) * wide + c] * v[c];
    for (int l = 0; l < 8; l++) out[r + l] += s[l];
  }
}

/* Tangents of an output of a class from those of an input, dw += D dz, and the same for multipliers the other way. */
static __attribute__((unused)) void along(long n, const vd *restrict D, const vd *restrict from, vd *restrict to) {
  for (long e = 0; e < n; e++) to[e] += D[e] * from[e];
}

/* out (n, M) += rows of a sparse matrix, times u, times the rows of z: what a class adds to a Jacobian. */
#define CHAIN(kind, type) \
  static void chain_##kind(long n, const int *start, const int *column, const double *coef, const vd *u, const type *z, \
                           long wide, vd *out) { \
    for (long j = 0; j < M; j += 8) \
      for (long r = 0; r < n; r++) { \
        vd s[8] = {{0}}; \
        long last = M - j < 8 ? M - j : 8; \
        for (int k = start[r]; k < start[r + 1]; k++) { \
          vd a = coef[k] * u[column[k]]; \
          const type *row = z + column[k] * wide + j; \
          UNROLL for (int l = 0; l < 8; l++) s[l] += a * row[l]; \
        } \
        for (int l = 0; l < last; l++) out[r * M + j + l] += s[l]; \
      } \
  }
/* The upper triangle of out (M, M) += sum over e of h_e (x_e y_e^T + y_e x_e^T) / (1 + same). */
#define CURVE(kind, type) \
  static void curve_##kind(long n, const vd *h, const type *x, const type *y, long wide, int same, vd *out) { \
    for (long j = 0; j < M; j += 8) \
      for (long i = 0; i < M && i < j + 8; i++) { \
        vd s[8] = {{0}}; \
        long last = M - j < 8 ? M - j : 8; \
        for (long e = 0; e < n; e++) { \
          vd a = h[e] * x[e * wide + i], b = h[e] * y[e * wide + i]; \
          const type *p = y + e * wide + j, *q = x + e * wide + j; \
          if (same) UNROLL for (int l = 0; l < 8; l++) s[l] += a * p[l]; \
          else UNROLL for (int l = 0; l < 8; l++) s[l] += a * p[l] + b * q[l]; \
        } \
        for (int l = 0; l < last; l++) if (j + l >= i) out[i * M + j + l] += s[l]; \
      } \
  }
static __attribute__((unused)) void mirror(vd *out) {
  for (long i = 0; i < M; i++)
    for (long j = i + 1; j < M; j++) out[j * M + i] = out[i * M + j];
}
