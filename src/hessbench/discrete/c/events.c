/* A solve with events. Before this come N states, M of them with a running loss, PA parameters, KV inputs v = (y, a, t), TANGENTS,
   EVENTS, WATCHED of which are found as roots, the table C, and functions of v that set what is not zero of

     field(v, 0, o)       o = F (M), F' (M, KV)         jump_bent(e, v, w, o)   o (KV, KV) += w . h''
     jump(e, v, 0, o)     o = h (N), h' (N, KV)         root_bent(e, v, w, o)   o (KV, KV) += w[0] g''
     root(e, v, 0, o)     o = g, g' (KV)

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

void ready(void) { prepare(0, C); }

/* Slopes and Jacobians at `count` places V (KV). */
void fields(long count, const double *V, double *F, double *J) {
  static _Thread_local double o[M + M * KV];
  for (long k = 0; k < count; k++, V += KV, F += M, J += M * KV) {
    field(V, 0, o);
    memcpy(F, o, M * 8);
    memcpy(J, o + M, M * KV * 8);
  }
}

/* Jacobians of jumps `of`, and gradients of roots `found` (negative: none). */
void firsts(long count, const double *V, const double *of, const double *found, double *H, double *G) {
  for (long k = 0; k < count; k++, V += KV, H += N * KV, G += KV) {
    double h[N + N * KV], g[1 + KV];
    memset(h, 0, sizeof h);
    memset(g, 0, sizeof g);
    jump((int)of[k], V, 0, h);
    if (found[k] >= 0) root((int)of[k], V, 0, g);
    memcpy(H, h + N, N * KV * 8);
    memcpy(G, g + 1, KV * 8);
  }
}

/* Hessians of w . h + w[N] g. */
void seconds(long count, const double *V, const double *of, const double *w, double *out) {
  memset(out, 0, count * KV * KV * 8);
  for (long k = 0; k < count; k++, V += KV, w += N + 1, out += KV * KV) {
    jump_bent((int)of[k], V, w, out);
    root_bent((int)of[k], V, w + N, out);
  }
}

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

/* A step from (t, z) with the slopes and their derivatives at both ends, in units of its size. */
typedef struct {
  double t, h, z[2][M], d[2][M], e[2][M];
} Step;

static void end_of(const Solve *s, Step *p, int k, double tau, const double *z) {
  static _Thread_local double o[M + M * KV], v[KV], f[KV];
  double h = p->h * s->sigma;
  inputs(s, tau, z, v);
  field(v, 0, o);
  flow(o, f);
  for (int r = 0; r < M; r++) {
    p->z[k][r] = z[r];
    p->d[k][r] = h * o[r];
    p->e[k][r] = h * h * dot(o + M + r * KV, f, KV);
  }
}

/* Event function e at the part x of a step. */
static double within(const Solve *s, const Step *p, int e, double x) {
  double x2 = x * x, x3 = x2 * x, x4 = x3 * x, x5 = x4 * x, z[M];
  double b = 10 * x3 - 15 * x4 + 6 * x5;
  double weights[] = {1 - b, x - 6 * x3 + 8 * x4 - 3 * x5, x2 / 2 - 1.5 * x3 + 1.5 * x4 - x5 / 2,
                      b, -4 * x3 + 7 * x4 - 3 * x5, x3 / 2 - x4 + x5 / 2};
  for (int r = 0; r < M; r++)
    z[r] = weights[0] * p->z[0][r] + weights[1] * p->d[0][r] + weights[2] * p->e[0][r] + weights[3] * p->z[1][r] +
           weights[4] * p->d[1][r] + weights[5] * p->e[1][r];
  return value(s, e, p->t + x * p->h, z);
}

static double halved(const Solve *s, const Step *p, int e, double sign, double low, double high) {
  for (int k = 0; k < 50; k++) {
    double middle = (low + high) / 2;
    if (sign * within(s, p, e, middle) < 0) high = middle; else low = middle;
  }
  return high;
}

/* The lowest place between two parts of a step, by golden section. */
static double lowest(const Solve *s, const Step *p, int e, double sign, double low, double high) {
  const double part = 0.3819660112501051;
  double a = low + part * (high - low), b = high - part * (high - low);
  double va = sign * within(s, p, e, a), vb = sign * within(s, p, e, b);
  for (int k = 0; k < 50; k++) {
    if (va < vb) {
      high = b, b = a, vb = va, a = low + part * (high - low), va = sign * within(s, p, e, a);
    } else {
      low = a, a = b, va = vb, b = high - part * (high - low), vb = sign * within(s, p, e, b);
    }
  }
  return va < vb ? a : b;
}

