/* The command line. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t i64;
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define NS 1000000000ull
#define PAYLOAD_HEAD 24                /* magic 4, publisher 4, sequence 8, time 8 */
#define BATCH_BYTES (64 * 1024)        /* bytes encoded for one publisher before a write */
#define BIG_PAYLOAD (32 * 1024)        /* payloads from this size on are written without copying */
#define READ_BUFFER_BYTES (256 * 1024) /* the read buffer all connections share */
#define ALIASES_MAX 16                 /* Topic Alias Maximum of a subscriber */
#define RSS_SAMPLES_MAX 1000

enum { PAT_FANIN, PAT_FANOUT, PAT_PAIRS, PAT_FILTERS };
static const char *broker_host = "127.0.0.1", *user_name, *password, *topic_prefix = "bench";
static int broker_port = 1883, broker_pid, protocol_version = 4, keep_alive = 60;
static int publisher_count = 1, subscriber_count = 1, pattern_kind = PAT_PAIRS, publish_qos, subscribe_qos;
static int is_retained, is_persistent, is_spinning, is_duration_given, connecting_max = 128, in_flight_max = 100;
static int are_properties_sent, are_aliases_used, are_identifiers_used, is_idle_subscribed;
static u32 payload_bytes = 64, idle_count, storm_count, filter_count;
static u64 messages_total, window_max = 10000, rss_every;
static double duration_s = 3, warm_up_s, rate_per_s, timeout_s = 60, drain_s_max = -1, hold_s = 1;

static u64 now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u64)t.tv_sec * NS + t.tv_nsec;
}
static u64 deadline_at, started_at;
/* says why in the JSON line, too, for whoever waits for that */
__attribute__((noreturn, format(printf, 2, 3))) static void fail(int code, const char *f, ...) {
  char m[256];
  va_list a;
  va_start(a, f);
  vsnprintf(m, sizeof m, f, a);
  va_end(a);
  fprintf(stderr, "mqttload: %s\n", m);
  for (char *p = m; *p; p++) if (*p == '"' || *p == '\\' || (u8)*p < 32) *p = ' ';
  printf("{\"isFine\":false,\"error\":\"%s\"}\n", m);
  fflush(stdout);
  exit(code);
}
static void *xrealloc(void *p, size_t n) {
  p = realloc(p, n);
  if (!p) fail(2, "out of memory");
  return p;
}
static void *xcalloc(size_t n, size_t s) {
  void *p = calloc(n ? n : 1, s);
  if (!p) fail(2, "out of memory");
  return p;
}

static const char HELP[] =
  "mqttload: an MQTT load generator that verifies each delivery; its result is one line of JSON\n"
  " --host A (127.0.0.1)  --port N (1883)  --version 4|5 (4 is 3.1.1)  --user NAME  --password TEXT\n"
  " --pubs P --subs S --pattern pairs|fanin|fanout    pairs: publisher i to subscriber i; fanin: own topics, every\n"
  "                     subscriber takes all by wildcard; fanout: one topic, every subscriber takes it\n"
  " --filters K         instead: K different filters with + and #, spread over the subscribers; each topic matches 4\n"
  " --qos Q | --pub-qos Q --sub-qos Q    --size BYTES (64, at least 24)   --retain\n"
  " --messages N (total) | --duration SECONDS (3)   --warmup SECONDS (0, not counted)\n"
  " --rate R            messages/s in total; 0: flat out\n"
  " --window N (10000)  most deliveries outstanding over the whole run\n"
  " --inflight N (100)  most unacknowledged PUBLISH packets of a publisher; less by the broker's Receive Maximum\n"
  " --idle N            further connected clients during the run; --idle-subscribed: each with a session that\n"
  "                     persists and a subscription of its own\n"
  " --connect-only N    connect storm; --connect-conc C (128) under way at once; --hold SECONDS (1) afterwards\n"
  " --persist           subscribers subscribe, leave, messages are queued for them, they return; times the drain\n"
  " --properties, --topic-aliases, --subscription-identifiers    of MQTT 5.0\n"
  " --pid PID           of the broker; --rss-every N: its memory after each N deliveries\n"
  " --keepalive S (60)  --timeout S (60) for all   --prefix TEXT of all topics   --spin (busy wait)\n"
  " --drain S           quiet time after which what is missing is lost; 3 at QoS 0, otherwise 15\n"
  "Exit status: 0 fine; 1 lost, corrupt or misrouted messages at QoS > 0, or duplicates at QoS 2; 2 connection lost\n"
  "or timeout; 3 bad options.\n"
  "Example: mqttload --port 1883 --pubs 10 --subs 10 --qos 1 --rate 1000 --duration 5\n";

