/** All that grows. @module */

import type { Curve } from "./curve.ts";
import { CHURN } from "./curves/churn.ts";
import { CONNECTIONS } from "./curves/connections.ts";
import { DEPTH } from "./curves/depth.ts";
import { OFFLINE } from "./curves/offline.ts";
import { PAYLOAD } from "./curves/payload.ts";
import { RETAINED } from "./curves/retained.ts";
import { SUBSCRIPTIONS } from "./curves/subscriptions.ts";
import { TOPICS } from "./curves/topics.ts";

export const CURVES: readonly Curve[] = [
  SUBSCRIPTIONS,
  DEPTH,
  TOPICS,
  CONNECTIONS,
  PAYLOAD,
  RETAINED,
  OFFLINE,
  CHURN,
];
