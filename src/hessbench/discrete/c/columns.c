/* Sweeps by columns, in segments of steps; entries of each stage are stored in the order J, A, YY, YU (see `_expressions`).

   Terms of the loss between the ends, and events, stand at `count` places `marks`, in order: numbers of steps taken before
   each. `jumps` (count, N) are the terms' derivatives by the state, by which the costate grows there on its way back. At an
   event the state goes over into another one: number which[k] of `maps` (N, N) and (N, COLUMNS) are the derivatives by the
   state before and by the unknowns, `after` (N) is the state behind; which[k] is negative for terms, and `which` null where
   there are no events. `behind` (count, N) gets the costates behind events. */
typedef struct {
  long count;
  const double *marks, *jumps, *which, *maps, *after;
  double *behind;
} Places;

static const double *map_at(const Places *p, long mark) {
  return p->which && p->which[mark] >= 0 ? p->maps + (long)p->which[mark] * N * (N + COLUMNS) : 0;
}

/* How many of the places are not behind step k. */
static long reached(long k, const Places *p) {
  long count = p->count;
  while (count && p->marks[count - 1] > k) count--;
  return count;
}

/* Take the costate, or a derivative of it, back over the places, of the first `mark` ones, that are not before step k; how many
   are left. `jumps` are those of the terms, or the derivatives of these. */
static long jump(long k, long mark, const Places *p, const double *jumps, double *lam) {
  for (; mark && p->marks[mark - 1] >= k; mark--) {
    const double *map = map_at(p, mark - 1);
    if (map) {
      double *behind = memcpy(p->behind + (mark - 1) * N, lam, N * 8);
      for (int r = 0; r < N; r++) {
        lam[r] = 0;
        for (int j = 0; j < N; j++) lam[r] += map[j * N + r] * behind[j];
      }
    }
    for (int r = 0; r < N; r++) lam[r] += jumps[(mark - 1) * N + r];
  }
  return mark;
}

/* The first place of those that belong to a segment from step `first` on: all up to that step belong to the one before. */
static long begins(long first, const Places *p) { return first ? reached(first, p) : 0; }

/* The stages of steps k0 .. k1 from the state y, which goes over into others at events. */
static void again(long k0, long k1, const double *y, const Places *p, const double *C, const double *ts, const double *hs,
                  double *XS, double *TS) {
  for (long from = k0, stop; from < k1; from = stop) {
    const double *next = 0;
    stop = k1;
    for (long mark = p->which ? p->count : 0; mark; mark--)
      if (p->which[mark - 1] >= 0 && p->marks[mark - 1] > from && p->marks[mark - 1] <= stop) {
        if (p->marks[mark - 1] < stop || !next) next = p->after + (mark - 1) * N;
        stop = p->marks[mark - 1];
      }
    replay(k0, from, stop, y, C, ts, hs, XS, TS);
    y = next;
  }
}

/* Repeats the last stage in the rest of its vector, so that all lanes are finite; multipliers are zero there. */
static void pad(double *X, double *T, double *L, long count) {
  for (long g = count; g % VW; g++) {
    for (int r = 0; r < M; r++) {
      X[(g / VW * M + r) * VW + g % VW] = X[((count - 1) / VW * M + r) * VW + (count - 1) % VW];
      L[(g / VW * M + r) * VW + g % VW] = 0;
    }
    if (!AUTONOMOUS) T[g] = T[count - 1];
  }
}

static void multipliers_of(long k0, long k1, const double *C, const double *hs, double *X, double *T, double *J, double *L,
                           const Places *p, double *lam) {
  long used = ((k1 - k0) * S + VW - 1) / VW, mark = reached(k1, p);
  for (long b = 0; b < used; b++)
    jacobian((vd *)T + (AUTONOMOUS ? 0 : b), (vd *)(X + b * M * VW), C, (vd *)(J + b * NJ * VW));
  for (long k = k1 - 1; k >= k0; k--) {
    mark = jump(k + 1, mark, p, p->jumps, lam);
    multipliers(hs[k], (k - k0) * S, J, L, lam);
  }
  if (!k0) jump(0, mark, p, p->jumps, lam);
  pad(X, T, L, (k1 - k0) * S);
}

/* The costate from step `steps` back to `from`, in segments of `seg` steps (seg * S a multiple of VW). If not `stored`, XS, TS
   and LS hold one segment, refilled from the states ys. J: Jacobians of a segment. `ends` keeps the costate at the end of
   every segment, `sums` (NP) what is added up for the gradient in the parameters, G (COLUMNS). */
