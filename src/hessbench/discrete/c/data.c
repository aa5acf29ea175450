/* Terms of data, added up. Before this come INPUTS of a row, N states, PARAMS parameters, ROW numbers of the data in a row, PLACE
   numbers for each place, ALL numbers over all of them, `prepare`, and `term`, which adds what one row gives.

   D (rows, ROW), row k at the place at[k]; Y (places, N), A (PARAMS); O (places, PLACE) and G (ALL) are what is added up. */
void terms(long rows, long places, const double *Y, const double *A, const double *D, const double *at, const double *C,
           double *O, double *G) {
  double x[INPUTS];
  memset(O, 0, places * PLACE * 8);
  memset(G, 0, ALL * 8);
  memcpy(x + N, A, PARAMS * 8);
  for (long k = 0; k < rows; k++, D += ROW) {
    long place = at[k];
    memcpy(x, Y + place * N, N * 8);
    memcpy(x + N + PARAMS, D, ROW * 8);
    term(x, C, O + place * PLACE, G);
  }
}
