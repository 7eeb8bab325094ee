"""Paho for Python as a client process: one JSON object as argument, JSON lines out (payloads in base64).

publish: sends standard input as one message. subscribe: writes {"subscribed": true}, then each message.
Runs with Paho 1.6 and 2.x.
"""

import base64
import json
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

NAMES = {
    "contentType": "ContentType",
    "responseTopic": "ResponseTopic",
    "messageExpiryInterval": "MessageExpiryInterval",
}

request = json.loads(sys.argv[1])
version = request["version"]
connected = threading.Event()
refused = []


def tell(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def new_client():
    arguments = {"client_id": request["clientId"] or "to be replaced", "protocol": version}
    if version != 5:
        arguments["clean_session"] = request["cleanStart"]
    if hasattr(mqtt, "CallbackAPIVersion"):
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, **arguments)
    else:
        client = mqtt.Client(**arguments)
    # Paho itself would refuse some of what a broker must refuse, and make up an id for 3.1.
    client._client_id = request["clientId"].encode()
    return client


def connect(client):
    client.on_connect = on_connect
    options = {}
    if version == 5:
        options["clean_start"] = request["cleanStart"]
        options["properties"] = Properties(PacketTypes.CONNECT)
        if request.get("sessionExpiryInterval") is not None:
            options["properties"].SessionExpiryInterval = request["sessionExpiryInterval"]
    client.connect(request["host"], request["port"], 60, **options)


def on_connect(client, _userdata, _flags, reason, _properties=None):
    if reason != 0:
        refused.append(str(reason))
    elif "topicFilters" in request:
        client.subscribe([subscription(f) for f in request["topicFilters"]])
    connected.set()


def subscription(topic_filter):
    qos = request["qos"]
    return (topic_filter, mqtt.SubscribeOptions(qos=qos)) if version == 5 else (topic_filter, qos)


def properties_to_send(given):
    if version != 5:
        return None
    properties = Properties(PacketTypes.PUBLISH)
    for name, paho_name in NAMES.items():
        if name in given:
            setattr(properties, paho_name, given[name])
    if "correlationData" in given:
        properties.CorrelationData = given["correlationData"].encode()
    if "userProperties" in given:
        properties.UserProperty = [tuple(pair) for pair in given["userProperties"]]
    return properties


def received_properties(message):
    properties = getattr(message, "properties", None)
    found = {name: getattr(properties, paho_name) for name, paho_name in NAMES.items() if hasattr(properties, paho_name)}
    if hasattr(properties, "CorrelationData"):
        found["correlationData"] = properties.CorrelationData.decode()
    if hasattr(properties, "UserProperty"):
        found["userProperties"] = properties.UserProperty
    return found


def on_message(_client, _userdata, message):
    tell({
        "topicName": message.topic,
        "payload": base64.b64encode(message.payload).decode(),
        "qos": message.qos,
        "retain": bool(message.retain),
        "properties": received_properties(message),
    })


def publish(client):
    connect(client)
    client.loop_start()
    connected.wait()
    if refused:
        sys.exit("refused: " + refused[0])
    message = request["message"]
    info = client.publish(
        message["topicName"],
        sys.stdin.buffer.read(),
        message["qos"],
        message["retain"],
        properties_to_send(message["properties"]),
    )
    info.wait_for_publish()
    client.disconnect()
    client.loop_stop()


def subscribe(client):
    client.on_message = on_message
    client.on_subscribe = lambda *_: tell({"subscribed": True})
    will = request.get("will")
    if will is not None:
        client.will_set(will["topicName"], base64.b64decode(will["payload"]), will["qos"], will["retain"])
    connect(client)
    while client.loop() == mqtt.MQTT_ERR_SUCCESS:
        pass
    sys.exit("refused: " + refused[0] if refused else "the connection ended")


subscribe(new_client()) if "topicFilters" in request else publish(new_client())
