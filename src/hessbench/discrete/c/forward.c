/* Integration with error control, and the choice of the first step.

   Before this come VW (doubles per vector), N states, M inputs of the recorded function, S stages, TANGENTS in the error
   norm, Q rows (1 + TANGENTS) M, SECOND (1 for q' = v, v' = g(t, q)), AUTONOMOUS, the constants of the controller
   (EXPONENT, SAFETY, MIN_FACTOR, MAX_FACTOR, STRETCH, LIMITED) and of the first step (NOTHING, ...), NODES, and the functions `prepare`, `slope`, `slopes`,
   `stage`, `finish`, `error`. */
static void load(State *z, const double *y, const double *probes) {
  memset(z, 0, sizeof *z);
  for (int r = 0; r <= TANGENTS; r++) {
    const double *from = r ? probes + (r - 1) * N : y;
    memcpy((double *)z->zq + r * M, from, M * 8);
    if (SECOND) memcpy((double *)z->zv + r * M, from + M, M * 8);
  }
}

/* Tolerances (1 + TANGENTS, N) in the layout of a state; what fills a vector up is divided by, and must not be zero. */
static void load_tolerances(State *z, const double *atol) {
  load(z, atol, atol + N);
  for (int i = Q; i < KV * VW; i++) ((double *)z->zq)[i] = 1;
  for (int i = SECOND ? Q : 0; i < KV * VW; i++) ((double *)z->zv)[i] = 1;
}

static void save(const State *z, double *y) {
  memcpy(y, z->zq, M * 8);
  if (SECOND) memcpy(y + M, z->zv, M * 8);
}

static void put(double *XS, double *TS, long g, const vd *x, double t) {
  double *to = XS + g / VW * M * VW + g % VW;
  for (int r = 0; r < M; r++) to[r * VW] = ((const double *)x)[r];
  if (!AUTONOMOUS) TS[g] = t;
}

static double rms(const double *v, const double *y, double rtol, const double *atol) {
  double s = 0;
  for (int i = 0; i < N; i++) { double e = v[i] / (atol[i] + rtol * fabs(y[i])); s += e * e; }
  return sqrt(s / N);
}

static void field(double t, const double *y, const double *C, double *f) {
  if (SECOND) memcpy(f, y + HALF, HALF * 8);
  slope(t, y, C, f + HALF);
}

static double first_step(double t0, double t1, const double *y, const double *C, double rtol, const double *atol) {
  double f0[N], f1[N], y1[N], length = fabs(t1 - t0), way = t1 > t0 ? 1 : -1;
  field(t0, y, C, f0);
  double d0 = rms(y, y, rtol, atol), d1 = rms(f0, y, rtol, atol);
  double h0 = fmin(d0 < NOTHING || d1 < NOTHING ? TINY : SHARE * d0 / d1, length);
  for (int i = 0; i < N; i++) y1[i] = y[i] + h0 * way * f0[i];
  field(t0 + h0 * way, y1, C, f1);
  for (int i = 0; i < N; i++) f1[i] -= f0[i];
  double d2 = rms(f1, y, rtol, atol) / h0, d = fmax(d1, d2);
  double h1 = d <= FLAT ? fmax(TINY, h0 * THEN) : pow(SHARE / d, -EXPONENT);
  return fmin(fmin(AT_MOST * h0, h1), length);
}

/* Keeps every mode of the tangents at the level of the tolerance (see `_stepper`). */
static void kick(State *z, const double *by, double rtol, const double *atol) {
  for (int r = 1; r <= TANGENTS; r++, by += N) {
    double *q = (double *)z->zq + r * M, *v = (double *)z->zv + r * M;
    const double *at = atol + r * N;
    for (int i = 0; i < M; i++) q[i] += (at[i] + rtol * fabs(q[i])) * by[i];
    if (SECOND) for (int i = 0; i < M; i++) v[i] += (at[i + M] + rtol * fabs(v[i])) * by[i + M];
  }
}

static void enlarge(State *top, const State *z) {
  for (int v = 0; v < KV; v++) {
    top->zq[v] = vlarger(top->zq[v], vmagnitude(z->zq[v]));
    if (SECOND) top->zv[v] = vlarger(top->zv[v], vmagnitude(z->zv[v]));
  }
}

/* Step size times the Jacobian's largest eigenvalue, from the last two slopes, both at the end of the step: Hairer & Wanner,
   section IV.2. Differences of state and tangents are weighed as the error is; a few units in the last place say nothing. */
static double stretch(double h, vd (*K)[KV], const vd *x, const State *zn, double rtol, const State *at) {
  vd up = {0}, down = {0};
  for (int v = 0; v < KV; v++) {
    vd w = 1.0 / (at->zq[v] + rtol * vmagnitude(zn->zq[v])), dk = (K[S][v] - K[S - 1][v]) * w, dy = (zn->zq[v] - x[v]) * w;
    up += dk * dk;
    down += dy * dy;
  }
  double least = 7e-15 / rtol, rate = total(down) > Q * least * least ? sqrt(total(up) / total(down)) : 0;
  return SECOND ? fabs(h) * sqrt(rate) : fabs(h) * rate;
}

/* Continues from step `n` at time t with the state and tangents in `state` (and leaves them there); `size` is the next
   step's, or 0. Steps end at each of the `count` times `targets`, from number `next` on, and the last of them is the end;
   `marks` keeps how many steps were taken there, `seen` the states. Returns 0 at the end, -1: too many steps, -2: step too
   small, -3: `cap` steps reached. `frozen` steps if > 0. States are kept in ys at every `stride` steps; stages in XS, TS if XS is not null. `atol` has a tolerance for each entry of
   `state`, `largest` keeps the largest magnitude of each. info: evaluations, rejected, t, size, |y|, steps, how many of them
   stability limits, and the next target. */