/* The first root of event e in a step, in its direction: 1, and the part of the step; 0 for none; `TOUCHED`. */
static long first_root(Solve *s, const Step *p, int e, double *part) {
  double g[SAMPLES + 1], sign = s->signs[e], from = 0;
  for (int i = 0; i <= SAMPLES; i++) {
    g[i] = within(s, p, e, (double)i / SAMPLES);
    s->sizes[e] = fmax(s->sizes[e], fabs(g[i]));
  }
  for (int first = 1; first <= SAMPLES;) {
    double hit = -1, size = s->sizes[e];
    int stop = first;
    while (stop <= SAMPLES && sign * g[stop] >= 0) stop++;
    for (int i = first; i + 1 < stop && hit < 0; i++) {
      double left = i > first ? (i - 1.0) / SAMPLES : from, right = (i + 1.0) / SAMPLES, here = sign * g[i];
      if (here > sign * within(s, p, e, left) || here > sign * g[i + 1] || here >= DIP * size) continue;
      double dip = lowest(s, p, e, sign, left, right), low = sign * within(s, p, e, dip);
      if (fabs(low) <= GRAZED * size && here > 10 * GRAZED * size) { s->where = e; s->t = p->t + dip * p->h; return TOUCHED; }
      if (low < 0) hit = halved(s, p, e, sign, left, dip);
    }
    if (hit < 0) {
      if (stop > SAMPLES) break;
      double left = stop > first ? (stop - 1.0) / SAMPLES : from, right = (double)stop / SAMPLES;
      for (int k = 1; k < 32 && sign * within(s, p, e, left) <= 0; k++) left = from + (right - from) * k / 32;
      hit = halved(s, p, e, sign, left, right);
    }
    if (!s->directions[e] || s->directions[e] == -sign) { s->signs[e] = sign; *part = hit; return 1; }
    sign = -sign;
    from = hit;
    while (first <= SAMPLES && (double)first / SAMPLES <= hit) first++;
  }
  s->signs[e] = sign;
  return 0;
}

/* Whether another event than e (or any, if that is negative) has a root where the solve stands, too. */
static int another(Solve *s, int e) {
  static _Thread_local double o[M + M * KV], v[KV], f[KV], c[1 + KV];
  for (int i = 0; i < WATCHED; i++) {
    int other = watched[i];
    if (other == e || fabs(value(s, other, s->t, s->state)) > NEAR * s->sizes[other]) continue;
    inputs(s, s->t, s->state, v);
    field(v, 0, o);
    flow(o, f);
    memset(c, 0, sizeof c);
    root(other, v, 0, c);
    double rate = dot(c + 1, f, KV) * s->span * s->sigma;
    if (fabs(rate) > 1e-8 * s->sizes[other] && (!s->directions[other] || s->directions[other] * rate > 0)) return 1;
  }
  return 0;
}

/* One step towards target number `goal`, or to the first root in it, which then happens. */
static long watched_step(Solve *s, long goal) {
  static _Thread_local double old[(1 + TANGENTS) * M], top[(1 + TANGENTS) * M], seen[M];
  static _Thread_local Step step;
  double t = s->t, size = s->size, limited = s->limited, part = 2, mark, o[M + M * KV], v[KV], f[KV], c[1 + KV];
  long n = s->n, next = s->next, e = -1;
  memset(o, 0, sizeof o);
  memset(c, 0, sizeof c);
  memcpy(old, s->state, sizeof old);
  memcpy(top, s->largest, sizeof top);
  long status = advance(s, s->targets, next, goal + 1, n + 1, s->marks, s->seen);
  if (s->n == n) return status;
  step.t = t;
  step.h = s->t - t;
  end_of(s, &step, 0, t, old);
  end_of(s, &step, 1, s->t, s->state);
  for (int i = 0; i < WATCHED; i++) {
    double at = 2;
    if (first_root(s, &step, watched[i], &at) == TOUCHED) return TOUCHED;
    if (at < part) part = at, e = watched[i];
  }
  if (e < 0) return s->next > next && another(s, -1) ? TOGETHER : status == FULL ? 0 : status;
  double at = t + part * step.h, way = s->span > 0 ? 1 : -1;
  for (int k = 0; ; k++) {
    memcpy(s->state, old, sizeof old);
    memcpy(s->largest, top, sizeof top);
    s->t = t, s->n = n, s->size = size, s->limited = limited;
    if (at != t && (status = advance(s, &at, 0, 1, s->cap, &mark, seen))) {
      memcpy(s->state, old, sizeof old);
      memcpy(s->largest, top, sizeof top);
      s->t = t, s->n = n, s->size = size, s->limited = limited, s->next = next;
      return status;
    }
    inputs(s, s->t, s->state, v);
    field(v, 0, o);
    flow(o, f);
    root((int)e, v, 0, c);
    double rate = dot(c + 1, f, KV) * s->sigma;
    if (fabs(rate * s->span) <= 1e-8 * s->sizes[e]) { s->where = e; return TOUCHED; }
    double new = at - c[0] / rate;
    if (k == MANY || fabs(new - at) <= 2e-16 * fmax(fabs(at), fabs(s->span)) || (new - t) * way < 0) break;
    at = new;
  }
  s->next = next;
  s->where = e;
  double close = 1e-13 * fmax(fabs(at), fabs(s->span));
  if (fabs(at - s->targets[next]) <= close || (next && fabs(at - s->targets[next - 1]) <= close) || another(s, (int)e))
    return TOGETHER;
  if (++s->counts[e] > s->allowed[e]) return OFTEN;
  status = happens(s, (int)e, -1);
  return status ? status : look(s);
}

/* Goes on until the last target, or until Python has to look: 0, what `forward` returns, or one of the above. */
long march(Solve *s) {
  long status;
  for (;;) {
    if (s->n && s->cap - s->n < ROOM) return FULL;
    if (s->room - s->happened < s->jumps - s->jumped + 1) return MORE;
    int jumped = !s->begun;
    while (s->jumped < s->jumps && s->at[s->jumped] < s->next) {
      long k = s->jumped++;
      if ((status = happens(s, (int)s->of[k], k))) return status;
      jumped = 1;
    }
    s->begun = 1;
    if (jumped && (status = look(s))) return status;
    if (s->next == s->count) return 0;
    long goal = s->jumped < s->jumps ? (long)s->at[s->jumped] : s->count - 1;
    status = WATCHED ? watched_step(s, goal) : advance(s, s->targets, s->next, goal + 1, s->cap, s->marks, s->seen);
    if (status) return status;
  }
}
