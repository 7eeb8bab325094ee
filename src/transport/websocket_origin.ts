/** Which pages may let a browser connect: the Origin of a WebSocket. RFC 6455 §4.2.2, §10.2; RFC 6454. Room: pure.
 *
 * A browser connects wherever a page tells it to, also to `localhost` and into the network at home, and says in `Origin`
 * where the page is from. Other clients send none, or what they like, and decide for themselves.
 *
 * Where the owner has listed origins, those are let in. Where he has not, those from the same host, if nobody else can be
 * that host: it is an address, or `localhost`, or the page came over TLS. A page that came as http:// from a name may be a
 * stranger's whose name points here since a moment ago (DNS rebinding), and `Host` and `Origin` are the same then. One that
 * came as https:// is not: the browser lets it use wss:// only, and the certificate would not be that of its name.
 * @module */

import { isLoopbackHost } from "./address.ts";

/** All origins, in place of a list. */
export const ANY_ORIGIN = "*";

/** @param origin the header; undefined = there is none.
 * @param host the header `Host`.
 * @param origins "https://dashboard.example.com", "http://localhost:3000", "null", "*"; undefined = those from the same
 * host. */
export function isOriginAllowed(
  origin: string | undefined,
  host: string,
  origins: readonly string[] | undefined,
): boolean {
  if (origin === undefined) return true;
  if (origins !== undefined) {
    const asked = plainOrigin(origin);
    return origins.some((allowed) => allowed === ANY_ORIGIN || plainOrigin(allowed) === asked);
  }
  const [scheme, authority] = partsOf(plainOrigin(origin));
  if (scheme !== "http" && scheme !== "https") return false;
  const from = hostOf(authority);
  const to = hostOf(host.toLowerCase());
  if (from === "" || to === "") return false;
  if (isThisMachine(from) && isThisMachine(to)) return true;
  return from === to && (isAddress(to) || scheme === "https");
}

/** In the form in which browsers send it: in lower case, without the port that goes without saying, without a slash. */
function plainOrigin(origin: string): string {
  const text = origin.toLowerCase();
  const [scheme, authority] = partsOf(text.endsWith("/") ? text.slice(0, -1) : text);
  if (scheme === "") return text;
  const usualPort = scheme === "http" ? ":80" : scheme === "https" ? ":443" : undefined;
  const isUsual = usualPort !== undefined && authority.endsWith(usualPort);
  return `${scheme}://${isUsual ? authority.slice(0, -usualPort.length) : authority}`;
}

/** "http://a:1" → ["http", "a:1"]; "null" → ["", "null"] */
function partsOf(origin: string): [scheme: string, authority: string] {
  const end = origin.indexOf("://");
  return end < 0 ? ["", origin] : [origin.slice(0, end), origin.slice(end + 3)];
}

/** "a:1" → "a", "[::1]:1" → "[::1]"; "" for what is no host and port. */
function hostOf(authority: string): string {
  const matched = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.exec(authority);
  return matched === null ? "" : matched[1];
}

function isThisMachine(host: string): boolean {
  // The names below .localhost are this machine, too (RFC 6761 §6.3), and browsers ask nobody for them.
  return isLoopbackHost(host) || host.endsWith(".localhost");
}

function isAddress(host: string): boolean {
  return host.startsWith("[") || /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
