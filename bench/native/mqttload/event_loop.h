/* One thread, one epoll. */

static u64 ping_due_at, progress_count, progress_at;
static u32 ping_cursor;
static connection *conn_at(u32 i) {
  if (i < idle_total) return &idle_clients[i];
  i -= idle_total;
  if (i < (u32)subscriber_count) return &subscribers[i].c;
  i -= subscriber_count;
  return &publishers[i].c;
}
static void housekeeping(u64 now) {
  if (broker_pid && now >= rss_due_at) {
    process_sample s = sample_process(broker_pid);
    if (s.rss > rss_peak) rss_peak = s.rss;
    while (rss_every && rss_sample_count < RSS_SAMPLES_MAX && received_count >= rss_sample_count * rss_every)
      rss_samples[rss_sample_count++] = s.rss;
    rss_due_at = now + 50000000;
  }
  if (keep_alive && now >= ping_due_at) {
    u32 tot = idle_total + subscriber_count + publisher_count, n = tot / 64 + 1; /* a slice every 100 ms */
    for (u32 i = 0; i < n && tot; i++) {
      connection *c = conn_at(ping_cursor++ % tot);
      if (c->state == ST_READY && now - c->sent_at > (u64)keep_alive * NS / 2 && !c->wants_write) {
        reserve_output(c, 2);
        c->out[c->out_tail++] = 0xc0;
        c->out[c->out_tail++] = 0;
        c->sent_at = now;
        flush_connection(c);
      }
    }
    ping_due_at = now + 100000000;
  }
  /* QoS 0 may lose messages: do not let those close the window for ever */
  if (received_count != progress_count || !is_publishing) {
    progress_count = received_count;
    progress_at = now;
  } else if (!are_subscribers_away && now - progress_at > 2 * NS) {
    i64 out = (i64)(sent_count * deliveries_each) - (i64)received_count - (i64)written_off_count;
    if (out > 0 && !has_window()) {
      written_off_count += out;
      stall_count++;
    }
    progress_at = now;
  }
}
static int step(u64 until) {
  static struct epoll_event ev[512];
  u64 now = now_ns();
  if (now > deadline_at) return -1;
  int more = pump(now);
  housekeeping(now);
  u64 wake = now + 50000000;
  if (until && until < wake) wake = until;
  if (is_publishing && rate_per_s > 0) {
    u64 d = rate_time(due_index);
    if (d < wake) wake = d;
  }
  struct timespec ts = {0, 0};
  if (is_publishing && is_window_closed && rate_per_s <= 0 && !is_spinning) {
    /* flat out and the broker holds most of the window: it has plenty to do, so let
     * deliveries pile up in the sockets (about 1/32 of a window, at most 2 ms) and read
     * them in batches; this keeps the generator much cheaper than the broker.  Too much at
     * once means that it slept too long. */
    static u64 p_recv, zz = 20000;
    u64 got = received_count - p_recv;
    p_recv = received_count;
    if (got > window_max / 32) zz = zz > 20000 ? zz / 2 : 10000;
    else if (got < window_max / 64 && zz < 2000000) zz += zz / 4;
    if (!is_read_full && zz >= 20000 && window_max >= 1000 && payload_bytes <= 4096) {
      struct timespec z = {0, (long)zz};
      clock_nanosleep(CLOCK_MONOTONIC, 0, &z, NULL);
    }
  }
  is_read_full = 0;
  if (!more && !is_spinning) {
    now = now_ns();
    u64 d = wake > now ? wake - now : 0;
    ts.tv_sec = d / NS;
    ts.tv_nsec = d % NS;
  }
  int n = epoll_pwait2(epoll_fd, ev, 512, &ts, NULL);
  for (int i = 0; i < n; i++) {
    connection *c = ev[i].data.ptr;
    if (c->fd < 0) continue;
    if (c->state == ST_TCP) {
      int e = 0;
      socklen_t l = sizeof e;
      getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &l);
      if (e) {
        connection_lost(c, "connect", e);
        continue;
      }
      if (!(ev[i].events & EPOLLOUT)) continue;
      c->state = ST_CONNACK;
      flush_connection(c);
      continue;
    }
    if (ev[i].events & EPOLLOUT) {
      if (flush_connection(c) < 0) continue;
    }
    if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_read(c);
  }
  return 0;
}
