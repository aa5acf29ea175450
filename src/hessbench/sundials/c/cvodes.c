/* Value, tangents, costate and curvature by SUNDIALS CVODES, for one problem whose sizes and functions stand above.

     y' = F,   V' = F_y V + F_u     forward, the K tangents as CVODES's forward sensitivities (staggered corrector)
     s' = -F_y^T s,   q' = -(s . F_u,  W^T (s . F'') W)     backward, W = (V, I), with y and V from CVODES's interpolation

   One backward problem of N states: the curvature is a quadrature, so that the tangents of the costate are never integrated.
   The Newton matrices of all solves are N x N: dense below, and KLU's where SPARSE is set.

   Above: N, K, NJ, NA, NYY, NYU, NUU, SPARSE; rows and columns of entries J_R, J_C, A_R, A_C, YY_R, ...; columns of unknowns
   count among K. slope, jacobian, by_u, second, prepare; for SPARSE the pattern COLP, ROWI with the place J_AT of each entry of J,
   and TCOLP, TROWI, TJ_AT of the transpose. */

#define SUMS (K + K * (K + 1) / 2) /* quadratures: the gradient by columns, then the upper triangle of the curvature */
#define DATA(v) N_VGetArrayPointer(v)

enum { STEPS, EVALUATIONS, FAILED, STEPS_BACK, EVALUATIONS_BACK, FAILED_BACK, COUNTS };

typedef struct {
  SUNContext context;
  void *memory;
  N_Vector y, atol, *v, *atol_v, s, atol_s, q, atol_q;
  SUNMatrix matrix, matrix_back;
  SUNLinearSolver solver, solver_back;
  double t0, t1, reached;
  double *fixed, *entries, *product;
} Solve;

static int all_finite(const double *a, long n) {
  double sum = 0;
  for (long i = 0; i < n; i++) sum += a[i] * 0.0;
  return sum == 0.0;
}

static int field(double t, N_Vector y, N_Vector out, void *data) {
  slope(t, DATA(y), ((Solve *)data)->fixed, DATA(out));
  return !all_finite(DATA(out), N); /* 1: CVODES tries a smaller step */
}

static int fill(double t, N_Vector y, double sign, int transposed, SUNMatrix matrix, Solve *w) {
  double *e = w->entries;
  jacobian(t, DATA(y), w->fixed, e);
  if (!all_finite(e, NJ)) return 1;
#if SPARSE
  SUNMatZero(matrix);
  memcpy(SM_INDEXPTRS_S(matrix), transposed ? TCOLP : COLP, sizeof COLP);
  memcpy(SM_INDEXVALS_S(matrix), transposed ? TROWI : ROWI, sizeof ROWI);
  double *values = SM_DATA_S(matrix);
  for (long k = 0; k < NJ; k++) values[transposed ? TJ_AT[k] : J_AT[k]] = sign * e[k];
#else
  SUNMatZero(matrix);
  for (long k = 0; k < NJ; k++) {
    if (transposed) SM_ELEMENT_D(matrix, J_C[k], J_R[k]) = sign * e[k];
    else SM_ELEMENT_D(matrix, J_R[k], J_C[k]) = sign * e[k];
  }
#endif
  return 0;
}

static int newton(double t, N_Vector y, N_Vector f, SUNMatrix m, void *data, N_Vector a, N_Vector b, N_Vector c) {
  return fill(t, y, 1.0, 0, m, data);
}

static int newton_back(double t, N_Vector y, N_Vector s, N_Vector f, SUNMatrix m, void *data, N_Vector a, N_Vector b, N_Vector c) {
  return fill(t, y, -1.0, 1, m, data);
}

static int tangents(int count, double t, N_Vector y, N_Vector f, N_Vector *v, N_Vector *out, void *data, N_Vector a, N_Vector b) {
  Solve *w = data;
  double *e = w->entries;
  jacobian(t, DATA(y), w->fixed, e);
  by_u(t, DATA(y), w->fixed, e + NJ);
  for (int k = 0; k < K; k++) {
    const double *from = DATA(v[k]);
    double *to = DATA(out[k]);
    memset(to, 0, sizeof(double) * N);
    for (long i = 0; i < NJ; i++) to[J_R[i]] += e[i] * from[J_C[i]];
  }
  for (long i = 0; i < NA; i++) DATA(out[A_C[i]])[A_R[i]] += e[NJ + i];
  return !all_finite(e, NJ + NA);
}

static int costate(double t, N_Vector y, N_Vector *v, N_Vector s, N_Vector out, void *data) {
  Solve *w = data;
  double *e = w->entries, *to = DATA(out);
  const double *from = DATA(s);
  jacobian(t, DATA(y), w->fixed, e);
  memset(to, 0, sizeof(double) * N);
  for (long i = 0; i < NJ; i++) to[J_C[i]] -= e[i] * from[J_R[i]];
  return !all_finite(to, N);
}

