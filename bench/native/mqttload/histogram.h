/* Durations: log2 with 64 linear steps each (about 1.6 %). */

#define HB 6
typedef struct { u64 n, max, sum, b[64 << HB]; } histogram;
static inline int histogram_index(u64 v) {
  if (v < (1u << HB)) return (int)v;
  int e = 63 - __builtin_clzll(v);
  return ((e - HB + 1) << HB) + (int)((v >> (e - HB)) & ((1u << HB) - 1));
}
static inline void histogram_add(histogram *h, u64 v) {
  h->b[histogram_index(v)]++;
  h->n++;
  h->sum += v;
  if (v > h->max) h->max = v;
}
static double histogram_quantile_us(const histogram *h, double q) { /* microseconds */
  if (!h->n) return 0;
  u64 want = (u64)(q * h->n + 0.999999), c = 0;
  if (want < 1) want = 1;
  for (int i = 0; i < (64 << HB); i++) {
    c += h->b[i];
    if (c >= want) {
      double v;
      if (i < (1 << HB)) v = i;
      else {
        int e = (i >> HB) + HB - 1;
        v = ((double)((1ull << HB) + (i & ((1 << HB) - 1))) + 0.5) * (double)(1ull << (e - HB));
      }
      if (v > h->max) v = h->max;
      return v / 1e3;
    }
  }
  return h->max / 1e3;
}

/* ---------- connections ---------- */
