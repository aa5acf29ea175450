/* Radau IIA 5: the forward solve with error control. The sweeps over its steps are in `sweeps.c`.

   Before this come `linear.c` and what `kernel.py` generates: N states, NP active parameters, TANGENTS in the error norm, KL and KU
   diagonals of the Jacobian in the order PLACE of the states; AIJ, NODES, ESTIMATE, MU and the constants of the controller;
   numbers NJ, NA, NYY, NYU, NUU of entries with their ROW and COL; and the functions

     slope(t, X, C, G)      jacobian(t, X, C, O)      by_params(t, X, C, O)      second(t, X, C, L, O)

   of one point. `second` writes the entries YY = q . F_,yy, YU = q . F_,yu, UU = q . F_,uu (lower triangle), q = L.
   Row i of state k in a step's system of 3 N rows is AT(k, i). */
#define S 3
#define ROWS (S * N)
#define KL3 (KL == N - 1 ? ROWS - 1 : S * KL + S - 1)
#define KU3 (KL == N - 1 ? ROWS - 1 : S * KU + S - 1)
#define AT(k, i) (S * PLACE[k] + (i))
#define STAGES ROWS, KL3, KU3
#define STATE N, KL, KU
#define R (1 + TANGENTS)
#define NE (NYY + NYU + NUU)
#if N <= 24  /* small arrays on the stack, where they are reached faster */
#define LOCAL
#else
#define LOCAL static _Thread_local
#endif
#define SOME(n) ((n) > 0 ? (n) : 1)

const long lu_size = LU_SIZE(ROWS, KL3, KU3);

/* Factors of 1 - h A_ij J_j. */
static void factorise_stages(double h, const double J[S][SOME(NJ)], double *lu, int *pivots) {
  LOCAL double a[ROWS * WIDTH(ROWS, KL3, KU3)];
  memset(a, 0, sizeof a);
  for (int i = 0; i < ROWS; i++) a[ENTRY(ROWS, KL3, KU3, i, i)] = 1;
  for (int e = 0; e < NJ; e++)
    for (int j = 0; j < S; j++)
      for (int i = 0; i < S; i++) a[ENTRY(ROWS, KL3, KU3, AT(JROW[e], i), AT(JCOL[e], j))] -= h * AIJ[i][j] * J[j][e];
  factorise(STAGES, a, lu, pivots);
}

/* Factors of MU / h - J, for the error estimate. */
static void factorise_state(double h, const double *J, double *lu, int *pivots) {
  LOCAL double a[N * WIDTH(N, KL, KU)];
  memset(a, 0, sizeof a);
  for (int i = 0; i < N; i++) a[ENTRY(N, KL, KU, i, i)] = MU / h;
  for (int e = 0; e < NJ; e++) a[ENTRY(N, KL, KU, PLACE[JROW[e]], PLACE[JCOL[e]])] -= J[e];
  factorise(STATE, a, lu, pivots);
}

static void solve_state(const double *lu, const int *pivots, double *x) {
  double b[N];
  for (int k = 0; k < N; k++) b[PLACE[k]] = x[k];
  solve(STATE, lu, pivots, b);
  for (int k = 0; k < N; k++) x[k] = b[PLACE[k]];
}

static void jacobians(double t, double h, const double *X, const double *C, double J[S][SOME(NJ)]) {
  for (int j = 0; j < S; j++) jacobian(t + NODES[j] * h, X + j * N, C, J[j]);
}

/* At most `most` corrections of the stages X; the size of the last one in units of `small`, infinite where they grow. */
static double newton(double t, double h, const double *y, double *X, const double *C, const double *lu, const int *pivots,
                     const double *small, int most, long *evaluations) {
  double last = INFINITY, F[S][N], b[ROWS];
  for (int done = 1; done <= most; done++) {
    for (int j = 0; j < S; j++) slope(t + NODES[j] * h, X + j * N, C, F[j]);
    *evaluations += S;
    for (int k = 0; k < N; k++)
      for (int i = 0; i < S; i++)
        b[AT(k, i)] = h * (AIJ[i][0] * F[0][k] + AIJ[i][1] * F[1][k] + AIJ[i][2] * F[2][k]) - (X[i * N + k] - y[k]);
    solve(STAGES, lu, pivots, b);
    double size = 0;
    for (int k = 0; k < N; k++)
      for (int i = 0; i < S; i++) {
        double part = fabs(b[AT(k, i)]) / small[k];
        if (!(part <= size)) size = part;
      }
    if (!isfinite(size) || (size > DIVERGES * last && size > 1e3)) return INFINITY;
    for (int k = 0; k < N; k++)
      for (int i = 0; i < S; i++) X[i * N + k] += b[AT(k, i)];
    if (size < 1 || (done > 2 && size > 0.5 * last && size < 1e3)) return size;
    last = size;
  }
  return last;
}

