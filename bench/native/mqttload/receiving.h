/* What the broker sends: packets are parsed in place, without allocation. */

static void put_ack(connection *c, u8 type, u32 pid) {
  reserve_output(c, 4);
  u8 *q = c->out + c->out_tail;
  q[0] = type;
  q[1] = 2;
  put16(q + 2, pid);
  c->out_tail += 4;
}
static void connack_props(connection *c, const u8 *p, u32 n) {
  u32 i = 0;
  while (i < n) {
    u32 id = p[i++];
    switch (id) {
    case 0x21:
      if (i + 2 > n) return;
      {
        int rm = get16(p + i);
        if (rm < receive_maximum_min) receive_maximum_min = rm;
        if (c->role == R_PUB) {
          publisher *q = (publisher *)c;
          if (rm && (u32)rm < q->in_flight_limit) {
            q->in_flight_limit = rm;
            q->free_count = 0;
            for (u32 k = q->in_flight_limit; k >= 1; k--) q->free_identifiers[q->free_count++] = k;
          }
        }
      }
      i += 2;
      break;
    case 0x22:
      if (i + 2 > n) return;
      if (c->role == R_PUB) ((publisher *)c)->alias_maximum = get16(p + i);
      i += 2;
      break;
    case 0x13: i += 2; break;
    case 0x11: case 0x27: i += 4; break;
    case 0x24: case 0x25: case 0x28: case 0x29: case 0x2a: i += 1; break;
    case 0x12: case 0x1a: case 0x1c: case 0x1f: case 0x15: case 0x16:
      if (i + 2 > n) return;
      i += 2 + get16(p + i);
      break;
    case 0x26:
      for (int k = 0; k < 2; k++) {
        if (i + 2 > n) return;
        i += 2 + get16(p + i);
      }
      break;
    default: protocol_error_count++; return;
    }
  }
}
/* Properties of a PUBLISH: those that were sent came unaltered (in any order), the Subscription Identifier is this
 * subscriber's, and a Topic Alias stands for a Topic Name that was told. */
