// Connects with mqtt.js, subscribes, publishes to itself, and prints what it saw as JSON.
// The only argument is JSON: url, version, clientId, topic, payload, and paths ca, cert, key; alpn as a list.
const fs = require("node:fs");
const mqtt = require("mqtt");

const wish = JSON.parse(process.argv[2]);
const file = (path) => (path ? fs.readFileSync(path) : undefined);
const seen = {};

const client = mqtt.connect(wish.url, {
  protocolVersion: wish.version,
  clientId: wish.clientId,
  ca: file(wish.ca),
  cert: file(wish.cert),
  key: file(wish.key),
  ALPNProtocols: wish.alpn,
  reconnectPeriod: 0,
  clean: true,
  properties: wish.version === 5 ? { topicAliasMaximum: 4, sessionExpiryInterval: 0 } : undefined,
});

const fail = (error) => {
  console.error(String(error));
  process.exit(1);
};
setTimeout(() => fail("nothing for 20 s"), 20000);
client.on("error", fail);
client.on("close", () => seen.unsuback || fail(`closed after ${JSON.stringify(seen)}`));

client.on("connect", (connack) => {
  seen.connack = connack;
  client.subscribe(wish.topic, { qos: 1 }, (error, granted) => {
    if (error) fail(error);
    seen.granted = granted;
    const properties =
      wish.version === 5 ? { contentType: "text/plain", userProperties: { a: ["1", "2"] }, responseTopic: "r" } : undefined;
    client.publish(wish.topic, wish.payload, { qos: 1, properties }, (error, puback) => {
      if (error) fail(error);
      seen.puback = puback;
    });
  });
});

client.on("message", (topic, payload, packet) => {
  seen.message = { topic, payload: payload.toString(), qos: packet.qos, properties: packet.properties };
  client.unsubscribe(wish.topic, (error, unsuback) => {
    if (error) fail(error);
    seen.unsuback = unsuback || true;
    client.end(false, {}, () => {
      console.log(JSON.stringify(seen));
      process.exit(0);
    });
  });
});
