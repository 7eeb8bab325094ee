/* Connecting everybody, ending, and where counting begins and ends. */

/* connects a list with a bound on how many are under way */
static void connect_all(connection *(*at)(u32), u32 n, const char *what, int fatal) {
  u32 next = 0;
  u64 r0 = ready_count, f0 = connect_failure_count, d0 = disconnect_count;
  while (ready_count - r0 + (connect_failure_count - f0) < n) {
    u64 over = ready_count - r0 + (connect_failure_count - f0);
    while (next < n && next - over < (u64)connecting_max) {
      start_connection(at(next++));
      over = ready_count - r0 + (connect_failure_count - f0);
    }
    if (step(0) < 0) fail(2, "timeout while connecting %s (%lu of %u)", what, ready_count - r0, n);
    if (fatal && (connect_failure_count > f0 || disconnect_count > d0)) fail(2, "connecting %s: %s", what, last_error);
  }
}
static connection *sub_at(u32 i) { return &subscribers[i].c; }
static connection *pub_at(u32 i) { return &publishers[i].c; }
static connection *idle_at(u32 i) { return &idle_clients[i]; }
static void hangup(connection *(*at)(u32), u32 n, u64 wait) {
  for (u32 i = 0; i < n; i++) {
    connection *c = at(i);
    if (c->fd < 0) continue;
    flush_connection(c);
    if (c->fd < 0) continue;
    c->state = ST_BYE;
    u8 b[9] = {0xe0, 0};
    u32 l = 2;
    if (protocol_version == 5 && c->clean == 2) { /* drop the session now */
      static const u8 d[] = {0xe0, 7, 0, 5, 0x11, 0, 0, 0, 0};
      memcpy(b, d, 9);
      l = 9;
    }
    reserve_output(c, l);
    memcpy(c->out + c->out_tail, b, l);
    c->out_tail += l;
    flush_connection(c);
    if (c->fd >= 0 && c->out_head == c->out_tail) shutdown(c->fd, SHUT_WR);
  }
  u64 end = now_ns() + wait;
  for (;;) {
    u32 open = 0;
    for (u32 i = 0; i < n; i++) open += at(i)->fd >= 0;
    if (!open || now_ns() > end) break;
    if (step(end) < 0) break;
  }
  for (u32 i = 0; i < n; i++) {
    connection *c = at(i);
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    c->state = ST_CLOSED;
  }
}
static void measure_on(u64 now) {
  is_measuring = 1;
  measured_from = now;
  memset(&latencies, 0, sizeof latencies);
  memset(&send_lags, 0, sizeof send_lags);
  measured_sent = measured_received = measured_bytes = 0;
  if (broker_pid) broker_cpu_from = sample_process(broker_pid).cpu;
  own_cpu_from = self_cpu();
  machine_busy_from = machine_busy();
}
static void measure_off(void) {
  if (!is_measuring) return;
  is_measuring = 0;
  measured_to = now_ns();
  if (broker_pid) broker_cpu_to = sample_process(broker_pid).cpu;
  own_cpu_to = self_cpu();
  machine_busy_to = machine_busy();
}
static u64 expected(void) { return sent_count * deliveries_each; }
static int acks_done(void) {
  if (!publish_qos) {
    for (u32 i = 0; i < active_publishers; i++) {
      const publisher *q = &publishers[i];
      if (q->big_left || q->c.out_tail > q->c.out_head) return 0;
    }
    return 1;
  }
  return acknowledged_count >= sent_count;
}
static int timed_out;

/* What a flow leaves to be told besides the counters. */
typedef struct {
  double subscribe_s, queue_s, drain_s;
  int granted;
  u64 rss_connected, ended_at, lost, unacknowledged, disconnects;
  char error[160];
} flow;

/* 3.1.1: a clean connect drops the session */
static void drop_sessions(void) {
  for (int i = 0; i < subscriber_count; i++) subscribers[i].c.clean = 1;
  u64 ready = ready_count, failed = connect_failure_count;
  u32 next = 0;
  for (;;) {
    u64 over = ready_count - ready + connect_failure_count - failed;
    if (over >= (u32)subscriber_count) break;
    while (next < (u32)subscriber_count && next - over < (u64)connecting_max) start_connection(sub_at(next++));
    if (step(0) < 0) break;
  }
  hangup(sub_at, subscriber_count, NS);
}

/* not for filters: their topics are too many */
static void clear_retained(publisher *q) {
  if (q->c.state != ST_READY || pattern_kind == PAT_FILTERS) return;
  char t[256];
  if (pattern_kind == PAT_FANOUT) snprintf(t, sizeof t, "%s/%s/all", topic_prefix, run_id);
  else snprintf(t, sizeof t, "%s/%s/%u", topic_prefix, run_id, q->c.index);
  u32 n = strlen(t), l = 2 + n + (protocol_version == 5);
  reserve_output(&q->c, l + 5);
  u8 *p = q->c.out + q->c.out_tail;
  *p++ = 0x31;
  p = put_variable(p, l);
  p = put_string(p, t);
  if (protocol_version == 5) *p++ = 0;
  q->c.out_tail = p - q->c.out;
}