/* RMS of `rows` rows of errors as a share of all R N components. */
static double norm(const double *error, const double *new, int rows, double rtol, double loosened, const double *atol) {
  double sum = 0;
  for (int i = 0; i < rows * N; i++) {
    double e = error[i] / (loosened * (atol[i] + rtol * fabs(new[i])));
    sum += e * e;
  }
  return sqrt(sum / (R * N));
}

/* out = J w + A d, by entries at one point. */
static void linear(const double *J, const double *A, const double *w, const double *d, double *out) {
  memset(out, 0, N * 8);
  for (int e = 0; e < NJ; e++) out[JROW[e]] += J[e] * w[JCOL[e]];
  for (int e = 0; e < NA; e++) out[AROW[e]] += A[e] * d[ACOL[e]];
}

/* Stages of the step before, carried on to this one, `ratio` times as long. */
static void extrapolate(double ratio, const double *y, const double *before, double *X) {
  double nodes[S + 1] = {0, NODES[0], NODES[1], NODES[2]};
  for (int i = 0; i < S; i++) {
    double at = 1 + ratio * NODES[i], weights[S + 1];
    for (int j = 0; j <= S; j++) {
      weights[j] = 1;
      for (int k = 0; k <= S; k++)
        if (k != j) weights[j] *= (at - nodes[k]) / (nodes[j] - nodes[k]);
    }
    for (int k = 0; k < N; k++)
      X[i * N + k] = weights[0] * y[k] + weights[1] * before[k] + weights[2] * before[N + k] + weights[3] * before[2 * N + k];
  }
}

/* From step n at time t on, to t1 or until there are `room` steps. state (R, N), atol (R, N), largest (R, N); D (TANGENTS, NP):
   directions of the tangents in the active parameters. Starts ts, sizes hs, states YS (N), stages XS (3 N), and where LUS is not
   null the factors of each step. `info`: evaluations, rejected, t, size, error of the last step, n,
   and the largest |h F_k,k|.
   Returns 0 at t1, -1 after max_steps, -2 where the step became too small, -3 where there is no room. */
