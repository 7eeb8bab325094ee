/* State of connections and counters, and what writes to a socket. */

enum { R_PUB, R_SUB, R_IDLE };
enum { ST_NONE, ST_TCP, ST_CONNACK, ST_SUBACK, ST_READY, ST_BYE, ST_CLOSED };
typedef struct connection {
  int fd;
  u8 role, state, wants_write, clean;
  u32 index;
  u8 *out; u32 out_head, out_tail, out_capacity;
  u8 *in; u32 in_length, in_capacity, need;
  u64 connecting_since, sent_at;
  u32 subacks_due;
} connection;
typedef struct range { u64 a, b; struct range *nx; } range;
typedef struct { u64 next; u64 sent; u64 got; range *miss; } pair; /* sent, got: filters only */
typedef struct {
  connection c;
  u8 *frame; u32 frame_bytes, identifier_at, payload_at, first_number_at, second_number_at;
  u64 seq, quota, due, rng;
  u32 in_flight_limit, free_count, alias_maximum;
  u16 *free_identifiers;
  u8 *identifier_states; /* by packet id: 0 free, 1 PUBLISH sent, 2 PUBREL sent */
  u8 blocked, is_aliased;
  u32 big_left; /* of a large message, written straight from the template: bytes still to go */
} publisher;
typedef struct { connection c; u8 *released; u64 got; int granted; u8 aliases[ALIASES_MAX + 1]; } subscriber;

static publisher *publishers;
static subscriber *subscribers;
static connection *idle_clients;
static pair *pair_table;
static int epoll_fd;
static u8 *read_buffer;
static u8 *filling;
static u32 run_magic;
static char run_id[16];
static u32 deliveries_each = 1; /* deliveries each publish should cause */
static u32 active_publishers, idle_total;

static histogram latencies, send_lags, connect_times;
static int is_measuring, is_publishing;
static int are_subscribers_away; /* --persist: from their leaving on; when they return their subscriptions are there */
static u64 sent_count, received_count, written_off_count, measured_sent, measured_received, measured_bytes;
static u64 duplicated_count, disordered_count, corrupt_count, foreign_count, misrouted_count, missing_count;
static u64 refused_count, protocol_error_count, disconnect_count, connect_failure_count, session_present_count;
static u64 acknowledged_count, stall_count, wrong_qos_count, wrong_properties_count;
static u64 aliases_sent, aliases_received; /* PUBLISH packets without a Topic Name */
static u64 first_sent_at, last_received_at, measured_from, rate_from, due_index, ready_count, pingresp_count;
static int is_window_closed, is_read_full;
static int receive_maximum_min = 65536; /* smallest Receive Maximum the broker gave */
static u64 idle_disconnect_count;
static char last_error[160];

static void reserve_output(connection *c, u32 n) {
  if (c->out_capacity - c->out_tail >= n) return;
  if (c->out_head) {
    memmove(c->out, c->out + c->out_head, c->out_tail - c->out_head);
    c->out_tail -= c->out_head;
    c->out_head = 0;
    if (c->out_capacity - c->out_tail >= n) return;
  }
  u32 cap = c->out_capacity ? c->out_capacity : 256;
  while (cap - c->out_tail < n) cap *= 2;
  c->out = xrealloc(c->out, cap);
  c->out_capacity = cap;
}
static void want_write(connection *c, int on) {
  if (c->wants_write == on) return;
  c->wants_write = on;
  struct epoll_event e = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}
static void connection_lost(connection *c, const char *why, int err) {
  if (c->fd >= 0) {
    close(c->fd);
    c->fd = -1;
  }
  c->in_length = c->out_head = c->out_tail = 0;
  c->wants_write = 0;
  if (c->state == ST_BYE || c->state == ST_CLOSED) {
    c->state = ST_CLOSED;
    return;
  }
  int was = c->state;
  c->state = ST_CLOSED;
  static const char *rn[] = {"publisher", "subscriber", "idle client"};
  snprintf(last_error, sizeof last_error, "%s %u: %s%s%s", rn[c->role], c->index, why,
    err ? ": " : "", err ? strerror(err) : "");
  if (was < ST_READY) connect_failure_count++;
  else {
    disconnect_count++;
    if (c->role == R_IDLE) idle_disconnect_count++;
  }
}
static int flush_big(connection *c); /* 1 done, 0 would block, -1 lost */
static int flush_connection(connection *c) {
  if (unlikely(c->role == R_PUB && payload_bytes >= BIG_PAYLOAD)) {
    int r = flush_big(c);
    if (r <= 0) return r;
  }
  while (c->out_head < c->out_tail) {
    ssize_t w = write(c->fd, c->out + c->out_head, c->out_tail - c->out_head);
    if (w < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        want_write(c, 1);
        return 0;
      }
      connection_lost(c, "write failed", errno);
      return -1;
    }
    c->out_head += w;
  }
  c->out_head = c->out_tail = 0;
  if (c->wants_write) want_write(c, 0);
  return 1;
}
static int flush_big(connection *c) {
  publisher *q = (publisher *)c;
  while (q->big_left) {
    ssize_t w = write(c->fd, q->frame + q->frame_bytes - q->big_left, q->big_left);
    if (w < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        want_write(c, 1);
        return 0;
      }
      connection_lost(c, "write failed", errno);
      return -1;
    }
    q->big_left -= w;
  }
  return 1;
}
