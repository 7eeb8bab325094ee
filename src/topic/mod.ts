/** All that knows `/`, `+`, `#`, `$share`. Spec §4.7, §4.8.2. Room: pure; strings in, answers out. @module */

export { isServerTopic, isValidTopicName, TOPIC_BYTES_MAX, topicLevels } from "./topic_name.ts";
export { hasWildcard, isValidTopicFilter, topicMatchesFilter } from "./topic_filter.ts";
export { isSharedFilter, parseSharedFilter, type SharedFilter } from "./shared_filter.ts";
export { SubscriptionTrie } from "./subscription_trie.ts";
export { TopicTree, type TopicWalk } from "./topic_tree.ts";
export { MatchCache } from "./match_cache.ts";