enum {
  A_HOST = 256, A_PORT, A_VERSION, A_USER, A_PASSWORD, A_PUBS, A_SUBS, A_PATTERN, A_QOS, A_PUB_QOS, A_SUB_QOS, A_SIZE,
  A_RETAIN, A_MESSAGES, A_DURATION, A_WARM_UP, A_RATE, A_WINDOW, A_IN_FLIGHT, A_IDLE, A_IDLE_SUBSCRIBED, A_STORM,
  A_CONNECTING, A_HOLD, A_FILTERS, A_PERSIST, A_PROPERTIES, A_ALIASES, A_IDENTIFIERS, A_KEEP_ALIVE, A_PID, A_RSS_EVERY,
  A_TIMEOUT, A_DRAIN, A_SPIN, A_PREFIX, A_HELP
};
static const struct option OPTIONS[] = {
  {"host", 1, 0, A_HOST}, {"port", 1, 0, A_PORT}, {"version", 1, 0, A_VERSION}, {"user", 1, 0, A_USER},
  {"password", 1, 0, A_PASSWORD}, {"pubs", 1, 0, A_PUBS}, {"subs", 1, 0, A_SUBS}, {"pattern", 1, 0, A_PATTERN},
  {"qos", 1, 0, A_QOS}, {"pub-qos", 1, 0, A_PUB_QOS}, {"sub-qos", 1, 0, A_SUB_QOS}, {"size", 1, 0, A_SIZE},
  {"retain", 0, 0, A_RETAIN}, {"messages", 1, 0, A_MESSAGES}, {"duration", 1, 0, A_DURATION},
  {"warmup", 1, 0, A_WARM_UP}, {"rate", 1, 0, A_RATE}, {"window", 1, 0, A_WINDOW}, {"inflight", 1, 0, A_IN_FLIGHT},
  {"idle", 1, 0, A_IDLE}, {"idle-subscribed", 0, 0, A_IDLE_SUBSCRIBED}, {"connect-only", 1, 0, A_STORM},
  {"connect-conc", 1, 0, A_CONNECTING}, {"hold", 1, 0, A_HOLD}, {"filters", 1, 0, A_FILTERS},
  {"persist", 0, 0, A_PERSIST}, {"properties", 0, 0, A_PROPERTIES}, {"topic-aliases", 0, 0, A_ALIASES},
  {"subscription-identifiers", 0, 0, A_IDENTIFIERS}, {"keepalive", 1, 0, A_KEEP_ALIVE}, {"pid", 1, 0, A_PID},
  {"rss-every", 1, 0, A_RSS_EVERY}, {"timeout", 1, 0, A_TIMEOUT}, {"drain", 1, 0, A_DRAIN}, {"spin", 0, 0, A_SPIN},
  {"prefix", 1, 0, A_PREFIX}, {"help", 0, 0, A_HELP}, {0, 0, 0, 0}
};

