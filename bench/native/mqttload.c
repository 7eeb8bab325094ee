/* mqttload: an MQTT 3.1.1 and 5.0 load generator that verifies what it measures. Linux only.
 *
 * One thread, epoll, raw protocol. PUBLISH packets are encoded in batches from a prepared frame into large buffers;
 * inbound packets are parsed in place with no allocation, so that the generator stays cheaper than any broker. Every
 * payload carries run, publisher, sequence number and send time: losses, duplicates, reordering and corruption are
 * counted for each pair of publisher and subscriber.
 *
 * The parts stand in the order in which they use each other, and are one translation unit: what is on the hot path is
 * inlined. Build: cc -std=gnu11 -O2 -o mqttload mqttload.c   Use: mqttload --help */

#include "mqttload/options.h"
#include "mqttload/histogram.h"
#include "mqttload/connection.h"
#include "mqttload/frames.h"
#include "mqttload/verification.h"
#include "mqttload/receiving.h"
#include "mqttload/publishing.h"
#include "mqttload/processes.h"
#include "mqttload/event_loop.h"
#include "mqttload/phases.h"
#include "mqttload/report.h"

/* as many open files as there are connections */
static void raise_file_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  u64 wanted = (u64)publisher_count + subscriber_count + idle_count + storm_count + 64;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  if (limit.rlim_max < wanted) limit.rlim_max = wanted;
  if (setrlimit(RLIMIT_NOFILE, &limit)) fail(2, "cannot raise the limit of open files to %lu", wanted);
}

static void prepare(void) {
  deliveries_each = pattern_kind == PAT_PAIRS ? 1 : pattern_kind == PAT_FILTERS ? 4 : subscriber_count;
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  raise_file_limit();
  started_at = now_ns();
  deadline_at = started_at + (u64)(timeout_s * 1e9);
  run_magic = (u32)(started_at ^ (started_at >> 29)) ^ ((u32)getpid() << 16) ^ 0x6d6c6f61;
  snprintf(run_id, sizeof run_id, "%08x", run_magic);
  filling = xcalloc(payload_bytes, 1);
  u32 x = 0x12345678;
  for (u32 i = 0; i < payload_bytes; i++) {
    x = x * 1664525 + 1013904223;
    filling[i] = x >> 24;
  }
  if (are_properties_sent) sum_sent_properties();
  read_buffer = xrealloc(NULL, READ_BUFFER_BYTES);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  idle_total = storm_count ? storm_count : idle_count;
  publishers = xcalloc(publisher_count, sizeof *publishers);
  subscribers = xcalloc(subscriber_count, sizeof *subscribers);
  idle_clients = xcalloc(idle_total, sizeof *idle_clients);
  active_publishers = publisher_count;
  for (u32 i = 0; i < idle_total; i++)
    idle_clients[i] = (connection){.fd = -1, .role = R_IDLE, .index = i, .clean = !is_idle_subscribed};
  for (int i = 0; i < subscriber_count; i++) {
    subscribers[i].c = (connection){.fd = -1, .role = R_SUB, .index = i, .clean = !is_persistent};
    subscribers[i].granted = subscribe_qos;
  }
  for (int i = 0; i < publisher_count; i++) {
    publisher *q = &publishers[i];
    q->c = (connection){.fd = -1, .role = R_PUB, .index = i, .clean = 1};
    q->quota = messages_total ? messages_total / publisher_count + ((u64)i < messages_total % publisher_count)
                              : UINT64_MAX;
    q->rng = 88172645463325252ull + 7919ull * i + run_magic;
    q->in_flight_limit = in_flight_max;
    q->free_identifiers = xcalloc(in_flight_max + 1, 2);
    q->identifier_states = xcalloc(in_flight_max + 1, 1);
    for (u32 k = in_flight_max; k >= 1; k--) q->free_identifiers[q->free_count++] = k;
    make_template(q);
  }
  size_t pairs = (size_t)publisher_count * (pattern_kind == PAT_PAIRS ? 1 : subscriber_count);
  pair_table = xcalloc(pairs, sizeof *pair_table);
  if (broker_pid) {
    rss_before = sample_process(broker_pid).rss;
    if (!rss_before) fail(3, "no process %d", broker_pid);
    rss_peak = rss_before;
  }
}

/* Everybody connects as quickly as the broker lets them, and stays for a moment. */
static int run_storm(void) {
  measure_on(now_ns());
  u64 from = now_ns();
  connect_all(idle_at, idle_total, "storm", 0);
  u64 to = now_ns();
  measure_off();
  u64 end = to + (u64)(hold_s * 1e9);
  while (now_ns() < end) if (step(end) < 0) break;
  int code = report_storm((to - from) / 1e9);
  hangup(idle_at, idle_total, 3 * NS);
  return code;
}

