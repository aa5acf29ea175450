/* A solve with events. Before this come those of `jumps.c`, TANGENTS, and EVENTS, WATCHED of which are found as roots.

   The solve goes step by step where there are roots to be found; in each step they are looked for along the quintic through both
   ends, and the step is taken again, to the root, until that does not move any more. Times are folded: t = t0 + tau sigma. */
enum { SAMPLES = 8, MANY = 12, ROOM = 16 };
enum { FULL = -3, MORE = -4, TOUCHED = -5, ALWAYS = -6, THROUGH = -7, OFTEN = -8, TOGETHER = -9 };

typedef long Forward(double *, const double *, double *, double, const double *, long, long, double, double, const double *, long,
                     long, long, long, long, double *, double *, double *, double *, double *, double *, double *,
                     const double *, double *, double *);

typedef struct {
  Forward *forward;
  double *state;
  const double *P;
  double *C, *ts, *hs, *ys, *XS, *TS, *marks, *seen, *largest;
  const double *atol, *kicks, *targets;
  long count, most, stride, cap;
  double rtol, t0, sigma, span; /* of the time, and the length of the folded time */
  const double *a, *along;      /* (PA) parameters, (TANGENTS, PA + 2) the tangents' directions in them, t0 and t1 */
  const double *directions, *allowed; /* of each event */
  long jumps;                         /* known ones, in order: after target number `at` (-1: at the start), of which event, */
  const double *at, *of, *moves;      /* and the derivatives (jumps, PA) of their times */
  /* what happened: places for `room` events: steps before, times, numbers, which known one (-1: a root), states (M) */
  long room;
  double *o_marks, *o_tau, *o_event, *o_known, *o_before, *o_after;
  /* where it stands */
  double t, size, norm, evaluations, rejected, limited;
  long n, next, begun, jumped, happened, where;
  double *signs, *sizes, *counts; /* of each event */
} Solve;

static const int watched[] = WATCHED_ONES;

static void inputs(const Solve *s, double tau, const double *z, double *v) {
  memcpy(v, z, N * 8);
  memcpy(v + N, s->a, PA * 8);
  v[KV - 1] = s->t0 + tau * s->sigma;
}

static double dot(const double *a, const double *b, int count) {
  double sum = 0;
  for (int i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}

/* v' = (F, 0, 1) along the flow. */
static void flow(const double *F, double *out) {
  memset(out, 0, KV * 8);
  memcpy(out, F, N * 8);
  out[KV - 1] = 1;
}

static double value(const Solve *s, int e, double tau, const double *z) {
  double v[KV], o[1 + KV] = {0};
  inputs(s, tau, z, v);
  root(e, v, 0, o);
  return o[0];
}

static long advance(Solve *s, const double *targets, long next, long count, long cap, double *marks, double *seen) {
  double info[8];
  long status = s->forward(s->state, s->P, s->C, s->t, targets, next, count, s->size, s->rtol, s->atol, s->n, s->most, cap, 0,
                           s->stride, s->ts, s->hs, s->ys, s->XS, s->TS, marks, seen, s->kicks, s->largest, info);
  s->evaluations += info[0];
  s->rejected += info[1];
  s->t = info[2];
  s->size = info[3];
  s->norm = info[4];
  s->n = (long)info[5];
  s->limited += info[6];
  if (targets == s->targets) s->next = (long)info[7];
  return status;
}

/* The signs of what is watched, just behind where the solve stands. */
static long look(Solve *s) {
  double v[KV], o[M + M * KV] = {0}, half[M], there[M], span = s->span * s->sigma, h = PROBE * span;
  for (int i = 0; i < WATCHED; i++) {
    int e = watched[i];
    double here = value(s, e, s->t, s->state), tau = h / s->sigma;
    s->sizes[e] = fmax(s->sizes[e], fabs(here));
    inputs(s, s->t, s->state, v);
    field(v, 0, o);
    for (int r = 0; r < N; r++) half[r] = s->state[r] + h / 2 * o[r];
    inputs(s, s->t + tau / 2, half, v);
    field(v, 0, o);
    for (int r = 0; r < N; r++) there[r] = s->state[r] + h * o[r];
    double ahead = value(s, e, s->t + tau, there);
    if (fabs(here) > fmax(NEAR * s->sizes[e], 1e-3 * fabs(ahead - here))) {
      s->signs[e] = here > 0 ? 1 : -1;
      continue;
    }
    s->signs[e] = ahead > 0 ? 1 : ahead < 0 ? -1 : 0;
    s->where = e;
    if (ahead == 0) return ALWAYS;
    if (s->counts[e] && s->signs[e] == s->directions[e]) return THROUGH;
  }
  return 0;
}

/* Event e happens where the solve stands; `known` is the number of a known one, -1 for a root. */
static long happens(Solve *s, int e, long known) {
  static _Thread_local double before[M + M * KV], behind[M + M * KV], h[N + N * KV], c[1 + KV], v[KV], fm[KV], D[KV], Z[M];
  double *y = s->state, rate = -1;
  long k = s->happened;
  if (k == s->room) return MORE;
  memset(h, 0, sizeof h);
  memset(c, 0, sizeof c);
  inputs(s, s->t, y, v);
  field(v, 0, before);
  jump(e, v, 0, h);
  flow(before, fm);
  if (known < 0) {
    root(e, v, 0, c);
    rate = dot(c + 1, fm, KV);
  } else {
    memcpy(c + 1 + N, s->moves + known * PA, PA * 8);
    c[KV] = -1;
  }
  s->o_marks[k] = s->n;
  s->o_tau[k] = s->t;
  s->o_event[k] = e;
  s->o_known[k] = known;
  memcpy(s->o_before + k * M, y, M * 8);
  memcpy(y, h, N * 8);
  memcpy(s->o_after + k * M, y, M * 8);
  inputs(s, s->t, y, v);
  field(v, 0, behind);
  for (int i = 0; i < KV; i++) D[i] = -c[1 + i] / rate;
  for (int r = 0; r < M; r++) Z[r] = (r < N ? dot(h + N + r * KV, fm, KV) : before[r]) - behind[r];
  for (int j = 1; j <= TANGENTS; j++) {
    double *w = y + j * M, *along = v;
    const double *by = s->along + (j - 1) * (PA + 2), share = s->t; /* zero directions where no end time is free */
    memcpy(along, w, N * 8);
    memcpy(along + N, by, PA * 8);
    along[KV - 1] = (1 - share) * by[PA] + share * by[PA + 1];
    double moved = dot(D, along, KV);
    for (int r = 0; r < M; r++) w[r] = (r < N ? dot(h + N + r * KV, along, KV) : w[r]) + Z[r] * moved;
  }
  s->size = 0;
  s->happened++;
  return 0;
}