static int curvature(double t, N_Vector y, N_Vector *v, N_Vector s, N_Vector out, void *data) {
  Solve *w = data;
  double *a = w->entries, *e = a + NA, *sums = DATA(out), *x = sums + K, *product = w->product;
  const double *from = DATA(s);
  by_u(t, DATA(y), w->fixed, a);
  second(t, DATA(y), from, w->fixed, e);
  memset(sums, 0, sizeof(double) * SUMS);
  for (long i = 0; i < NA; i++) sums[A_C[i]] -= a[i] * from[A_R[i]];
  for (int l = 0; l < K; l++) { /* x_kl = V_k . (YY V_l), k <= l */
    const double *right = DATA(v[l]);
    memset(product, 0, sizeof(double) * N);
    for (long i = 0; i < NYY; i++) product[YY_R[i]] += e[i] * right[YY_C[i]];
    for (int k = 0; k <= l; k++) {
      const double *left = DATA(v[k]);
      double sum = 0;
      for (int i = 0; i < N; i++) sum += left[i] * product[i];
      x[l * (l + 1) / 2 + k] -= sum;
    }
  }
  for (long i = 0; i < NYU; i++) /* V_k . YU_l and its transpose */
    for (int k = 0; k < K; k++) {
      const int l = YU_C[i], high = k > l ? k : l, low = k > l ? l : k;
      x[high * (high + 1) / 2 + low] -= (k == l ? 2 : 1) * e[NYY + i] * DATA(v[k])[YU_R[i]];
    }
  for (long i = 0; i < NUU; i++) {
    const int high = UU_R[i] > UU_C[i] ? UU_R[i] : UU_C[i], low = UU_R[i] > UU_C[i] ? UU_C[i] : UU_R[i];
    x[high * (high + 1) / 2 + low] -= e[NYY + NYU + i];
  }
  return !all_finite(sums, SUMS);
}

static N_Vector vector(Solve *w, long size, const double *values) {
  N_Vector out = N_VNew_Serial(size, w->context);
  if (out && values) memcpy(DATA(out), values, sizeof(double) * size);
  return out;
}

static int linear(Solve *w, SUNMatrix *matrix, SUNLinearSolver *solver) {
#if SPARSE
  *matrix = SUNSparseMatrix(N, N, sizeof ROWI / sizeof *ROWI, CSC_MAT, w->context);
  *solver = *matrix ? SUNLinSol_KLU(w->y, *matrix, w->context) : NULL;
#else
  *matrix = SUNDenseMatrix(N, N, w->context);
  *solver = *matrix ? SUNLinSol_Dense(w->y, *matrix, w->context) : NULL;
#endif
  return *solver == NULL;
}

void release(Solve *w) {
  if (!w) return;
  if (w->memory) CVodeFree(&w->memory);
  if (w->solver) SUNLinSolFree(w->solver);
  if (w->solver_back) SUNLinSolFree(w->solver_back);
  if (w->matrix) SUNMatDestroy(w->matrix);
  if (w->matrix_back) SUNMatDestroy(w->matrix_back);
  N_Vector single[] = {w->y, w->atol, w->s, w->atol_s, w->q, w->atol_q};
  for (int i = 0; i < 6; i++)
    if (single[i]) N_VDestroy(single[i]);
  if (w->v) N_VDestroyVectorArray(w->v, K);
  if (w->atol_v) N_VDestroyVectorArray(w->atol_v, K);
  free(w->fixed);
  free(w->entries);
  free(w->product);
  if (w->context) SUNContext_Free(&w->context);
  free(w);
}

#define NO_ROOM (-1000)
#define TRY(call) \
  do {            \
    int flag_ = (call); \
    if (flag_ < 0) return flag_; \
  } while (0)

static int set_up(Solve *w, const double *p, const double *z0, const double *v0, const double *atol, const double *atol_v,
                  double rtol, long max_steps, long stored) {
#if SUNDIALS_VERSION_MAJOR >= 7
  if (SUNContext_Create(SUN_COMM_NULL, &w->context)) return NO_ROOM;
  SUNContext_ClearErrHandlers(w->context);
#else
  if (SUNContext_Create(NULL, &w->context)) return NO_ROOM;
#endif
  w->fixed = malloc(sizeof(double) * (FIXED + 1));
  w->entries = malloc(sizeof(double) * (NJ + NA + NYY + NYU + NUU + 1));
  w->product = malloc(sizeof(double) * N);
  w->y = vector(w, N, z0);
  w->atol = vector(w, N, atol);
  w->memory = CVodeCreate(CV_BDF, w->context);
  if (!w->fixed || !w->entries || !w->product || !w->y || !w->atol || !w->memory) return NO_ROOM;
  prepare(p, w->fixed);
  w->v = N_VCloneVectorArray(K, w->y);
  w->atol_v = N_VCloneVectorArray(K, w->y);
  if (!w->v || !w->atol_v || linear(w, &w->matrix, &w->solver)) return NO_ROOM;
  for (int k = 0; k < K; k++) {
    memcpy(DATA(w->v[k]), v0 + (long)k * N, sizeof(double) * N);
    memcpy(DATA(w->atol_v[k]), atol_v + (long)k * N, sizeof(double) * N);
  }
#if SUNDIALS_VERSION_MAJOR < 7
  TRY(CVodeSetErrFile(w->memory, NULL));
#endif
  TRY(CVodeInit(w->memory, field, w->t0, w->y));
  TRY(CVodeSVtolerances(w->memory, rtol, w->atol));
  TRY(CVodeSetUserData(w->memory, w));
  TRY(CVodeSetMaxNumSteps(w->memory, max_steps));
  TRY(CVodeSetLinearSolver(w->memory, w->solver, w->matrix));
  TRY(CVodeSetJacFn(w->memory, newton));
  TRY(CVodeSetStopTime(w->memory, w->t1));
  TRY(CVodeSensInit(w->memory, K, CV_STAGGERED, tangents, w->v));
  TRY(CVodeSensSVtolerances(w->memory, rtol, w->atol_v));
  TRY(CVodeSetSensErrCon(w->memory, 1));
  return CVodeAdjInit(w->memory, stored, CV_POLYNOMIAL);
}

