/* Bytes of the packets that are no PUBLISH, and the topics of each pattern. */

static inline u8 *put16(u8 *p, u32 v) { p[0] = v >> 8; p[1] = v; return p + 2; }
static inline u8 *put32(u8 *p, u32 v) { p[0] = v >> 24; p[1] = v >> 16; p[2] = v >> 8; p[3] = v; return p + 4; }
static inline u32 get16(const u8 *p) { return p[0] << 8 | p[1]; }
static u8 *put_variable(u8 *p, u32 v) {
  do {
    u8 b = v & 127;
    v >>= 7;
    *p++ = b | (v ? 128 : 0);
  } while (v);
  return p;
}
static u8 *put_string(u8 *p, const char *s) {
  size_t n = strlen(s);
  p = put16(p, n);
  memcpy(p, s, n);
  return p + n;
}
static int get_variable(const u8 *p, u32 n, u32 *v) { /* length used, 0 when incomplete, -1 malformed */
  u32 r = 0;
  for (u32 i = 0; i < 4; i++) {
    if (i >= n) return 0;
    r |= (u32)(p[i] & 127) << (7 * i);
    if (!(p[i] & 128)) {
      *v = r;
      return i + 1;
    }
  }
  return -1;
}
/* FNV-1a; of several properties the sum, so that their order does not matter */
static u32 property_sum(const u8 *p, u32 n) {
  u32 h = 2166136261u;
  while (n--) h = (h ^ *p++) * 16777619u;
  return h;
}
static u32 sent_property_sum; /* 0: none were sent */
static void client_id(connection *c, char *o, size_t n) {
  static const char t[] = "psi";
  snprintf(o, n, "ml%s%c%u", run_id, t[c->role], c->index);
}
static void make_connect(connection *c) {
  char id[64];
  client_id(c, id, sizeof id);
  u8 b[1024], *p = b;
  p = put_string(p, "MQTT");
  *p++ = protocol_version;
  *p++ = (c->clean ? 2 : 0) | (user_name ? 0x80 : 0) | (password ? 0x40 : 0);
  p = put16(p, keep_alive);
  if (protocol_version == 5) {
    u8 *length = p++;
    if (!c->clean) { /* Session Expiry Interval */
      *p++ = 0x11;
      p = put32(p, 3600);
    }
    if (are_aliases_used && c->role == R_SUB) { /* Topic Alias Maximum */
      *p++ = 0x22;
      p = put16(p, ALIASES_MAX);
    }
    *length = p - length - 1;
  }
  p = put_string(p, id);
  if (user_name) p = put_string(p, user_name);
  if (password) p = put_string(p, password);
  u32 n = p - b;
  reserve_output(c, n + 5);
  u8 *q = c->out + c->out_tail;
  *q++ = 0x10;
  q = put_variable(q, n);
  memcpy(q, b, n);
  c->out_tail = q + n - c->out;
  c->sent_at = c->connecting_since;
}
static void start_connection(connection *c) {
  c->connecting_since = now_ns();
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) fail(2, "socket: %s", strerror(errno));
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(broker_port)};
  if (inet_pton(AF_INET, broker_host, &a.sin_addr) != 1) fail(3, "host must be an IPv4 address");
  c->in_length = c->out_head = c->out_tail = 0;
  c->state = ST_TCP;
  int r = connect(c->fd, (void *)&a, sizeof a);
  if (r < 0 && errno != EINPROGRESS) {
    connection_lost(c, "connect", errno);
    return;
  }
  /* on loopback the handshake is mostly over by now: then CONNECT goes out at once */
  make_connect(c);
  ssize_t w = write(c->fd, c->out, c->out_tail);
  if (w == (ssize_t)c->out_tail) {
    c->out_head = c->out_tail = 0;
    c->state = ST_CONNACK;
  } else if (w >= 0 || (errno != EAGAIN && errno != ENOTCONN)) {
    connection_lost(c, "connect", w < 0 ? errno : 0);
    return;
  }
  c->wants_write = c->state == ST_TCP;
  struct epoll_event e = {.events = EPOLLIN | (c->wants_write ? EPOLLOUT : 0), .data.ptr = c};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e)) fail(2, "epoll_ctl: %s", strerror(errno));
}
static void became_ready(connection *c, u64 now) {
  c->state = ST_READY;
  if (c->role == R_IDLE || storm_count) histogram_add(&connect_times, now - c->connecting_since);
  ready_count++;
}

/* filters scenario: filter k belongs to subscriber k % S; K/4 = G values of a and of b.
 * w/aI/+/t (k=4i)  w/aI/# (4i+1)  w/+/bJ/t (4j+2)  w/+/bJ/# (4j+3)
 * so topic w/aI/bJ/t matches four filters, which are of four different subscribers. */
static void filter_name(u32 k, char *o, size_t n) {
  u32 g = k / 4;
  switch (k % 4) {
  case 0: snprintf(o, n, "%s/%s/w/a%06u/+/t", topic_prefix, run_id, g); break;
  case 1: snprintf(o, n, "%s/%s/w/a%06u/#", topic_prefix, run_id, g); break;
  case 2: snprintf(o, n, "%s/%s/w/+/b%06u/t", topic_prefix, run_id, g); break;
  default: snprintf(o, n, "%s/%s/w/+/b%06u/#", topic_prefix, run_id, g); break;
  }
}
static void sub_filter(const connection *c, char *o, size_t n) {
  u32 s = c->index;
  if (c->role == R_IDLE) {
    snprintf(o, n, "%s/%s/idle/%u", topic_prefix, run_id, s);
    return;
  }
  if (pattern_kind == PAT_FANIN) snprintf(o, n, "%s/%s/+", topic_prefix, run_id);
  else if (pattern_kind == PAT_FANOUT) snprintf(o, n, "%s/%s/all", topic_prefix, run_id);
  else snprintf(o, n, "%s/%s/%u", topic_prefix, run_id, s);
}
/* Packet Identifier and properties; one Subscription Identifier for all filters of the packet */
static u8 *subscribe_head(connection *c, u8 *p, u32 identifier) {
  p = put16(p, identifier);
  if (protocol_version == 5) {
    u8 *length = p++;
    if (are_identifiers_used) {
      *p++ = 0x0b;
      p = put_variable(p, c->index + 1);
    }
    *length = p - length - 1;
  }
  return p;
}
static void sub_flush_packet(connection *c, u8 *body, u32 n) {
  reserve_output(c, n + 5);
  u8 *q = c->out + c->out_tail;
  *q++ = 0x82;
  q = put_variable(q, n);
  memcpy(q, body, n);
  c->out_tail = q + n - c->out;
  c->subacks_due++;
}
static void send_subscribe(connection *c) {
  c->state = ST_SUBACK;
  c->subacks_due = 0;
  char t[256];
  static u8 b[65536];
  u8 *p = b;
  u32 pid = 1;
  p = subscribe_head(c, p, pid++);
  if (c->role == R_IDLE || pattern_kind != PAT_FILTERS) {
    sub_filter(c, t, sizeof t);
    p = put_string(p, t);
    *p++ = subscribe_qos;
    sub_flush_packet(c, b, p - b);
  } else {
    u32 n = 0;
    for (u32 k = c->index; k < filter_count; k += subscriber_count) {
      filter_name(k, t, sizeof t);
      p = put_string(p, t);
      *p++ = subscribe_qos;
      if (++n == 50) {
        sub_flush_packet(c, b, p - b);
        p = subscribe_head(c, b, pid++);
        n = 0;
      }
    }
    if (n) sub_flush_packet(c, b, p - b);
  }
  c->sent_at = now_ns();
  flush_connection(c);
}
