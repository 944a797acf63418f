-- What happened to the device of a thing; it goes with the thing. What repeats is counted in one row, which then comes
-- to the front with a new number: the order of numbers is that of `at`.
CREATE TABLE thing_event (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    thing           BIGINT NOT NULL REFERENCES thing (seq) ON DELETE CASCADE,
    kind            TEXT   NOT NULL CHECK (kind IN ('CONNECTED', 'DISCONNECTED', 'REFUSED', 'PROVISIONED')),
    first_at        BIGINT NOT NULL,
    at              BIGINT NOT NULL,
    count           BIGINT NOT NULL,
    reason          TEXT,
    stage           TEXT,
    client_id       TEXT,
    certificate_id  TEXT,
    ip_address      TEXT,
    detail          TEXT
);
-- By kind, for each has its share of a thing's rows.
CREATE INDEX thing_event_by_thing ON thing_event (thing, kind, seq);
