/* LU factors with row pivoting of a dense or banded matrix, and solutions for one right-hand side or a panel of them.

   A matrix of n rows with kl diagonals below and ku above the main one; kl = ku = n - 1 is the dense case. All are constants where
   these functions are inlined. Rows of U and columns of L lie one behind the other, 1 / pivot in the place of the diagonal;
   interchanges are applied one by one. `PANEL` is what is solved for at once. */
#define INLINE static inline __attribute__((always_inline))
typedef double loose __attribute__((vector_size(VW * 8), aligned(8), may_alias));
typedef double vd __attribute__((vector_size(VW * 8), may_alias));
typedef struct { vd v[PW]; } panel;

#define DENSE(n, kl) ((kl) == (n) - 1)
#define LEAST(a, b) ((a) < (b) ? (a) : (b))
#define U_SIZE(n, kl, ku) (DENSE(n, kl) ? (n) * ((n) + 1) / 2 : (n) * ((kl) + (ku) + 1))
#define LU_SIZE(n, kl, ku) (U_SIZE(n, kl, ku) + (DENSE(n, kl) ? (n) * ((n) - 1) / 2 : (n) * (kl)))
/* Rows as they are eliminated: entry (i, j) is at i WIDTH + j - SHIFT(i); what fills a row up stays zero. */
#define WIDTH(n, kl, ku) ((DENSE(n, kl) ? (n) : 2 * (kl) + (ku) + 1) + VW)
#define SHIFT(n, kl, i) (DENSE(n, kl) ? 0 : (i) - (kl))
#define ENTRY(n, kl, ku, i, j) ((i) * WIDTH(n, kl, ku) + (j) - SHIFT(n, kl, i))

INLINE long u_row(long n, long kl, long ku, long i) { return DENSE(n, kl) ? i * n - i * (i - 1) / 2 : i * (kl + ku + 1); }
INLINE long l_column(long n, long kl, long ku, long j) {
  return U_SIZE(n, kl, ku) + (DENSE(n, kl) ? j * (n - 1) - j * (j - 1) / 2 : j * kl);
}

/* Factors of the rows `a`, which are overwritten. */
INLINE void factorise(const long n, const long kl, const long ku, double *a, double *lu, int *pivots) {
  for (long j = 0; j < n; j++) {
    long low = LEAST(j + kl, n - 1), right = LEAST(j + kl + ku, n - 1), p = j;
    for (long i = j + 1; i <= low; i++)
      if (fabs(a[ENTRY(n, kl, ku, i, j)]) > fabs(a[ENTRY(n, kl, ku, p, j)])) p = i;
    double *top = a + ENTRY(n, kl, ku, j, j), *u = lu + u_row(n, kl, ku, j), *l = lu + l_column(n, kl, ku, j);
    pivots[j] = p;
    if (p != j) {
      double *other = a + ENTRY(n, kl, ku, p, j);
      for (long c = 0; c <= right - j; c++) { double b = top[c]; top[c] = other[c]; other[c] = b; }
    }
    double inverse = 1 / top[0];
    u[0] = inverse;
    memcpy(u + 1, top + 1, (right - j) * 8);
    for (long i = j + 1; i <= low; i++) {
      double *row = a + ENTRY(n, kl, ku, i, j), f = row[0] * inverse;
      l[i - j - 1] = f;
      if (f != 0)
        for (long c = 1; c <= right - j; c += VW) *(loose *)(row + c) -= f * *(loose *)(top + c);
    }
  }
}

INLINE void solve(const long n, const long kl, const long ku, const double *lu, const int *pivots, double *b) {
  for (long j = 0; j < n; j++) {
    const double *l = lu + l_column(n, kl, ku, j);
    long p = pivots[j], low = LEAST(j + kl, n - 1);
    double x = b[p];
    b[p] = b[j];
    b[j] = x;
    for (long i = j + 1; i <= low; i++) b[i] -= l[i - j - 1] * x;
  }
  for (long i = n - 1; i >= 0; i--) {
    const double *u = lu + u_row(n, kl, ku, i);
    double s = b[i];
    for (long c = LEAST(kl + ku, n - 1 - i); c > 0; c--) s -= u[c] * b[i + c];
    b[i] = s * u[0];
  }
}

INLINE void solve_transposed(const long n, const long kl, const long ku, const double *lu, const int *pivots, double *b) {
  for (long i = 0; i < n; i++) {
    const double *u = lu + u_row(n, kl, ku, i);
    double x = b[i] *= u[0];
    for (long c = LEAST(kl + ku, n - 1 - i); c > 0; c--) b[i + c] -= u[c] * x;
  }
  for (long j = n - 1; j >= 0; j--) {
    const double *l = lu + l_column(n, kl, ku, j);
    double s = b[j];
    for (long i = LEAST(j + kl, n - 1); i > j; i--) s -= l[i - j - 1] * b[i];
    long p = pivots[j];
    b[j] = b[p];
    b[p] = s;
  }
}

#define EACH _Pragma("GCC unroll 8") for (int w = 0; w < PW; w++)

INLINE void solve_panel(const long n, const long kl, const long ku, const double *lu, const int *pivots, panel *b) {
  for (long j = 0; j < n; j++) {
    const double *l = lu + l_column(n, kl, ku, j);
    long p = pivots[j], low = LEAST(j + kl, n - 1);
    panel x = b[p];
    b[p] = b[j];
    b[j] = x;
    for (long i = j + 1; i <= low; i++) { EACH b[i].v[w] -= l[i - j - 1] * x.v[w]; }
  }
  for (long i = n - 1; i >= 0; i--) {
    const double *u = lu + u_row(n, kl, ku, i);
    long c = LEAST(kl + ku, n - 1 - i);
    panel s = b[i], more = {0};
    for (; c > 1; c -= 2) {
      EACH s.v[w] -= u[c] * b[i + c].v[w];
      EACH more.v[w] += u[c - 1] * b[i + c - 1].v[w];
    }
    if (c) { EACH s.v[w] -= u[1] * b[i + 1].v[w]; }
    EACH b[i].v[w] = (s.v[w] - more.v[w]) * u[0];
  }
}

INLINE void solve_panel_transposed(const long n, const long kl, const long ku, const double *lu, const int *pivots, panel *b) {
  for (long i = 0; i < n; i++) {
    const double *u = lu + u_row(n, kl, ku, i);
    panel x = b[i];
    EACH x.v[w] *= u[0];
    b[i] = x;
    for (long c = LEAST(kl + ku, n - 1 - i); c > 0; c--) { EACH b[i + c].v[w] -= u[c] * x.v[w]; }
  }
  for (long j = n - 1; j >= 0; j--) {
    const double *l = lu + l_column(n, kl, ku, j) - j - 1;
    long i = LEAST(j + kl, n - 1);
    panel s = b[j], more = {0};
    for (; i > j + 1; i -= 2) {
      EACH s.v[w] -= l[i] * b[i].v[w];
      EACH more.v[w] += l[i - 1] * b[i - 1].v[w];
    }
    if (i > j) { EACH s.v[w] -= l[i] * b[i].v[w]; }
    EACH s.v[w] -= more.v[w];
    long p = pivots[j];
    b[j] = b[p];
    b[p] = s;
  }
}