long forward(double *state, const double *P, double *C, double t, double t1, double size, double rtol, double loosened,
             const double *atol, long n, long max_steps, long room, const double *D, double *ts, double *hs, double *YS,
             double *XS, double *LUS, int *PIVOTS, double *largest, double *info) {
  LOCAL double J[S][SOME(NJ)], A[S][SOME(NA)], J0[SOME(NJ)], A0[SOME(NA)];
  LOCAL double lu[LU_SIZE(ROWS, KL3, KU3)], real[LU_SIZE(N, KL, KU)];
  LOCAL double F[N], small[N], error[R * N], new[R * N], moved[R * N], X[ROWS];
  LOCAL int pivots[ROWS], real_pivots[N];
  const double way = t1 > t ? 1 : -1;
  double last = info[4];
  long evaluations = 1, rejected = 0, status = 0;
  double stiffest = info[6];
  if (n == 0) {
    prepare(P, C);
    memcpy(largest, state, R * N * 8);
    for (int i = 0; i < R * N; i++) largest[i] = fabs(largest[i]);
  }
  slope(t, state, C, F);
  jacobian(t, state, C, J0);
  by_params(t, state, C, A0);
  if (size == 0) {
    double sum = 0;
    for (int k = 0; k < N; k++) {
      double part = F[k] / (atol[k] / rtol + fabs(state[k]));
      sum += part * part;
    }
    double rate = sqrt(sum / N), length = fabs(t1 - t);
    size = rate > 0 && isfinite(rate) ? fmin(length, 5e-3 / rate) : 1e-3 * length;
  }
  while ((t1 - t) * way > 0) {
    if (n == room) { status = -3; break; }
    double shortest = 10 * fabs(nextafter(t, way * INFINITY) - t), e = INFINITY, h, end, asked;
    int again = 0;
    size = fmax(size, shortest);
    for (;;) {
      if (n >= max_steps) { status = -1; break; }
      if (!(size >= shortest)) { status = -2; break; }
      end = (t + way * size * (1 + 1e-9) - t1) * way > 0 ? t1 : t + way * size;
      h = end - t;
      asked = size;
      e = NAN;
      if (n) extrapolate(h / hs[n - 1], YS + (n - 1) * N, XS + (n - 1) * ROWS, X);
      else for (int i = 0; i < S; i++) memcpy(X + i * N, state, N * 8);
      double top = 0;
      for (int k = 0; k < N; k++) top = fmax(top, fabs(state[k]));
      for (int k = 0; k < N; k++) small[k] = ROUND_OFF * (top > 0 ? fmin(top, atol[k] / rtol) : atol[k] / rtol) + ROUND_OFF * fabs(state[k]);
      jacobians(t, h, X, C, J);
      factorise_stages(h, J, lu, pivots);
      for (int matrices = 0; matrices <= REFACTORED; matrices++) {
        double size = newton(t, h, state, X, C, lu, pivots, small, matrices ? 1 : CORRECTIONS, &evaluations);
        if (!isfinite(size)) break;
        if (matrices && size * ROUND_OFF < (matrices > 1 ? fmax(SAME, NOISE * rtol) : SAME)) { e = 0; break; }
        jacobians(t, h, X, C, J);
        factorise_stages(h, J, lu, pivots);
      }
      if (e == 0) {  /* the stages have converged */
        factorise_state(h, J0, real, real_pivots);
        for (int k = 0; k < N; k++) {
          new[k] = X[2 * N + k];
          moved[k] = (ESTIMATE[0] * (X[k] - state[k]) + ESTIMATE[1] * (X[N + k] - state[k]) + ESTIMATE[2] * (new[k] - state[k])) / h;
          error[k] = F[k] + moved[k];
        }
        solve_state(real, real_pivots, error);
        if ((again || n == 0) && !(norm(error, new, 1, rtol, loosened, atol) < 1)) {
          double at[N];
          for (int k = 0; k < N; k++) at[k] = state[k] + error[k];
          slope(t, at, C, error);
          evaluations++;
          for (int k = 0; k < N; k++) error[k] += moved[k];
          solve_state(real, real_pivots, error);
        }
        e = norm(error, new, 1, rtol, loosened, atol);
        if (e < 1 && TANGENTS) {
          for (int j = 0; j < S; j++) by_params(t + NODES[j] * h, X + j * N, C, A[j]);
          for (int r = 1; r < R; r++) {
            double drift[S][N], b[ROWS], *w = state + r * N, at[N];
            memset(drift, 0, sizeof drift);
            for (int j = 0; j < S; j++)
              for (int q = 0; q < NA; q++) drift[j][AROW[q]] += A[j][q] * D[(r - 1) * NP + ACOL[q]];
            for (int k = 0; k < N; k++)
              for (int i = 0; i < S; i++)
                b[AT(k, i)] = w[k] + h * (AIJ[i][0] * drift[0][k] + AIJ[i][1] * drift[1][k] + AIJ[i][2] * drift[2][k]);
            solve(STAGES, lu, pivots, b);
            double *er = error + r * N, *mr = moved + r * N;
            linear(J0, A0, w, D + (r - 1) * NP, er);
            for (int k = 0; k < N; k++) {
              new[r * N + k] = b[AT(k, 2)];
              mr[k] = 0;
              for (int i = 0; i < S; i++) mr[k] += ESTIMATE[i] * (b[AT(k, i)] - w[k]) / h;
              er[k] += mr[k];
            }
            solve_state(real, real_pivots, er);
            if (again || n == 0) {
              for (int k = 0; k < N; k++) at[k] = w[k] + er[k];
              linear(J0, A0, at, D + (r - 1) * NP, er);
              for (int k = 0; k < N; k++) er[k] += mr[k];
              solve_state(real, real_pivots, er);
            }
          }
          e = norm(error, new, R, rtol, loosened, atol);
        }
        if (e < 1) break;
      }
      double factor = isnan(e) ? 0.5 : SAFETY * pow(e, EXPONENT);
      size = fabs(h) * fmax(MIN_FACTOR, factor);
      again = 1;
      rejected++;
    }
    if (status) break;
    ts[n] = t;
    hs[n] = h;
    for (int e = 0; e < NJ; e++)
      if (JROW[e] == JCOL[e]) stiffest = fmax(stiffest, fabs(h * J[2][e]));
    memcpy(YS + n * N, state, N * 8);
    memcpy(XS + n * ROWS, X, sizeof X);
    if (LUS) {
      memcpy(LUS + n * lu_size, lu, sizeof lu);
      memcpy(PIVOTS + n * ROWS, pivots, sizeof pivots);
    }
    double grow = e == 0 ? MAX_FACTOR : SAFETY * pow(e, EXPONENT);
    if (n && e > 0) grow = fmin(grow, grow * fabs(h / hs[n - 1]) * pow(last / e, -EXPONENT));
    grow = fmin(MAX_FACTOR, fmax(MIN_FACTOR, grow));
    size = fabs(h) * (again ? fmin(1, grow) : grow);
    if (end == t1) size = fmax(size, asked);
    last = fmax(e, 1e-2);
    n++;
    t = end;
    memcpy(state, new, sizeof new);
    for (int i = 0; i < R * N; i++) largest[i] = fmax(largest[i], fabs(state[i]));
    if (t != t1) {
      slope(t, state, C, F);
      evaluations++;
      memcpy(J0, J[2], sizeof J0);
      if (TANGENTS && NA) memcpy(A0, A[2], sizeof A0);
    }
  }
  info[0] = evaluations; info[1] = rejected; info[2] = t; info[3] = size; info[4] = last; info[5] = n;
  info[6] = stiffest;
  return status;
}
