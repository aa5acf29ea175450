/* Vectors of VW doubles, the elementary functions of them, and the state of a solve. Follows `scalars.h`.

   EACH_OF_ONE(X) and EACH_OF_TWO(X) list X(f) for the functions of one and of two numbers. A condition is a mask of bits,
   as long as a number. */
#include <string.h>
#if defined(__AVX512F__) || defined(__AVX__)
#include <immintrin.h>
#endif
typedef double vd __attribute__((vector_size(VW * 8), may_alias));
typedef long long vl __attribute__((vector_size(VW * 8), may_alias));
#define SPREAD(x) ((x) - (vd){0}) /* keeps the sign of zero */
#define UNROLL _Pragma("GCC unroll 16")
static inline vd vmagnitude(vd a) { return (vd)((vl)a & (~((vl){0} + (-0x7fffffffffffffffLL - 1)))); }
static inline vd vlarger(vd a, vd b) { vl m = a < b; return (vd)((m & (vl)b) | (~m & (vl)a)); }
#if VW == 8 && defined(__AVX512F__)
static inline vd vsqrt(vd a) { return (vd)_mm512_sqrt_pd((__m512d)a); }
#elif VW == 4 && defined(__AVX__)
static inline vd vsqrt(vd a) { return (vd)_mm256_sqrt_pd((__m256d)a); }
#else
static inline vd vsqrt(vd a) { for (int l = 0; l < VW; l++) a[l] = sqrt(a[l]); return a; }
#endif
static inline vd vtimes(vd a, vd b) { vd c = a * b; __asm__("" : "+m"(c)); return c; }
static inline vd vless(vd a, vd b) { return (vd)(a < b); }
static inline vd vless_equal(vd a, vd b) { return (vd)(a <= b); }
static inline vd vequal(vd a, vd b) { return (vd)(a == b); }
static inline vd vnegated(vd a) { return (vd)~(vl)a; }
static inline vd vboth(vd a, vd b) { return (vd)((vl)a & (vl)b); }
static inline vd veither(vd a, vd b) { return (vd)((vl)a | (vl)b); }
static inline vd vunlike(vd a, vd b) { return (vd)((vl)a ^ (vl)b); }
static inline vd vsigned_(vd a) { return (vd)((vl)a < 0); }
static inline vd vholds(vd a) { return (vd)(a != 0); }
static inline vd vchoose(vd c, vd x, vd y) { return (vd)(((vl)c & (vl)x) | (~(vl)c & (vl)y)); }
#define LANES(f) static inline vd v##f(vd a) { for (int l = 0; l < VW; l++) a[l] = f(a[l]); return a; }
#define LANES2(f) static inline vd v##f(vd a, vd b) { for (int l = 0; l < VW; l++) a[l] = f(a[l], b[l]); return a; }
EACH_OF_ONE(LANES)
EACH_OF_TWO(LANES2) LANES2(pow)
static inline vd vpowers(vd b, vd n, int j, int k) {
  for (int l = 0; l < VW; l++) b[l] = powers(b[l], n[l], j, k);
  return b;
}
static inline double total(vd a) { double s = 0; for (int l = 0; l < VW; l++) s += a[l]; return s; }
#define UP(n) (((n) + VW - 1) / VW)
#define KV UP(Q)
#define NV UP(COLUMNS)
#define MV UP(M)
#define HALF (N - M)
/* The state is kept as the rows that enter `slopes` (zq: q, or all of y, then their tangents) and, where SECOND, zv. */
typedef struct { vd zq[KV], zv[KV]; } State;