static int check_properties(subscriber *s, const u8 *p, u32 n, u32 topic_bytes) {
  u32 i = 0, sum = 0, identifiers = 0;
  while (i < n) {
    u32 from = i, id = p[i++], value;
    int k;
    switch (id) {
    case 0x0b:
      if ((k = get_variable(p + i, n - i, &value)) <= 0) return 0;
      i += k;
      identifiers += value == s->c.index + 1;
      continue;
    case 0x23:
      if (i + 2 > n || !(value = get16(p + i)) || value > ALIASES_MAX) return 0;
      i += 2;
      if (topic_bytes) s->aliases[value] = 1;
      else if (!s->aliases[value]) return 0;
      else {
        aliases_received++;
        topic_bytes = 1;
      }
      continue;
    case 0x01: i += 1; break;
    case 0x02: i += 4; break;
    case 0x03: case 0x08: case 0x09:
      if (i + 2 > n) return 0;
      i += 2 + get16(p + i);
      break;
    case 0x26:
      for (k = 0; k < 2; k++) {
        if (i + 2 > n) return 0;
        i += 2 + get16(p + i);
      }
      break;
    default: return 0;
    }
    if (i > n) return 0;
    sum += property_sum(p + from, i - from);
  }
  return topic_bytes && sum == sent_property_sum && (!are_identifiers_used || identifiers > 0);
}
static void handle(connection *c, u8 h, const u8 *p, u32 n, u64 now) {
  u32 pid, rc;
  switch (h >> 4) {
  case 3: {
    u32 q = (h >> 1) & 3, o;
    if (c->role != R_SUB || n < 2) { protocol_error_count++; return; }
    o = 2 + get16(p);
    pid = 0;
    if (q) {
      if (o + 2 > n) { protocol_error_count++; return; }
      pid = get16(p + o);
      o += 2;
    }
    if (protocol_version == 5) {
      u32 pl;
      int k = o < n ? get_variable(p + o, n - o, &pl) : 0;
      if (k <= 0 || o + k + pl > n) { protocol_error_count++; return; }
      if (unlikely((pl || sent_property_sum || are_identifiers_used || !get16(p)) &&
                   !check_properties((subscriber *)c, p + o + k, pl, get16(p)))) wrong_properties_count++;
      o += k + pl;
    }
    if (o > n) { protocol_error_count++; return; }
    subscriber *s = (subscriber *)c;
    if (unlikely((int)q != (publish_qos < s->granted ? publish_qos : s->granted))) wrong_qos_count++;
    if (q == 2) {
      if (!s->released) s->released = xcalloc(8192, 1);
      if (!(s->released[pid >> 3] >> (pid & 7) & 1)) {
        s->released[pid >> 3] |= 1 << (pid & 7);
        got_publish(s, p + o, n - o, now);
      }
      put_ack(c, 0x50, pid);
    } else {
      got_publish(s, p + o, n - o, now);
      if (q == 1) put_ack(c, 0x40, pid);
    }
    return;
  }
  case 4: case 5: case 7: {
    if (n < 2 || c->role != R_PUB) { protocol_error_count++; return; }
    publisher *q = (publisher *)c;
    pid = get16(p);
    rc = protocol_version == 5 && n > 2 ? p[2] : 0;
    int t = h >> 4, wants = t == 7 ? 2 : 1;
    int is_expected = pid >= 1 && pid <= (u32)in_flight_max && q->identifier_states[pid] == wants;
    if (!is_expected || (t == 4) != (publish_qos == 1)) { protocol_error_count++; return; }
    if (t == 5 && rc < 0x80) {
      q->identifier_states[pid] = 2;
      put_ack(c, 0x62, pid);
      return;
    }
    if (rc >= 0x80) refused_count++;
    q->identifier_states[pid] = 0;
    q->free_identifiers[q->free_count++] = pid;
    acknowledged_count++;
    return;
  }
  case 6:
    if (n < 2 || c->role != R_SUB || subscribe_qos < 2) { protocol_error_count++; return; }
    pid = get16(p);
    {
      subscriber *s = (subscriber *)c;
      if (s->released) s->released[pid >> 3] &= ~(1 << (pid & 7));
    }
    put_ack(c, 0x70, pid);
    return;
  case 2:
    if (n < 2 || c->state != ST_CONNACK) { protocol_error_count++; return; }
    if (p[1]) {
      snprintf(last_error, sizeof last_error, "CONNACK refused, code %u", p[1]);
      connection_lost(c, "CONNACK refused", 0);
      snprintf(last_error, sizeof last_error, "CONNACK refused, code %u", p[1]);
      return;
    }
    if (p[0] & 1) session_present_count++;
    if (protocol_version == 5) {
      u32 pl;
      int k = get_variable(p + 2, n - 2, &pl);
      if (k > 0 && 2 + k + pl <= n) connack_props(c, p + 2 + k, pl);
    }
    if ((c->role == R_SUB && !(is_persistent && are_subscribers_away)) || (c->role == R_IDLE && is_idle_subscribed)) {
      send_subscribe(c);
      return;
    }
    became_ready(c, now);
    return;
  case 9: {
    if (c->state != ST_SUBACK || n < 3) { protocol_error_count++; return; }
    u32 o = 2;
    if (protocol_version == 5) {
      u32 pl;
      int k = get_variable(p + 2, n - 2, &pl);
      if (k <= 0) { protocol_error_count++; return; }
      o += k + pl;
    }
    subscriber *s = (subscriber *)c;
    for (; o < n; o++) {
      if (p[o] >= 0x80) fail(2, "SUBSCRIBE refused, code 0x%02x", p[o]);
      if (c->role == R_SUB && p[o] < s->granted) s->granted = p[o];
    }
    if (--c->subacks_due == 0) became_ready(c, now);
    return;
  }
  case 13: pingresp_count++; return;
  case 14:
    if (protocol_version == 5) {
      char e[64];
      snprintf(e, sizeof e, "broker sent DISCONNECT 0x%02x", n ? p[0] : 0);
      connection_lost(c, e, 0);
      return;
    }
    /* fallthrough */
  default: protocol_error_count++; return;
  }
}
static void on_read(connection *c) {
  u8 *b;
  size_t len;
  ssize_t r;
  int own = c->in_length || c->in_capacity > 128 * 1024; /* large messages: into the own buffer at once */
  if (!own) {
    r = read(c->fd, read_buffer, READ_BUFFER_BYTES);
    b = read_buffer;
    if (r == READ_BUFFER_BYTES) is_read_full = 1;
  } else {
    r = read(c->fd, c->in + c->in_length, c->in_capacity - c->in_length);
    b = c->in;
  }
  if (r <= 0) {
    if (r < 0 && (errno == EAGAIN || errno == EINTR)) return;
    connection_lost(c, r ? "read failed" : "broker closed the connection", r ? errno : 0);
    return;
  }
  len = (own ? c->in_length : 0) + r;
  u64 now = now_ns();
  size_t pos = 0;
  c->need = 0;
  while (len - pos >= 2) {
    u32 rl;
    int k = get_variable(b + pos + 1, len - pos - 1, &rl);
    if (k == 0) break;
    if (k < 0) {
      protocol_error_count++;
      connection_lost(c, "malformed packet from broker", 0);
      return;
    }
    if (pos + 1 + k + rl > len) {
      c->need = 1 + k + rl;
      break;
    }
    handle(c, b[pos], b + pos + 1 + k, rl, now);
    if (c->fd < 0) return;
    pos += 1 + k + rl;
  }
  u32 left = len - pos;
  if (left) {
    u32 cap = (c->need > left ? c->need : left) + 65536;
    if (own) {
      if (pos) memmove(c->in, c->in + pos, left);
      if (c->in_capacity < cap) {
        c->in = xrealloc(c->in, cap);
        c->in_capacity = cap;
      }
    } else {
      if (c->in_capacity < cap) {
        free(c->in);
        c->in = xrealloc(NULL, cap);
        c->in_capacity = cap;
      }
      memcpy(c->in, b + pos, left);
    }
  }
  c->in_length = left;
  if (c->out_tail > c->out_head && !c->wants_write) flush_connection(c);
}
