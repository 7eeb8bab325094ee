/* Every payload carries run, publisher, number and time: what each subscriber got is held against what was sent. */

static int pair_slow(pair *pr, u64 seq) { /* 1: counts as delivered */
  if (seq > pr->next) {
    range *r = xcalloc(1, sizeof *r);
    r->a = pr->next;
    r->b = seq;
    r->nx = pr->miss;
    pr->miss = r;
    missing_count += seq - pr->next;
    pr->next = seq + 1;
    return 1;
  }
  for (range **pp = &pr->miss; *pp; pp = &(*pp)->nx) {
    range *r = *pp;
    if (seq < r->a || seq >= r->b) continue;
    if (seq == r->a) r->a++;
    else if (seq == r->b - 1) r->b--;
    else {
      range *n = xcalloc(1, sizeof *n);
      n->a = seq + 1;
      n->b = r->b;
      n->nx = r->nx;
      r->b = seq;
      r->nx = n;
    }
    if (r->a == r->b) {
      *pp = r->nx;
      free(r);
    }
    missing_count--;
    disordered_count++;
    return 1;
  }
  duplicated_count++;
  return 0;
}
static void got_publish(subscriber *s, const u8 *pl, u32 n, u64 now) {
  if (n == 0) return; /* a retained message being cleared */
  if (unlikely(n < PAYLOAD_HEAD)) {
    corrupt_count++;
    return;
  }
  u32 m, pi;
  u64 seq, ts;
  memcpy(&m, pl, 4);
  memcpy(&pi, pl + 4, 4);
  memcpy(&seq, pl + 8, 8);
  memcpy(&ts, pl + 16, 8);
  if (unlikely(m != run_magic)) {
    foreign_count++;
    return;
  }
  int is_whole = n == payload_bytes && pi < (u32)publisher_count &&
    !memcmp(pl + PAYLOAD_HEAD, filling + PAYLOAD_HEAD, n - PAYLOAD_HEAD);
  if (unlikely(!is_whole || ts > now || seq >= publishers[pi].seq)) {
    corrupt_count++;
    return;
  }
  pair *pr;
  u32 si = s->c.index;
  if (pattern_kind == PAT_PAIRS) {
    if (unlikely(pi != si)) {
      misrouted_count++;
      return;
    }
    pr = &pair_table[pi];
  } else pr = &pair_table[(size_t)pi * subscriber_count + si];
  if (pattern_kind == PAT_FILTERS) {
    if (unlikely(pr->next == seq + 1)) {
      duplicated_count++;
      return;
    }
    pr->got++;
    if (likely(seq >= pr->next)) pr->next = seq + 1;
    else disordered_count++;
  } else if (likely(seq == pr->next)) pr->next++;
  else if (!pair_slow(pr, seq)) return;
  received_count++;
  s->got++;
  last_received_at = now;
  if (is_measuring) {
    measured_received++;
    measured_bytes += n;
    histogram_add(&latencies, now - ts);
  }
}
