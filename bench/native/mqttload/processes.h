/* What the broker, this process and the whole machine use. */

typedef struct { double cpu; u64 rss; } process_sample;
static process_sample sample_process(int pid) {
  process_sample r = {0, 0};
  char f[64], b[1024];
  snprintf(f, sizeof f, "/proc/%d/stat", pid);
  FILE *h = fopen(f, "r");
  if (!h) return r;
  size_t n = fread(b, 1, sizeof b - 1, h);
  fclose(h);
  b[n] = 0;
  char *p = strrchr(b, ')');
  if (!p) return r;
  u64 user = 0, system = 0;
  long rss = 0;
  static const char fields[] =
    "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld";
  if (sscanf(p + 2, fields, &user, &system, &rss) == 3) {
    r.cpu = (double)(user + system) / sysconf(_SC_CLK_TCK);
    r.rss = (u64)rss * sysconf(_SC_PAGESIZE);
  }
  return r;
}
static double machine_busy(void) { /* seconds all processors were busy, stolen time included */
  FILE *h = fopen("/proc/stat", "r");
  if (!h) return 0;
  u64 v[8] = {0};
  int k = fscanf(h, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7);
  fclose(h);
  if (k != 8) return 0;
  return (double)(v[0] + v[1] + v[2] + v[5] + v[6] + v[7]) / sysconf(_SC_CLK_TCK);
}
static double self_cpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}
static u64 rss_peak, rss_before, rss_due_at;
static double broker_cpu_from, own_cpu_from, machine_busy_from, broker_cpu_to, own_cpu_to, machine_busy_to;
static u64 measured_to;
static u64 rss_samples[RSS_SAMPLES_MAX];
static u32 rss_sample_count;
