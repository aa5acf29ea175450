/* Elementary functions of whole vectors from glibc's libmvec, which libm brings, in the place of one number after the other.
   They are a few units in the last place off. Follows `vectors.h`. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__) && defined(__x86_64__)
#if __GLIBC_PREREQ(2, 35) && VW == 8 && defined(__AVX512F__)
#define LIBRARY(f) _ZGVeN8v_##f
#define NATIVE __m512d
#elif __GLIBC_PREREQ(2, 35) && VW == 4 && defined(__AVX2__)
#define LIBRARY(f) _ZGVdN4v_##f
#define NATIVE __m256d
#endif
#endif
#ifdef NATIVE
#define WHOLE(f) extern NATIVE LIBRARY(f)(NATIVE); static inline vd whole_##f(vd a) { return (vd)LIBRARY(f)((NATIVE)a); }
WHOLE(exp) WHOLE(log) WHOLE(sin) WHOLE(cos) WHOLE(tanh) WHOLE(sinh) WHOLE(cosh) WHOLE(atan) WHOLE(expm1) WHOLE(log1p)
#define vexp whole_exp
#define vlog whole_log
#define vsin whole_sin
#define vcos whole_cos
#define vtanh whole_tanh
#define vsinh whole_sinh
#define vcosh whole_cosh
#define vatan whole_atan
#define vexpm1 whole_expm1
#define vlog1p whole_log1p
#endif