void costates(long from, long steps, long seg, long stored, const double *C, const double *ts, const double *hs,
              const double *ys, double *XS, double *TS, const Places *p, double *LS, double *J, double *lam, double *ends,
              vd *sums, double *G) {
  for (long k0 = (steps - 1) / seg * seg; k0 >= from; k0 -= seg) {
    long k1 = k0 + seg < steps ? k0 + seg : steps, at = stored ? k0 * S : 0, used = ((k1 - k0) * S + VW - 1) / VW;
    double *X = XS + at * M, *T = AUTONOMOUS ? TS : TS + at, *L = LS + at * M;
    if (!stored) again(k0, k1, ys + k0 / seg * N, p, C, ts, hs, X, T);
    memcpy(ends + k0 / seg * N, lam, N * 8);
    multipliers_of(k0, k1, C, hs, X, T, J, L, p, lam);
    for (long b = 0; b < used; b++)
      pull_parameters((vd *)T + (AUTONOMOUS ? 0 : b), (vd *)(X + b * M * VW), C, (vd *)(L + b * M * VW), sums);
  }
  for (int e = 0; e < NP; e++) G[PCOL[e]] = total(sums[e]);
}

/* Entries O of the stages of steps k0 .. k1, the segment that begins at k0; U (NU vectors) collects q . F_,uu. */
void entries(long k0, long k1, long seg, long stored, const double *C, const double *ts, const double *hs, const double *ys,
             double *XS, double *TS, const Places *p, double *LS, double *J, const double *ends, double *O, vd *U) {
  long at = stored ? k0 * S : 0, used = ((k1 - k0) * S + VW - 1) / VW;
  double *X = XS + at * M, *T = AUTONOMOUS ? TS : TS + at, *L = LS + at * M, lam[N];
  if (!stored) {
    again(k0, k1, ys + k0 / seg * N, p, C, ts, hs, X, T);
    memcpy(lam, ends + k0 / seg * N, sizeof lam);
    multipliers_of(k0, k1, C, hs, X, T, J, L, p, lam);
  }
  for (long b = 0; b < used; b++)
    second((vd *)T + (AUTONOMOUS ? 0 : b), (vd *)(X + b * M * VW), C, (vd *)(L + b * M * VW), (vd *)(O + b * NE * VW), U);
}

/* Tangents phi at a place are noted in `kept`, and go over into those behind it. */
static void note(const Places *p, long mark, vd *kept, vd *phi) {
  const double *map = map_at(p, mark);
  memcpy(kept, phi, N * NV * sizeof(vd));
  if (!map) return;
  memset(phi, 0, N * NV * sizeof(vd));
  for (int r = 0; r < N; r++) {
    for (int j = 0; j < N; j++)
      for (int v = 0; v < NV; v++) phi[r * NV + v] += map[r * N + j] * kept[j * NV + v];
    for (int c = 0; c < COLUMNS; c++) ((double *)(phi + r * NV))[c] += map[N * N + r * COLUMNS + c];
  }
}

/* The same for the tangent v (N) along a direction d (COLUMNS). */
static void note_one(const Places *p, long mark, double *kept, const double *d, double *v) {
  const double *map = map_at(p, mark);
  memcpy(kept, v, N * 8);
  if (!map) return;
  for (int r = 0; r < N; r++) {
    v[r] = 0;
    for (int j = 0; j < N; j++) v[r] += map[r * N + j] * kept[j];
    for (int c = 0; c < COLUMNS; c++) v[r] += map[N * N + r * COLUMNS + c] * d[c];
  }
}

/* Tangents V of the stages of a segment, which begins at step `first`, and Z = YY V + 2 YU, rows of COLUMNS; phi (N rows) is
   carried over it, and noted at each of the segment's places. */
void all_tangents(long first, long steps, const double *hs, const double *O, const Places *p, vd *phi, vd *V, vd *Z,
                  vd *kept) {
  static _Thread_local vd K[S][M * NV];
  long mark = begins(first, p);
  for (; mark < p->count && p->marks[mark] == first; mark++, kept += N * NV) note(p, mark, kept, phi);
  for (long k = 0; k < steps; k++) {
    for (int i = 0; i < S; i++) {
      long g = k * S + i;
      const double *o = O + g / VW * NE * VW + g % VW;
      vd *v = V + g * M * NV, *z = Z + g * M * NV;
      tangents(i, phi, hs[k], K, v);
      times_jacobian(o, v, K[i]);
      for (int e = 0; e < NA; e++) ((double *)K[i])[AROW[e] * NV * VW + ACOL[e]] += o[(NJ + e) * VW];
      times_contraction(o + (NJ + NA) * VW, v, z);
      for (int e = 0; e < NYU; e++) ((double *)z)[YUROW[e] * NV * VW + YUCOL[e]] += 2 * o[(NJ + NA + NYY + e) * VW];
    }
    advance(phi, hs[k], K);
    for (; mark < p->count && p->marks[mark] == first + k + 1; mark++, kept += N * NV) note(p, mark, kept, phi);
  }
}