long forward(double *state, const double *P, double *C, double t, const double *targets, long next, long count, double size,
             double rtol, const double *atol, long n, long most, long cap, long frozen, long stride, double *ts, double *hs,
             double *ys, double *XS, double *TS, double *marks, double *seen, const double *kicks, double *largest,
             double *info) {
  vd K[S + 1][KV], x[KV];
  State z, zn, at, top;
  memset(K, 0, sizeof K);
  memset(x, 0, sizeof x);
  prepare(P, C);
  load(&z, state, state + N);
  load_tolerances(&at, atol);
  load(&top, largest, largest + N);
  enlarge(&top, &z);
  slopes(t, (double *)z.zq, C, (double *)K[0]);
  double way = targets[count - 1] > t ? 1 : -1;
  long evaluations = 1, rejected = 0, status = 0, limited = 0;
  if (!frozen && size == 0) { size = first_step(t, targets[count - 1], state, C, rtol, atol); evaluations = 3; }
  while (frozen ? n < frozen : next < count) {
    if (n >= cap || n >= most) { status = n >= most ? -1 : -3; break; }
    double shortest = 10 * fabs(nextafter(t, way * INFINITY) - t), end, h, e;
    double t1 = targets[next], asked;
    int again = 0;
    if (size < shortest) size = shortest;
    if (frozen) t = ts[n];
    if (XS) put(XS, TS, n * S, z.zq, t);
    for (;;) {
      if (!frozen && !(size >= shortest)) { status = -2; break; }
      asked = size;
      end = (t + way * size - t1) * way > 0 ? t1 : t + way * size;
      h = end - t;
      if (frozen) { h = hs[n]; end = t + h; }
      size = fabs(h);
      for (int i = 1; i < S; i++) {
        stage(i, &z, h, K, x);
        double ti = t + NODES[i] * h;
        if (XS) put(XS, TS, n * S + i, x, ti);
        slopes(ti, (double *)x, C, (double *)K[i]);
      }
      finish(&z, h, K, &zn);
      slopes(end, (double *)zn.zq, C, (double *)K[S]);
      evaluations += S;
      if (frozen) { e = 0; break; }
      e = error(&z, &zn, h, K, rtol, &at);
      if (e < 1) break;
      double factor = isfinite(e) ? SAFETY * pow(e, EXPONENT) : MIN_FACTOR;
      size *= fmax(MIN_FACTOR, factor);
      again = 1;
      rejected++;
    }
    if (status) break;
    ts[n] = t;
    hs[n] = h;
    if (n % stride == 0) save(&z, ys + n / stride * N);
    n++;
    double grow = e == 0 ? MAX_FACTOR : fmin(MAX_FACTOR, SAFETY * pow(e, EXPONENT));
    size *= again ? fmin(1, grow) : grow;
    if (!frozen) {
      double reach = stretch(h, K, x, &zn, rtol, &at);
      limited += reach > LIMITED;
      if (reach > STRETCH) size = fmin(size, fabs(h) * STRETCH / reach);
    }
    t = end;
    z = zn;
    enlarge(&top, &z);
    if (!frozen && t == t1) {
      size = fmax(size, asked);  /* a step that was cut short says nothing of the next one */
      save(&z, seen + next * N);
      marks[next++] = n;
    }
    if (!frozen && TANGENTS && n % KICK_EVERY == 0) {
      kick(&z, kicks + n / KICK_EVERY % KICK_ROWS * TANGENTS * N, rtol, atol);
      slopes(t, (double *)z.zq, C, (double *)K[S]);
      evaluations++;
    }
    memcpy(K[0], K[S], sizeof K[0]);
  }
  double norm = 0;
  for (int r = TANGENTS; r >= 0; r--) {
    memcpy(state + r * N, (double *)z.zq + r * M, M * 8);
    if (SECOND) memcpy(state + r * N + M, (double *)z.zv + r * M, M * 8);
  }
  for (int r = 0; r <= TANGENTS; r++) {
    memcpy(largest + r * N, (double *)top.zq + r * M, M * 8);
    if (SECOND) memcpy(largest + r * N + M, (double *)top.zv + r * M, M * 8);
  }
  for (int i = 0; i < N; i++) norm += state[i] * state[i];
  info[0] = evaluations; info[1] = rejected; info[2] = t; info[3] = size; info[4] = sqrt(norm); info[5] = n;
  info[6] = limited; info[7] = next;
  return status;
}

/* Stages of steps k0 .. k1 from the state y, as `forward` had them; in XS and TS, the first stage is that of step `first`. */
static void replay(long first, long k0, long k1, const double *y, const double *C, const double *ts, const double *hs,
                   double *XS, double *TS) {
  vd K[S + 1][KV], x[KV];
  State z, zn;
  memset(K, 0, sizeof K);
  memset(&z, 0, sizeof z);
  memcpy(z.zq, y, M * 8);
  if (SECOND) memcpy(z.zv, y + HALF, M * 8);
  for (long k = k0; k < k1; k++) {
    memcpy(x, z.zq, sizeof x);
    for (int i = 0; i < S; i++) {
      if (i) stage(i, &z, hs[k], K, x);
      double ti = ts[k] + NODES[i] * hs[k];
      put(XS, TS, (k - first) * S + i, x, ti);
      slopes(ti, (double *)x, C, (double *)K[i]);  /* the same function as in `forward`, so the same bits */
    }
    finish(&z, hs[k], K, &zn);
    z = zn;
  }
}
