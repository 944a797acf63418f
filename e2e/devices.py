"""Devices: certificates made through the API, and the real MQTT clients that use them."""

import json
import queue
import shutil
import ssl
import subprocess
import uuid

import paho.mqtt.client as paho
from harness import Process, clean_environment, wait_for
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

V4, V5 = paho.MQTTv311, paho.MQTTv5
ALPN_MQTT, ALPN_HTTP = "x-amzn-mqtt-ca", "x-amzn-http-ca"


def document(*statements):
    """A policy document; a statement is (effect, actions, resources)."""
    return json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": e, "Action": a, "Resource": r} for e, a, r in statements],
    })


ALLOW_ALL = document(("Allow", "iot:*", "*"))


def fresh(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class Device:
    """A thing with an active certificate and a policy, as `create-keys-and-certificate` gives them."""

    def __init__(self, server, folder, name=None, policy=ALLOW_ALL, thing=True, active=True):
        self.server, self.name = server, name or fresh("device")
        self.iot = server.boto("iot")
        made = self.iot.create_keys_and_certificate(setAsActive=active)
        self.arn, self.id = made["certificateArn"], made["certificateId"]
        folder.mkdir(parents=True, exist_ok=True)
        self.cert, self.key = folder / f"{self.id}.pem", folder / f"{self.id}.key"
        self.cert.write_text(made["certificatePem"])
        self.key.write_text(made["keyPair"]["PrivateKey"])
        if policy:
            self.attach(policy)
        if thing:
            self.iot.create_thing(thingName=self.name)
            self.iot.attach_thing_principal(thingName=self.name, principal=self.arn)

    def attach(self, policy):
        """Attaches one more policy; its name."""
        name = fresh("policy")
        self.iot.create_policy(policyName=name, policyDocument=policy)
        self.iot.attach_policy(policyName=name, target=self.arn)
        return name

    def status(self, status):
        self.iot.update_certificate(certificateId=self.id, newStatus=status)

    def context(self, alpn=None):
        context = ssl.create_default_context(cafile=str(self.server.ca))
        context.load_cert_chain(self.cert, self.key)
        if alpn:
            context.set_alpn_protocols([alpn])
        return context


def of_codes(codes):
    return [code.value for code in codes]


def properties(kind, **values):
    """paho's properties of a packet: `UserProperty=[("a", "b")]`, `MessageExpiryInterval=5`, …"""
    if not values:
        return None
    made = Properties(kind)
    for name, value in values.items():
        for each in value if name == "UserProperty" else [value]:
            setattr(made, name, each)
    return made


class Paho:
    """One paho client, with everything that happens to it in queues. It never connects again by itself."""

    def __init__(self, device, client_id=None, version=V5, alpn=False, clean=True, will=None, websocket=None, **connect):
        self.device, self.version = device, version
        self.client_id = device.name if client_id is None else client_id
        self.alpn, self.connect_values = alpn, connect
        self.connacks, self.messages, self.acks, self.ends = (queue.Queue() for _ in range(4))
        more = {} if version == V5 else {"clean_session": clean}
        self.clean = clean
        self.client = client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=self.client_id, protocol=version,
            transport="websockets" if websocket else "tcp", reconnect_on_failure=False, **more,
        )
        if websocket:
            client.ws_set_options(path=websocket)
            client.tls_set_context(ssl.create_default_context(cafile=str(device.server.ca)))
        else:
            client.tls_set_context(device.context(ALPN_MQTT if alpn else None))
        if will:
            client.will_set(**will)
        client.on_connect = lambda _c, _u, flags, code, props: self.connacks.put((flags, code, props))
        client.on_message = lambda _c, _u, message: self.messages.put(message)
        client.on_subscribe = lambda _c, _u, mid, codes, props: self.acks.put(("sub", mid, of_codes(codes), props))
        client.on_unsubscribe = lambda _c, _u, mid, codes, props: self.acks.put(("unsub", mid, of_codes(codes), props))
        client.on_publish = lambda _c, _u, mid, code, props: self.acks.put(("pub", mid, [code.value], props))
        client.on_disconnect = lambda _c, _u, flags, code, props: self.ends.put(code.value if flags.is_disconnect_packet_from_server else None)
        self.flags = self.code = self.properties = None
        self.websocket = websocket

    def start(self, keepalive=60):
        """Sends CONNECT without waiting for an answer."""
        server = self.device.server
        port = server.port if self.alpn or self.websocket else server.mqtt_port
        more = {}
        if self.version == V5:
            more = {"clean_start": self.clean, "properties": properties(PacketTypes.CONNECT, **self.connect_values)}
        self.client.connect("localhost", port, keepalive, **more)
        self.client.loop_start()
        return self

    def connect(self, keepalive=60):
        """Connects and expects to be welcome."""
        self.start(keepalive)
        self.flags, self.code, self.properties = self.connacks.get(timeout=15)
        assert self.code.value == 0, f"CONNACK {self.code}"
        return self

    def refused(self, keepalive=60):
        """Connects and expects not to be welcome: the code of CONNACK, or None when the connection ends without one."""
        self.start(keepalive)
        wait_for(lambda: not self.connacks.empty() or not self.ends.empty(), "an answer to CONNECT")
        if self.connacks.empty():
            return None
        _, code, _ = self.connacks.get()
        assert code.value != 0
        return code.value

    def ack(self, kind, mid):
        """Waits for what answers a packet; paho counts a QoS 0 publish as answered when it is sent."""
        while True:
            got = self.acks.get(timeout=15)
            if got[:2] == (kind, mid):
                return got[2]

    def subscribe(self, *filters, qos=1, **options):
        """The reason codes of the SUBACK."""
        _, mid = self.ask_subscribe(*filters, qos=qos, **options)
        return self.ack("sub", mid)

    def ask_subscribe(self, *filters, qos=1, props=None, **options):
        if self.version == V5:
            wishes = [(each, SubscribeOptions(qos=qos, **options)) for each in filters]
            return self.client.subscribe(wishes, properties=props)
        return self.client.subscribe([(each, qos) for each in filters])

    def unsubscribe(self, *filters):
        _, mid = self.client.unsubscribe(list(filters))
        return self.ack("unsub", mid)

    def send(self, topic, payload=b"", qos=0, retain=False, **values):
        """Publishes without waiting."""
        props = properties(PacketTypes.PUBLISH, **values) if self.version == V5 else None
        return self.client.publish(topic, payload, qos, retain, props)

    def publish(self, topic, payload=b"", retain=False, **values):
        """Publishes with QoS 1; the reason code of the PUBACK."""
        sent = self.send(topic, payload, 1, retain, **values)
        (code,) = self.ack("pub", sent.mid)
        return code

    def message(self, timeout=15):
        return self.messages.get(timeout=timeout)

    def payload(self, timeout=15):
        return self.message(timeout).payload.decode()

    def quiet(self, seconds=0.5):
        """True when no message comes."""
        try:
            message = self.messages.get(timeout=seconds)
        except queue.Empty:
            return True
        raise AssertionError(f"{message.topic}: {message.payload}")

    def ended(self, timeout=15):
        """Waits for the end of the connection: the code of the server's DISCONNECT, or None without one."""
        return self.ends.get(timeout=timeout)

    def running(self):
        return self.ends.empty()

    def vanish(self):
        """Ends the connection without DISCONNECT."""
        self.client.loop_stop()
        sock = self.client.socket()
        if sock:
            sock.close()

    def disconnect(self, code=None, **values):
        if self.version == V5 and (code is not None or values):
            reason = paho.ReasonCode(PacketTypes.DISCONNECT, identifier=code or 0)
            self.client.disconnect(reason, properties(PacketTypes.DISCONNECT, **values))
        else:
            self.client.disconnect()
        self.ended()
        self.client.loop_stop()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Mosquitto:
    """Debian's mosquitto_pub and mosquitto_sub with a device's certificate."""

    def __init__(self, device, version="mqttv5", alpn=False):
        self.device, server = device, device.server
        self.options = [
            "-h", "localhost", "-p", server.port if alpn else server.mqtt_port, "-V", version,
            "--cafile", server.ca, "--cert", device.cert, "--key", device.key,
            *(["--tls-alpn", ALPN_MQTT] if alpn else []),
        ]

    def pub(self, *args, ok=True, timeout=30):
        done = subprocess.run(
            ["mosquitto_pub", *map(str, self.options), *map(str, args)],
            capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, env=clean_environment(),
        )
        assert not ok or done.returncode == 0, done
        return done

    def sub(self, folder, *args, wait=True):
        """A running mosquitto_sub that is subscribed."""
        program = ["stdbuf", "-oL", "mosquitto_sub", *self.options, "-d", *args]
        process = Process(program, folder, "mosquitto_sub", env=clean_environment())
        return process.wait_text("Subscribed (mid:") if wait else process


def programs_are_there():
    for program in ("mosquitto_pub", "mosquitto_sub", "node"):
        assert shutil.which(program), f"{program} is missing"