/* One direction: d (COLUMNS) in the parameters, v (N) in the state, carried over a segment; V keeps those of the stages, and
   `kept` (count, N) those at the places. */
void push(long first, long steps, const double *hs, const double *O, const Places *p, const double *d, double *v, double *V,
          double *kept) {
  double K[S][N], x[N];
  long mark = begins(first, p);
  for (; mark < p->count && p->marks[mark] == first; mark++) note_one(p, mark, kept + mark * N, d, v);
  for (long b = 0; b < (steps * S + VW - 1) / VW; b++) {
    const vd *o = (const vd *)(O + b * NE * VW) + NJ;
    vd *ad = (vd *)(V + b * N * VW);
    memset(ad, 0, N * sizeof(vd));
    for (int e = 0; e < NA; e++) ad[AROW[e]] += o[e] * d[ACOL[e]];
  }
  for (long k = 0; k < steps; k++) {
    for (int i = 0; i < S; i++) {
      long g = k * S + i;
      const double *o = O + g / VW * NE * VW + g % VW;
      double *keep = V + g / VW * N * VW + g % VW;
      for (int r = 0; r < N; r++) {
        double sum = 0;
        for (int j = 0; j < i; j++) sum += WEIGHTS[i][j] * K[j][r];
        x[r] = v[r] + hs[k] * sum;
        K[i][r] = keep[r * VW];
        keep[r * VW] = x[r];
      }
      for (int e = 0; e < NJ; e++) K[i][JROW[e]] += o[e * VW] * x[JCOL[e]];
    }
    for (int r = 0; r < N; r++) {
      double sum = 0;
      for (int j = 0; j < S; j++) sum += WEIGHTS[S][j] * K[j][r];
      v[r] += hs[k] * sum;
    }
    for (; mark < p->count && p->marks[mark] == first + k + 1; mark++) note_one(p, mark, kept + mark * N, d, v);
  }
  for (long g = steps * S; g % VW; g++)
    for (int r = 0; r < N; r++) V[(g / VW * N + r) * VW + g % VW] = 0;
}

/* The derivative of the costate along that direction, carried back over a segment; H (COLUMNS vectors) collects the product.
   `jumps` are those of that derivative. W: room for one number per stage and state. */
void pull_back(long first, long steps, const double *hs, const double *O, const Places *p, const double *jumps, const double *d,
               const double *V, double *W, double *lam, vd *H) {
  double theta[S][N], q[N];
  long blocks = (steps * S + VW - 1) / VW, mark = reached(first + steps, p);
  for (long b = 0; b < blocks; b++) {
    const vd *yy = (const vd *)(O + b * NE * VW) + NJ + NA, *yu = yy + NYY, *v = (const vd *)(V + b * N * VW);
    vd *w = (vd *)(W + b * N * VW);
    memset(w, 0, N * sizeof(vd));
    for (int e = 0; e < NYY; e++) w[YYROW[e]] += yy[e] * v[YYCOL[e]];
    for (int e = 0; e < NYU; e++) {
      w[YUROW[e]] += yu[e] * d[YUCOL[e]];
      H[YUCOL[e]] += yu[e] * v[YUROW[e]];
    }
  }
  for (long k = steps - 1; k >= 0; k--) {
    mark = jump(first + k + 1, mark, p, jumps, lam);
    for (int i = S - 1; i >= 0; i--) {
      long g = k * S + i;
      const double *o = O + g / VW * NE * VW + g % VW;
      double *w = W + g / VW * N * VW + g % VW;
      for (int r = 0; r < N; r++) {
        double sum = WEIGHTS[S][i] * lam[r];
        for (int j = i + 1; j < S; j++) sum += WEIGHTS[j][i] * theta[j][r];
        q[r] = hs[k] * sum;
        theta[i][r] = w[r * VW];
        w[r * VW] = q[r];
      }
      for (int e = 0; e < NJ; e++) theta[i][JCOL[e]] += o[e * VW] * q[JROW[e]];
    }
    for (int r = 0; r < N; r++) for (int i = 0; i < S; i++) lam[r] += theta[i][r];
  }
  if (!first) jump(0, mark, p, jumps, lam);
  for (long g = steps * S; g % VW; g++)
    for (int r = 0; r < N; r++) W[(g / VW * N + r) * VW + g % VW] = 0;
  for (long b = 0; b < blocks; b++) {
    const vd *a = (const vd *)(O + b * NE * VW) + NJ, *q_all = (const vd *)(W + b * N * VW);
    for (int e = 0; e < NA; e++) H[ACOL[e]] += a[e] * q_all[AROW[e]];
  }
}
