/** Rows of the table of options: those that open listeners beside the one of `--port`. Names are those of Mosquitto's
 * clients, where they have one. Room: pure. @module */

import { configKey } from "../config/keys.ts";
import type { Option } from "./arguments.ts";

function optionOf(name: string, key: string, valueName: string | undefined, example: string): Option {
  const { about, environmentName } = configKey(key)!;
  return { name, key, valueName, about, environmentName, example };
}

const PAIR = "--cert server.crt --key server.key";

export const LISTENER_OPTIONS: readonly Option[] = [
  { ...optionOf("mqtt", "mqtt", undefined, `--no-mqtt --tls-port 8883 ${PAIR}`), negatable: true },
  optionOf("tls-port", "tlsPort", "NUMBER", `--tls-port 8883 ${PAIR}`),
  optionOf("cert", "tls.certFile", "FILE", "--cert server.crt"),
  optionOf("key", "tls.keyFile", "FILE", "--key server.key"),
  { ...optionOf("ca", "tls.caFile", "FILE", "--ca clients-ca.crt"), aliases: ["cafile"] },
  {
    ...optionOf(
      "require-client-cert",
      "tls.requireClientCertificate",
      undefined,
      "--require-client-cert --ca clients-ca.crt",
    ),
    negatable: true,
  },
  optionOf("ws-port", "wsPort", "NUMBER", "--ws-port 8083"),
  optionOf("wss-port", "wssPort", "NUMBER", `--wss-port 8084 ${PAIR}`),
  optionOf("unix", "unixPath", "PATH", "--unix /run/quetzal/mqtt.sock"),
];
