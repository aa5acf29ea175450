/* Roots of event functions within a step, and the march over steps and events. */
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
    if (fabs(rate) > FLAT * s->sizes[other] && (!s->directions[other] || s->directions[other] * rate > 0)) return 1;
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
    if (fabs(rate * s->span) <= FLAT * s->sizes[e]) { s->where = e; return TOUCHED; }
    double new = at - c[0] / rate;
    if (k == MANY || fabs(new - at) <= 2e-16 * fmax(fabs(at), fabs(s->span)) || (new - t) * way < 0) break;
    at = new;
  }
  s->next = next;
  s->where = e;
  double close = CLOSE * fmax(fabs(at), fabs(s->span));
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
