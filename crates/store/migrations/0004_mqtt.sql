-- What outlives an MQTT connection: sessions, their subscriptions, wills and queues; retained messages.

-- A persistent session, or the queue of a shared subscription (client_id `$share/<name>/<filter>`, which no client
-- can have). Ids are never used twice, so that what was meant for an ended session finds nothing.
CREATE TABLE session (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account     TEXT   NOT NULL,
    region      TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    version     BIGINT NOT NULL,                        -- protocol level: 4 is 3.1.1, 5 is 5.0
    expiry      BIGINT NOT NULL,                        -- seconds that it outlives its connection
    ends_at     BIGINT,                                 -- null while connected
    principal   TEXT   NOT NULL,
    state       BLOB   NOT NULL,                        -- packet ids, as the protocol machine writes them
    UNIQUE (account, region, client_id)
);
CREATE INDEX session_by_end ON session (ends_at) WHERE ends_at IS NOT NULL;

CREATE TABLE subscription (
    session     BIGINT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    filter      TEXT   NOT NULL,                        -- with its $share/<name>/ if it has one
    options     BIGINT NOT NULL,                        -- the option byte of MQTT 5
    identifier  BIGINT,
    PRIMARY KEY (session, filter)
) WITHOUT ROWID;

-- The will of a persistent session. `due_at` is null while the client is connected.
CREATE TABLE will (
    session     BIGINT PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
    delay       BIGINT NOT NULL,                        -- seconds
    lifetime    BIGINT,                                 -- seconds from being published to expiry
    due_at      BIGINT,
    topic       TEXT   NOT NULL,
    payload     BLOB   NOT NULL,
    qos         BIGINT NOT NULL,
    retain      BIGINT NOT NULL,
    properties  BLOB
);
CREATE INDEX will_by_due ON will (due_at) WHERE due_at IS NOT NULL;

-- Clustered by session, so that a queue is read and cleared in one sweep. No foreign key: it would be looked up for
-- every message; whoever ends a session clears its queue.
CREATE TABLE queued (
    session     BIGINT NOT NULL,
    position    BIGINT NOT NULL,                        -- grows within a session
    packet_id   BIGINT,                                 -- set once it was sent
    phase       BIGINT NOT NULL,                        -- 0 waits, 1 sent, 2 received by the client (QoS 2)
    topic       TEXT   NOT NULL,
    payload     BLOB   NOT NULL,
    qos         BIGINT NOT NULL,
    retain      BIGINT NOT NULL,
    properties  BLOB,
    expires_at  BIGINT,
    PRIMARY KEY (session, position)
) WITHOUT ROWID;

CREATE TABLE retained (
    account      TEXT   NOT NULL,
    region       TEXT   NOT NULL,
    topic        TEXT   NOT NULL,
    payload      BLOB   NOT NULL,
    qos          BIGINT NOT NULL,
    properties   BLOB,
    expires_at   BIGINT,
    modified_at  BIGINT NOT NULL,
    PRIMARY KEY (account, region, topic)
) WITHOUT ROWID;
CREATE INDEX retained_by_expiry ON retained (expires_at) WHERE expires_at IS NOT NULL;