static void connect_everybody(flow *f) {
  u64 from = now_ns();
  connect_all(sub_at, subscriber_count, "subscribers", 1);
  f->subscribe_s = (now_ns() - from) / 1e9;
  f->granted = subscribe_qos;
  for (int i = 0; i < subscriber_count; i++)
    if (subscribers[i].granted < f->granted) f->granted = subscribers[i].granted;
  if (is_persistent) {
    hangup(sub_at, subscriber_count, 2 * NS);
    for (int i = 0; i < subscriber_count; i++) subscribers[i].c.clean = 0;
    are_subscribers_away = 1;
    session_present_count = 0;
  }
  connect_all(pub_at, publisher_count, "publishers", 1);
  if (idle_total) connect_all(idle_at, idle_total, "idle clients", 1);
  f->rss_connected = broker_pid ? sample_process(broker_pid).rss : 0;
}

static void publish(void) {
  u64 now = now_ns();
  first_sent_at = rate_from = progress_at = last_received_at = now;
  u64 measure_at = now + (u64)(warm_up_s * 1e9);
  u64 stop_at = messages_total && !is_duration_given ? 0 : now + (u64)((warm_up_s + duration_s) * 1e9);
  is_publishing = 1;
  if (warm_up_s <= 0) measure_on(now);
  while (is_publishing) {
    if (step(!is_measuring ? measure_at : stop_at) < 0) {
      timed_out = 1;
      break;
    }
    now = now_ns();
    if (!is_measuring && now >= measure_at) measure_on(now);
    if (disconnect_count > idle_disconnect_count) break;
    if ((stop_at && now >= stop_at) || (messages_total && sent_count >= messages_total)) is_publishing = 0;
  }
  is_publishing = 0;
}

/* All is acknowledged, then the subscribers come back. Returns when they began to; the clock covers reconnecting. */
static u64 return_subscribers(flow *f) {
  while (!acks_done() && disconnect_count <= idle_disconnect_count) if (step(0) < 0) {
    timed_out = 1;
    break;
  }
  f->queue_s = (now_ns() - first_sent_at) / 1e9;
  u64 from = now_ns();
  if (timed_out) return from;
  last_received_at = from;
  connect_all(sub_at, subscriber_count, "returning subscribers", 1);
  return from;
}

static void drain(flow *f) {
  u64 from = 0;
  if (is_persistent && !timed_out && disconnect_count <= idle_disconnect_count) from = return_subscribers(f);
  u64 seen = received_count, seen_at = now_ns();
  while (!timed_out && disconnect_count <= idle_disconnect_count) {
    if (received_count >= expected() && acks_done()) break;
    if (step(0) < 0) {
      timed_out = 1;
      break;
    }
    u64 now = now_ns();
    if (received_count + acknowledged_count != seen) {
      seen = received_count + acknowledged_count;
      seen_at = now;
    } else if (now - seen_at > (u64)(drain_s_max * 1e9)) break;
  }
  measure_off();
  f->ended_at = last_received_at;
  if (is_persistent) f->drain_s = (f->ended_at - from) / 1e9;
  u64 end = now_ns() + 100000000; /* late duplicates */
  while (!timed_out && now_ns() < end) if (step(end) < 0) break;
}

static void account(flow *f) {
  u64 extra = 0;
  if (pattern_kind == PAT_FILTERS) {
    for (size_t i = 0; i < (size_t)publisher_count * subscriber_count; i++) {
      if (pair_table[i].sent > pair_table[i].got) f->lost += pair_table[i].sent - pair_table[i].got;
      else extra += pair_table[i].got - pair_table[i].sent;
    }
  } else {
    f->lost = missing_count;
    for (int i = 0; i < publisher_count; i++) {
      u64 sent = publishers[i].seq;
      if (pattern_kind == PAT_PAIRS) f->lost += sent - pair_table[i].next;
      else for (int j = 0; j < subscriber_count; j++)
        f->lost += sent - pair_table[(size_t)i * subscriber_count + j].next;
    }
  }
  duplicated_count += extra;
  f->disconnects = disconnect_count;
  snprintf(f->error, sizeof f->error, "%s", last_error);
  f->unacknowledged = publish_qos ? sent_count - acknowledged_count : 0;
}

/* Nothing of this run stays in the broker: sessions, retained messages. */
static void tidy(void) {
  timeout_s = 0;
  deadline_at = now_ns() + 5 * NS;
  for (int i = 0; i < subscriber_count; i++) if (is_persistent) subscribers[i].c.clean = 2;
  hangup(sub_at, subscriber_count, NS);
  if (is_persistent && protocol_version == 4) drop_sessions();
  if (is_retained) for (int i = 0; i < publisher_count; i++) clear_retained(&publishers[i]);
  hangup(pub_at, publisher_count, NS);
  if (idle_total) hangup(idle_at, idle_total, 2 * NS);
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  prepare();
  if (storm_count) return run_storm();
  flow f = {0};
  connect_everybody(&f);
  publish();
  drain(&f);
  account(&f);
  int code = report_flow(&f);
  fflush(stdout);
  tidy();
  return code;
}
