/* The elementary functions of numbers as NumPy means them. */
#include <math.h>
/* Keeps a product apart from a sum that follows it: a condition is to see both rounded, as NumPy does. */
#if defined(__SSE2__)
#define APART(a) __asm__("" : "+x"(a))
#else
#define APART(a) __asm__("" : "+m"(a))
#endif
static inline double times(double a, double b) { double c = a * b; APART(c); return c; }
static inline double less(double a, double b) { return a < b; }
static inline double less_equal(double a, double b) { return a <= b; }
static inline double equal(double a, double b) { return a == b; }
static inline double negated(double a) { return a == 0; }
static inline double both(double a, double b) { return a != 0 && b != 0; }
static inline double either(double a, double b) { return a != 0 || b != 0; }
static inline double unlike(double a, double b) { return (a != 0) != (b != 0); }
static inline double signed_(double a) { return signbit(a) != 0; }
static inline double choose(double c, double x, double y) { return c != 0 ? x : y; }
static inline double sign_of(double a) { return a > 0 ? 1.0 : a < 0 ? -1.0 : a == 0 ? 0.0 : a; }
static inline double modulo(double a, double b) {
  double m = fmod(a, b);
  if (b == 0) return m;
  return m == 0 ? copysign(0.0, b) : (b < 0) != (m < 0) ? m + b : m;
}
static inline double floor_divide(double a, double b) {
  if (b == 0) return a / b;
  double m = fmod(a, b), d = (a - m) / b;
  if (m != 0 && (b < 0) != (m < 0)) d -= 1.0;
  if (d == 0) return copysign(0.0, a / b);
  double f = floor(d);
  return d - f > 0.5 ? f + 1.0 : f;
}
static inline double log_add_exp(double a, double b) {
  if (a == b) return a + 0.693147180559945309417232121458;
  double d = a - b;
  return d > 0 ? a + log1p(exp(-d)) : d <= 0 ? b + log1p(exp(d)) : d;
}
static inline double log_add_exp2(double a, double b) {
  if (a == b) return a + 1;
  double d = a - b, per = 1.44269504088896340735992468100;
  return d > 0 ? a + per * log1p(exp2(-d)) : d <= 0 ? b + per * log1p(exp2(d)) : d;
}
/* b^m log(b)^q, 0 in the limit at b = 0; a coefficient of 0 comes before a power that is infinite. */
static inline double power_term(double c, double b, double m, int q) {
  if (c == 0) return 0;
  if (b == 0 && q && m >= 0) return 0;
  double p = c * pow(b, m);
  return q == 2 ? p * log(b) * log(b) : q ? p * log(b) : p;
}
/* The derivative of b^n, j times by b and k times by n, j + k <= 2. */
static inline double powers(double b, double n, int j, int k) {
  double c0 = j == 0 ? 1 : j == 1 ? n : n * (n - 1), c1 = j == 0 ? 0 : 1;
  if (k == 0) return power_term(c0, b, n - j, 0);
  if (k == 1) return power_term(c1, b, n - j, 0) + power_term(c0, b, n - j, 1);
  return power_term(c0, b, n, 2);
}
