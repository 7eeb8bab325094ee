/* PUBLISH packets are encoded in batches from a prepared frame, flat out within a window, or paced. */

/* What a program might well send: Response Topic, Content Type, Correlation Data and a User Property. */
static u8 *sent_properties(u8 *p) {
  *p++ = 0x08;
  p = put_string(p, "answers");
  *p++ = 0x03;
  p = put_string(p, "application/json");
  *p++ = 0x09;
  p = put_string(p, "0123456789abcdef");
  *p++ = 0x26;
  p = put_string(p, "unit");
  return put_string(p, "degree Celsius");
}
static void sum_sent_properties(void) {
  u8 b[256];
  u32 n = sent_properties(b) - b;
  /* one by one, as they are summed when they come back; lengths are those above */
  static const u32 bytes[] = {10, 19, 19, 23};
  u32 at = 0;
  for (int i = 0; i < 4; at += bytes[i++]) sent_property_sum += property_sum(b + at, bytes[i]);
  if (at != n) fail(2, "the properties are %u bytes, not %u", n, at);
}
static u32 variable_bytes(u32 v) { return v < 128 ? 1 : v < 16384 ? 2 : v < 2097152 ? 3 : 4; }
static void make_template(publisher *q) {
  char t[256];
  if (pattern_kind == PAT_FILTERS) snprintf(t, sizeof t, "%s/%s/w/a%06u/b%06u/t", topic_prefix, run_id, 0, 0);
  else if (pattern_kind == PAT_FANOUT) snprintf(t, sizeof t, "%s/%s/all", topic_prefix, run_id);
  else snprintf(t, sizeof t, "%s/%s/%u", topic_prefix, run_id, q->c.index);
  u8 properties[256], *end = properties;
  if (are_properties_sent) end = sent_properties(end);
  if (are_aliases_used && q->alias_maximum) {
    *end++ = 0x23;
    end = put16(end, 1);
  }
  if (q->is_aliased) *t = 0; /* the broker knows what Topic Alias 1 stands for */
  u32 pl = end - properties, tl = strlen(t);
  u32 rl = 2 + tl + (publish_qos ? 2 : 0) + (protocol_version == 5 ? variable_bytes(pl) + pl : 0) + payload_bytes;
  q->frame = xrealloc(q->frame, rl + 5);
  u8 *p = q->frame;
  *p++ = 0x30 | publish_qos << 1 | (is_retained ? 1 : 0);
  p = put_variable(p, rl);
  p = put_string(p, t);
  if (pattern_kind == PAT_FILTERS) {
    q->second_number_at = p - q->frame - 2 - 6;
    q->first_number_at = q->second_number_at - 2 - 6;
  }
  q->identifier_at = p - q->frame;
  if (publish_qos) p += 2;
  if (protocol_version == 5) {
    p = put_variable(p, pl);
    memcpy(p, properties, pl);
    p += pl;
  }
  q->payload_at = p - q->frame;
  memcpy(p, filling, payload_bytes);
  memcpy(p, &run_magic, 4);
  memcpy(p + 4, &q->c.index, 4);
  q->frame_bytes = p + payload_bytes - q->frame;
}
static inline void put_six_digits(u8 *p, u32 v) {
  for (int i = 5; i >= 0; i--) {
    p[i] = '0' + v % 10;
    v /= 10;
  }
}
static inline int has_window(void) {
  if (are_subscribers_away) return 1;
  i64 out = (i64)(sent_count * deliveries_each) - (i64)received_count - (i64)written_off_count;
  return out <= 0 || out + deliveries_each <= (i64)window_max;
}
static inline int can_send(publisher *q) {
  if (q->c.state != ST_READY || q->c.wants_write || q->big_left || q->seq >= q->quota) return 0;
  if (publish_qos && !q->free_count) return 0;
  /* acknowledgements go out whole, first */
  if (payload_bytes >= BIG_PAYLOAD && q->c.out_tail > q->c.out_head) return flush_connection(&q->c) == 1;
  return 1;
}
static void encode(publisher *q, u64 ts) {
  connection *c = &q->c;
  if (unlikely(are_aliases_used && q->seq <= 1 && q->alias_maximum)) {
    q->is_aliased = q->seq == 1;
    make_template(q);
  }
  aliases_sent += q->is_aliased;
  if (payload_bytes < BIG_PAYLOAD) reserve_output(c, q->frame_bytes);
  u8 *p = c->out + c->out_tail;
  if (pattern_kind == PAT_FILTERS) {
    u32 g = filter_count / 4;
    q->rng ^= q->rng << 13;
    q->rng ^= q->rng >> 7;
    q->rng ^= q->rng << 17;
    u32 a = (q->rng >> 8) % g, b = (q->rng >> 36) % g;
    put_six_digits(q->frame + q->first_number_at, a);
    put_six_digits(q->frame + q->second_number_at, b);
    pair *pr = pair_table + (size_t)c->index * subscriber_count;
    pr[(4 * a) % subscriber_count].sent++;
    pr[(4 * a + 1) % subscriber_count].sent++;
    pr[(4 * b + 2) % subscriber_count].sent++;
    pr[(4 * b + 3) % subscriber_count].sent++;
  }
  if (payload_bytes >= BIG_PAYLOAD) {
    p = q->frame;
    q->big_left = q->frame_bytes;
  } else {
    memcpy(p, q->frame, q->frame_bytes);
    c->out_tail += q->frame_bytes;
  }
  if (publish_qos) {
    u32 pid = q->free_identifiers[--q->free_count];
    q->identifier_states[pid] = 1;
    put16(p + q->identifier_at, pid);
  }
  memcpy(p + q->payload_at + 8, &q->seq, 8);
  memcpy(p + q->payload_at + 16, &ts, 8);
  q->seq++;
  sent_count++;
  if (is_measuring) measured_sent++;
}
static u32 publish_cursor;
static u64 rate_time(u64 k) { return rate_from + (u64)((double)k * 1e9 / rate_per_s); }
/* returns 1 when more could be sent at once */
static int pump(u64 now) {
  if (!is_publishing) return 0;
  if (rate_per_s > 0) {
    while (rate_time(due_index) <= now) {
      publishers[due_index % active_publishers].due++;
      due_index++;
    }
    for (u32 i = 0; i < active_publishers; i++) {
      publisher *q = &publishers[i];
      if (!q->due) continue;
      u32 n = 0;
      while (q->due && can_send(q) && has_window()) {
        /* ours to blame: stamp now; held up by the broker: stamp when it was due */
        u64 sched = rate_time(q->seq * active_publishers + i);
        histogram_add(&send_lags, now > sched ? now - sched : 0);
        encode(q, q->blocked && sched < now ? sched : now);
        q->due--;
        if (++n * q->frame_bytes >= BATCH_BYTES) break;
      }
      if (q->due && q->seq < q->quota) q->blocked = 1;
      else q->blocked = 0;
      if (q->seq >= q->quota) q->due = 0;
      if (n) {
        q->c.sent_at = now;
        flush_connection(&q->c);
      }
    }
    return 0;
  }
  i64 out = (i64)(sent_count * deliveries_each) - (i64)received_count - (i64)written_off_count;
  i64 room = are_subscribers_away ? (i64)1 << 40 : (i64)window_max - out;
  if (is_window_closed) {
    if (room < (i64)(window_max / 8) && out > 0) return 0;
    is_window_closed = 0;
  }
  i64 msgs = room / deliveries_each;
  if (msgs <= 0) {
    if (out > 0) {
      is_window_closed = 1;
      return 0;
    }
    msgs = 1;
  }
  i64 each = msgs / active_publishers;
  if (each < 1) each = 1;
  int any = 0;
  for (u32 n = 0; n < active_publishers && msgs > 0; n++) {
    publisher *q = &publishers[(publish_cursor + n) % active_publishers];
    i64 k = 0, lim = BATCH_BYTES / q->frame_bytes;
    if (lim < 1) lim = 1;
    if (lim > each) lim = each;
    if (lim > msgs) lim = msgs;
    while (k < lim && can_send(q)) {
      encode(q, now);
      k++;
    }
    if (k) {
      q->c.sent_at = now;
      flush_connection(&q->c);
      now = now_ns();
      msgs -= k;
      any = 1;
    }
  }
  publish_cursor = (publish_cursor + 1) % active_publishers;
  if (msgs <= 0) is_window_closed = 1;
  return any;
}
