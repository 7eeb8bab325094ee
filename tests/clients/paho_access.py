"""One visit of Paho for Python: a JSON object on standard input (passwords are in it), a JSON object out.

Connects, subscribes to all topics, publishes to the first one at QoS 1, and waits until that comes back.
Runs with Paho 1.6 and 2.x.
"""

import json
import sys

import paho.mqtt.client as mqtt

request = json.load(sys.stdin)
version = request["version"]
topics = request["topics"]
visit = {"connack": None}


def new_client():
    arguments = {"client_id": "paho", "protocol": version}
    if hasattr(mqtt, "CallbackAPIVersion"):
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, **arguments)
    return mqtt.Client(**arguments)


def number(reason):
    return reason.value if hasattr(reason, "value") else int(reason)


def on_connect(client, _userdata, _flags, reason, _properties=None):
    visit["connack"] = number(reason)
    if visit["connack"] == 0:
        client.subscribe([(topic, mqtt.SubscribeOptions(qos=1)) if version == 5 else (topic, 1) for topic in topics])
    else:
        # Else it would come again, and again.
        client.disconnect()


def on_subscribe(client, _userdata, _mid, reasons, _properties=None):
    visit["suback"] = [number(reason) for reason in reasons]
    if visit["suback"][0] < 0x80:
        client.publish(topics[0], "there and back", 1)
    else:
        client.disconnect()


def on_message(client, _userdata, message):
    visit["received"] = message.payload.decode()
    client.disconnect()


client = new_client()
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
if "userName" in request:
    client.username_pw_set(request["userName"], request.get("password"))
if "caFile" in request:
    client.tls_set(request["caFile"], request.get("certFile"), request.get("keyFile"))
try:
    client.connect(request["host"], request["port"])
    while client.loop() == mqtt.MQTT_ERR_SUCCESS:
        pass
except OSError as error:
    visit["error"] = type(error).__name__
json.dump(visit, sys.stdout)