static void check_options(void) {
  if (protocol_version != 4 && protocol_version != 5) fail(3, "--version must be 4 or 5");
  if (storm_count) publisher_count = subscriber_count = 0;
  else if (publisher_count < 1 || subscriber_count < 1) fail(3, "at least one publisher and one subscriber");
  if (payload_bytes < PAYLOAD_HEAD || payload_bytes > 200000000) fail(3, "--size must be at least %d", PAYLOAD_HEAD);
  if (publish_qos < 0 || publish_qos > 2 || subscribe_qos < 0 || subscribe_qos > 2) fail(3, "QoS is 0, 1 or 2");
  if (in_flight_max < 1 || in_flight_max > 65535) fail(3, "--inflight 1..65535");
  if (!storm_count && pattern_kind == PAT_PAIRS && publisher_count != subscriber_count)
    fail(3, "pairs needs as many publishers as subscribers");
  if (pattern_kind == PAT_FILTERS && (subscriber_count % 4 || filter_count % 4 ||
      filter_count < (u32)subscriber_count || filter_count > 3999996))
    fail(3, "--filters needs --subs and K to be multiples of 4, and K >= subs");
  if (is_persistent && (!messages_total || !publish_qos || !subscribe_qos))
    fail(3, "--persist needs --messages, and QoS 1 or 2 on both sides");
  if (window_max < 1 || connecting_max < 1) fail(3, "--window and --connect-conc are at least 1");
  if (strlen(topic_prefix) > 100) fail(3, "prefix too long");
  if (protocol_version == 4 && (are_properties_sent || are_aliases_used || are_identifiers_used))
    fail(3, "properties, aliases and subscription identifiers need --version 5");
  if (are_aliases_used && pattern_kind == PAT_FILTERS) fail(3, "--topic-aliases not with --filters");
}

static void read_options(int argc, char **argv) {
  int o;
  while ((o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) switch (o) {
    case A_HOST: broker_host = optarg; break;
    case A_PORT: broker_port = atoi(optarg); break;
    case A_VERSION: protocol_version = atoi(optarg); break;
    case A_USER: user_name = optarg; break;
    case A_PASSWORD: password = optarg; break;
    case A_PUBS: publisher_count = atoi(optarg); break;
    case A_SUBS: subscriber_count = atoi(optarg); break;
    case A_PATTERN:
      if (!strcmp(optarg, "pairs")) pattern_kind = PAT_PAIRS;
      else if (!strcmp(optarg, "fanin")) pattern_kind = PAT_FANIN;
      else if (!strcmp(optarg, "fanout")) pattern_kind = PAT_FANOUT;
      else fail(3, "unknown pattern");
      break;
    case A_QOS: publish_qos = subscribe_qos = atoi(optarg); break;
    case A_PUB_QOS: publish_qos = atoi(optarg); break;
    case A_SUB_QOS: subscribe_qos = atoi(optarg); break;
    case A_SIZE: payload_bytes = strtoul(optarg, 0, 10); break;
    case A_RETAIN: is_retained = 1; break;
    case A_MESSAGES: messages_total = strtoull(optarg, 0, 10); break;
    case A_DURATION: duration_s = atof(optarg); is_duration_given = 1; break;
    case A_WARM_UP: warm_up_s = atof(optarg); break;
    case A_RATE: rate_per_s = atof(optarg); break;
    case A_WINDOW: window_max = strtoull(optarg, 0, 10); break;
    case A_IN_FLIGHT: in_flight_max = atoi(optarg); break;
    case A_IDLE: idle_count = atoi(optarg); break;
    case A_IDLE_SUBSCRIBED: is_idle_subscribed = 1; break;
    case A_STORM: storm_count = atoi(optarg); break;
    case A_CONNECTING: connecting_max = atoi(optarg); break;
    case A_HOLD: hold_s = atof(optarg); break;
    case A_FILTERS: filter_count = atoi(optarg); pattern_kind = PAT_FILTERS; break;
    case A_PERSIST: is_persistent = 1; break;
    case A_PROPERTIES: are_properties_sent = 1; break;
    case A_ALIASES: are_aliases_used = 1; break;
    case A_IDENTIFIERS: are_identifiers_used = 1; break;
    case A_KEEP_ALIVE: keep_alive = atoi(optarg); break;
    case A_PID: broker_pid = atoi(optarg); break;
    case A_RSS_EVERY: rss_every = strtoull(optarg, 0, 10); break;
    case A_TIMEOUT: timeout_s = atof(optarg); break;
    case A_DRAIN: drain_s_max = atof(optarg); break;
    case A_SPIN: is_spinning = 1; break;
    case A_PREFIX: topic_prefix = optarg; break;
    case A_HELP: fputs(HELP, stdout); exit(0);
    default: fail(3, "see --help");
  }
  if (optind < argc) fail(3, "unexpected argument %s", argv[optind]);
  check_options();
  if (drain_s_max < 0) drain_s_max = publish_qos && subscribe_qos ? 15 : 3;
}
