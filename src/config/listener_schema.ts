/** What a listener can be told: the schema of one item of the list `listeners`, and of the top-level keys of the same
 * names that hold for every item which leaves them out. Room: pure. @module */

import * as v from "valibot";
import { parseNetwork } from "../base/networks.ts";
import { LIMIT_RULES } from "./limits.ts";
import { keyOrNothing, neededKey, text, wholeNumber } from "./schema_parts.ts";

/** MQTT over TCP, over TLS, over WebSocket, over WebSocket and TLS, and over a socket in the file system. */
export const LISTENER_TYPES = ["mqtt", "mqtts", "ws", "wss", "unix"] as const;
export type ListenerType = typeof LISTENER_TYPES[number];

/** How a Client can prove who it is. */
export const AUTHENTICATOR_NAMES = ["accounts", "jwt", "certificate"] as const;
export type AuthenticatorName = typeof AUTHENTICATOR_NAMES[number];

/** Which name in a certificate is the user's. */
export const CERTIFICATE_NAMES = ["common-name", "dns", "email", "uri"] as const;
export type CertificateName = typeof CERTIFICATE_NAMES[number];

export const TLS_VERSIONS = ["1.2", "1.3"] as const;
export type TlsVersion = typeof TLS_VERSIONS[number];

/** What an Origin header says, RFC 6454 §6.2, or "*". */
const ORIGIN = /^(\*|null|[a-z][a-z0-9+.-]*:\/\/[^/\s,]+\/?)$/;

export const portSchema = wholeNumber(0, 65_535);
export const protocolVersionsSchema = v.pipe(v.array(v.picklist([3, 4, 5])), v.minLength(1));
export const authenticatorsSchema = v.pipe(v.array(v.picklist(AUTHENTICATOR_NAMES)), v.minLength(1));
export const certificateUserNameSchema = v.picklist(CERTIFICATE_NAMES);
export const networksSchema = v.array(
  v.pipe(
    v.string(),
    v.check((text) => parseNetwork(text) !== undefined, "addresses or networks, such as 10.0.0.7 or 10.0.0.0/8"),
  ),
);
export const tlsVersionSchema = v.picklist(TLS_VERSIONS);
export const webSocketPathSchema = v.pipe(v.string(), v.regex(/^\/[^\s?#]*$/, "a path that begins with /"));
export const originsSchema = v.array(
  v.pipe(v.string(), v.regex(ORIGIN, "origins, such as https://example.com or http://127.0.0.1:8080, or *")),
);

export const ABOUT = {
  authenticators:
    "how clients may prove who they are: accounts = user name and password (or SCRAM), jwt = a token as " +
    "the password, certificate = the certificate that they show in TLS; left out: accounts, with jwt where a key is " +
    "named for it, and certificate where one is required",
  certificateUserName:
    "which name in a client's certificate is its user name: the subject's Common Name, or the only " +
    "Subject Alternative Name of a kind",
  proxyProtocolFrom:
    "addresses and networks of proxies that tell the client's address by PROXY protocol, v1 or v2; all others are refused then",
  certFile: "the server's certificate and those between it and the root, in PEM; read again when it changes",
  keyFile: "the certificate's private key, in PEM",
  caFile: "certificates of those who sign clients' certificates, in PEM; clients are asked for one then",
  requireClientCertificate: "refuse clients that show no certificate which is signed by one in caFile",
  minVersion: "the oldest version of TLS that is let in",
  path: "the path of the URL at which WebSockets are accepted",
  origins: "web pages whose scripts may connect, as the Origin header names them; * = all; " +
    "left out: those from the same host",
};

const tlsEntries = {
  certFile: keyOrNothing(text(), ABOUT.certFile),
  keyFile: keyOrNothing(text(), ABOUT.keyFile),
  caFile: keyOrNothing(text(), ABOUT.caFile),
  requireClientCertificate: keyOrNothing(v.boolean(), ABOUT.requireClientCertificate),
  minVersion: keyOrNothing(tlsVersionSchema, ABOUT.minVersion),
};

const webSocketEntries = {
  path: keyOrNothing(webSocketPathSchema, ABOUT.path),
  origins: keyOrNothing(originsSchema, ABOUT.origins),
};

/** One of the list. What it leaves out, the top-level key of the same name says, or the one of `limits`. */
export const listenerSchema = v.strictObject({
  type: neededKey(
    v.picklist(LISTENER_TYPES),
    "mqtt = over TCP, mqtts = over TLS, ws = over WebSocket, wss = over WebSocket and TLS, " +
      "unix = over a socket in the file system",
  ),
  host: keyOrNothing(text(), "address to listen on"),
  port: keyOrNothing(
    portSchema,
    "TCP port to listen on; 0 takes a free one; left out: what the key port says for mqtt, " +
      "8883 for mqtts, 8083 for ws, 8084 for wss",
  ),
  socketPath: keyOrNothing(text(), "where the socket of type unix is in the file system"),
  tls: keyOrNothing(v.strictObject(tlsEntries), "for mqtts and wss"),
  webSocket: keyOrNothing(v.strictObject(webSocketEntries), "for ws and wss"),
  proxyProtocolFrom: keyOrNothing(networksSchema, ABOUT.proxyProtocolFrom),
  allowAnonymous: keyOrNothing(v.boolean(), "let clients in that show no user name"),
  authenticators: keyOrNothing(authenticatorsSchema, ABOUT.authenticators),
  certificateUserName: keyOrNothing(certificateUserNameSchema, ABOUT.certificateUserName),
  protocolVersions: keyOrNothing(protocolVersionsSchema, "protocol versions that are let in"),
  connectionsMax: keyOrNothing(
    wholeNumber(LIMIT_RULES.connectionsMax.min, LIMIT_RULES.connectionsMax.max),
    "Network Connections at once through this listener [connections]",
  ),
  maximumPacketSize: keyOrNothing(
    wholeNumber(LIMIT_RULES.maximumPacketSize.min, LIMIT_RULES.maximumPacketSize.max),
    LIMIT_RULES.maximumPacketSize.about + " [bytes]",
  ),
  keepAliveMaxS: keyOrNothing(
    wholeNumber(LIMIT_RULES.keepAliveMaxS.min, LIMIT_RULES.keepAliveMaxS.max),
    LIMIT_RULES.keepAliveMaxS.about + " [s]",
  ),
});

export const listenersSchema = v.pipe(
  v.array(listenerSchema),
  v.minLength(1, 'one or more listeners as JSON, such as [{ "type": "mqtt", "port": 1884 }]'),
);
export const LISTENERS_ABOUT = "where clients are heard, a list of objects in place of the one listener of host and " +
  "port; what an object leaves out, the key of the same name says";
