/* The result: one line of JSON, its names and units as native_generator.ts knows them. */

/* shares of a core */
static void report_machine(double cpu, double own, double other, double seconds) {
  printf("\"generatorBusy\":%.3f,\"othersBusy\":%.3f,\"brokerBusy\":%.3f,", own / seconds, other / seconds,
    cpu / seconds);
}

/* Returns the exit status. */
static int report_storm(double seconds) {
  u64 rss_after = broker_pid ? sample_process(broker_pid).rss : 0, dropped = disconnect_count;
  double cpu = broker_cpu_to - broker_cpu_from, own = own_cpu_to - own_cpu_from;
  double other = (machine_busy_to - machine_busy_from) - cpu - own;
  int is_fine = !connect_failure_count && !dropped && ready_count == idle_total;
  printf("{\"isFine\":%s,\"protocolVersion\":%d,\"connects\":%lu,\"failed\":%lu,\"dropped\":%lu,\"seconds\":%.4f,"
    "\"connectsPerSecond\":%.1f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f,", is_fine ? "true" : "false",
    protocol_version, ready_count, connect_failure_count, dropped, seconds, ready_count / seconds,
    histogram_quantile_us(&connect_times, .5), histogram_quantile_us(&connect_times, .99), connect_times.max / 1e3);
  report_machine(cpu, own, other, seconds);
  printf("\"brokerUsPerConnect\":%.2f,\"rssBefore\":%lu,\"rssAfter\":%lu,\"rssPerConnection\":%.0f,\"error\":\"%s\"}\n",
    ready_count ? cpu / ready_count * 1e6 : 0, rss_before, rss_after,
    broker_pid && ready_count ? ((double)rss_after - (double)rss_before) / ready_count : 0, last_error);
  return is_fine ? 0 : 2;
}

static void report_samples(void) {
  printf("\"rssSamples\":[");
  for (u32 i = 0; i < rss_sample_count; i++) printf("%s%lu", i ? "," : "", rss_samples[i]);
  printf("],");
}

/* Returns the exit status. */
static int report_flow(const flow *f) {
  double seconds = is_persistent ? f->drain_s : f->ended_at > measured_from ? (f->ended_at - measured_from) / 1e9 : 0;
  /* what the CPU figures cover */
  double measured_s = measured_to > measured_from ? (measured_to - measured_from) / 1e9 : 1e-9;
  double rate = seconds > 0 ? measured_received / seconds : 0;
  double cpu = broker_cpu_to - broker_cpu_from, own = own_cpu_to - own_cpu_from;
  double other = (machine_busy_to - machine_busy_from) - cpu - own;
  int effective_qos = publish_qos < f->granted ? publish_qos : f->granted;
  int is_bad = (effective_qos > 0 && (f->lost || f->unacknowledged || refused_count)) || corrupt_count ||
    misrouted_count || wrong_properties_count || (effective_qos == 2 && duplicated_count);
  int code = timed_out || f->disconnects ? 2 : is_bad ? 1 : 0;
  printf("{\"isFine\":%s,\"protocolVersion\":%d,\"grantedQos\":%d,\"receiveMaximum\":%d,\"subscribeSeconds\":%.4f,",
    code ? "false" : "true", protocol_version, f->granted, receive_maximum_min, f->subscribe_s);
  printf("\"sent\":%lu,\"expected\":%lu,\"delivered\":%lu,\"lost\":%lu,\"duplicated\":%lu,\"disordered\":%lu,"
    "\"corrupt\":%lu,\"misrouted\":%lu,\"unacknowledged\":%lu,\"refused\":%lu,"
    "\"protocolErrors\":%lu,\"wrongQos\":%lu,\"wrongProperties\":%lu,"
    "\"aliasesSent\":%lu,\"aliasesReceived\":%lu,\"foreign\":%lu,\"disconnects\":%lu,\"stalls\":%lu,\"isTimedOut\":%s,",
    sent_count, expected(), received_count, f->lost, duplicated_count, disordered_count, corrupt_count,
    misrouted_count, f->unacknowledged, refused_count, protocol_error_count, wrong_qos_count, wrong_properties_count,
    aliases_sent, aliases_received, foreign_count, f->disconnects, stall_count, timed_out ? "true" : "false");
  printf("\"seconds\":%.4f,\"measured\":%lu,\"deliveredPerSecond\":%.1f,\"megabytesPerSecond\":%.3f,"
    "\"queueSeconds\":%.4f,\"drainSeconds\":%.4f,"
    "\"sessionsPresent\":%lu,", seconds, measured_received, rate, seconds > 0 ? measured_bytes / seconds / 1e6 : 0,
    f->queue_s, f->drain_s, session_present_count);
  printf("\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f,\"maxUs\":%.1f,\"meanUs\":%.1f,\"sendLagP99Us\":%.1f,",
    histogram_quantile_us(&latencies, .5), histogram_quantile_us(&latencies, .99),
    histogram_quantile_us(&latencies, .999), latencies.max / 1e3,
    latencies.n ? (double)latencies.sum / latencies.n / 1e3 : 0, histogram_quantile_us(&send_lags, .99));
  report_machine(cpu, own, other, measured_s);
  report_samples();
  printf("\"brokerUsPerMessage\":%.3f,\"rssBefore\":%lu,\"rssConnected\":%lu,\"rssPeak\":%lu,\"error\":\"%s\"}\n",
    measured_received ? cpu * 1e6 / measured_received : 0, rss_before, f->rss_connected, rss_peak,
    f->disconnects || timed_out ? f->error : "");
  return code;
}
