/** The authenticator and authorizer of a broker without accounts: anonymous clients, let in or not, and no rules.
 * @module */

import { ReasonCode } from "../packet/reason_code.ts";
import { isServerTopic } from "../topic/topic_name.ts";
import type { AuthenticationExchange, AuthenticationVerdict, Authenticator, ConnectAttempt } from "./authenticator.ts";
import type { Authorizer, Identity } from "./authorizer.ts";

/** Lets everybody in, or nobody. A user name is not believed: without accounts, all are anonymous. */
export class AnonymousAuthenticator implements Authenticator {
  /** @param isAllowed asked for each CONNECT with the listener that it came through. */
  constructor(readonly isAllowed: (attempt: ConnectAttempt) => boolean) {}

  authenticate(attempt: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): void {
    if (this.isAllowed(attempt)) return answer({ reasonCode: ReasonCode.Success, userName: undefined });
    answer({
      reasonCode: ReasonCode.NotAuthorized,
      userName: undefined,
      reasonString: "anonymous clients are not allowed on this listener, and there are no accounts",
    });
  }

  begin(): AuthenticationExchange | undefined {
    return undefined;
  }
}

/** Everything is allowed to those who are in. */
export class AllowAll implements Authorizer {
  onChange: (() => void) | undefined = undefined;

  connectRefusal(): undefined {
    return undefined;
  }

  mayPublish(): boolean {
    return true;
  }

  publishableFilter(_identity: Identity, topicName: string): string | undefined {
    return isServerTopic(topicName) ? undefined : "#";
  }

  maySubscribe(): boolean {
    return true;
  }

  mayReceive(): boolean {
    return true;
  }

  mayReceiveAll(): boolean {
    return true;
  }
}
