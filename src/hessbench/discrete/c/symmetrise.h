static void symmetrise(double *a) {
  for (int r = 0; r < N; r++)
    for (int j = 0; j < r; j++)
      a[r * NV * VW + j] = a[j * NV * VW + r] = 0.5 * (a[r * NV * VW + j] + a[j * NV * VW + r]);
}