/* From z0 (N) and V0 (K, N) to z1 and V1; `handle` is for backward and release. Negative: CVODES's flag. */
int forward(const double *p, double t0, double t1, const double *z0, const double *v0, const double *atol, const double *atol_v,
            double rtol, long max_steps, long stored, double *z1, double *v1, double *reached, long *counts, Solve **handle) {
  Solve *w = *handle = calloc(1, sizeof(Solve));
  if (!w) return NO_ROOM;
  w->t0 = t0;
  w->t1 = t1;
  *reached = t0;
  TRY(set_up(w, p, z0, v0, atol, atol_v, rtol, max_steps, stored));
  int checkpoints, flag = CVodeF(w->memory, t1, w->y, reached, CV_NORMAL, &checkpoints);
  CVodeGetNumSteps(w->memory, counts + STEPS);
  CVodeGetNumRhsEvals(w->memory, counts + EVALUATIONS);
  CVodeGetNumErrTestFails(w->memory, counts + FAILED);
  if (flag < 0) {
    CVodeGetCurrentTime(w->memory, reached);
    return flag;
  }
  TRY(CVodeGetSens(w->memory, reached, w->v));
  memcpy(z1, DATA(w->y), sizeof(double) * N);
  for (int k = 0; k < K; k++) memcpy(v1 + (long)k * N, DATA(w->v[k]), sizeof(double) * N);
  return 0;
}

/* From the costate s1 (N) at the end to s0 at the start, and the quadratures q (SUMS). */
int backward(Solve *w, const double *s1, const double *atol_s, const double *atol_q, double rtol, long max_steps, double *s0,
             double *q, long *counts) {
  int which;
  w->s = vector(w, N, s1);
  w->atol_s = vector(w, N, atol_s);
  w->q = vector(w, SUMS, NULL);
  w->atol_q = vector(w, SUMS, atol_q);
  if (!w->s || !w->atol_s || !w->q || !w->atol_q || linear(w, &w->matrix_back, &w->solver_back)) return NO_ROOM;
  N_VConst(0.0, w->q);
  TRY(CVodeCreateB(w->memory, CV_BDF, &which));
  TRY(CVodeInitBS(w->memory, which, costate, w->t1, w->s));
  TRY(CVodeSVtolerancesB(w->memory, which, rtol, w->atol_s));
  TRY(CVodeSetUserDataB(w->memory, which, w));
  TRY(CVodeSetMaxNumStepsB(w->memory, which, max_steps));
  TRY(CVodeSetLinearSolverB(w->memory, which, w->solver_back, w->matrix_back));
  TRY(CVodeSetJacFnB(w->memory, which, newton_back));
  TRY(CVodeQuadInitBS(w->memory, which, curvature, w->q));
  TRY(CVodeQuadSVtolerancesB(w->memory, which, rtol, w->atol_q));
  TRY(CVodeSetQuadErrConB(w->memory, which, 1));
#if SUNDIALS_VERSION_MAJOR < 7
  TRY(CVodeSetErrFile(CVodeGetAdjCVodeBmem(w->memory, which), NULL));
#endif
  int flag = CVodeB(w->memory, w->t0, CV_NORMAL);
  void *back = CVodeGetAdjCVodeBmem(w->memory, which);
  CVodeGetNumSteps(back, counts + STEPS_BACK);
  CVodeGetNumRhsEvals(back, counts + EVALUATIONS_BACK);
  CVodeGetNumErrTestFails(back, counts + FAILED_BACK);
  if (flag < 0) return flag;
  double t;
  TRY(CVodeGetB(w->memory, which, &t, w->s));
  TRY(CVodeGetQuadB(w->memory, which, &t, w->q));
  memcpy(s0, DATA(w->s), sizeof(double) * N);
  memcpy(q, DATA(w->q), sizeof(double) * SUMS);
  return 0;
}
