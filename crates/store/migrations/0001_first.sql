-- Times are milliseconds since the epoch, booleans 0 or 1, JSON is text.
-- `seq` counts records in order of creation and is never used twice: listings go by it, page tokens name it.

CREATE TABLE tunnel (
    seq                     INTEGER PRIMARY KEY AUTOINCREMENT,
    account                 TEXT   NOT NULL,
    region                  TEXT   NOT NULL,
    id                      TEXT   NOT NULL UNIQUE,
    status                  TEXT   NOT NULL CHECK (status IN ('OPEN', 'CLOSED')),
    description             TEXT,
    thing                   TEXT,
    services                TEXT,                       -- JSON list; null: no destination was given
    timeout_minutes         BIGINT NOT NULL,
    created_at              BIGINT NOT NULL,
    last_updated_at         BIGINT NOT NULL,
    ends_at                 BIGINT NOT NULL,            -- open: end of the lifetime; closed: when it closed
    source_connected        BIGINT NOT NULL DEFAULT 0,
    source_changed_at       BIGINT,
    source_link             BIGINT NOT NULL DEFAULT 0,  -- counts connections, so that a late goodbye is told apart
    destination_connected   BIGINT NOT NULL DEFAULT 0,
    destination_changed_at  BIGINT,
    destination_link        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX tunnel_by_scope ON tunnel (account, region, seq);
CREATE INDEX tunnel_by_thing ON tunnel (account, region, thing, seq);
CREATE INDEX tunnel_by_end ON tunnel (status, ends_at);
CREATE INDEX tunnel_open ON tunnel (account, region, ends_at) WHERE status = 'OPEN';
CREATE INDEX tunnel_connected ON tunnel (seq) WHERE source_connected = 1 OR destination_connected = 1;

-- How many tunnels are open, so that a quota need not count them. Those past their lifetime that nobody has closed
-- yet are included. Kept by triggers: no statement can forget it.
CREATE TABLE tunnel_count (
    account  TEXT   NOT NULL,
    region   TEXT   NOT NULL,
    open     BIGINT NOT NULL,
    PRIMARY KEY (account, region)
);
CREATE TRIGGER tunnel_opens AFTER INSERT ON tunnel WHEN NEW.status = 'OPEN'
BEGIN
    INSERT INTO tunnel_count (account, region, open) VALUES (NEW.account, NEW.region, 1)
        ON CONFLICT (account, region) DO UPDATE SET open = open + 1;
END;
CREATE TRIGGER tunnel_closes AFTER UPDATE OF status ON tunnel WHEN OLD.status = 'OPEN' AND NEW.status = 'CLOSED'
BEGIN
    UPDATE tunnel_count SET open = open - 1 WHERE account = OLD.account AND region = OLD.region;
END;
CREATE TRIGGER tunnel_goes AFTER DELETE ON tunnel WHEN OLD.status = 'OPEN'
BEGIN
    UPDATE tunnel_count SET open = open - 1 WHERE account = OLD.account AND region = OLD.region;
END;

-- Tokens of open tunnels; closing removes them. Only hashes are kept, of client tokens too.
CREATE TABLE token (
    hash          BLOB   PRIMARY KEY,
    tunnel        BIGINT NOT NULL REFERENCES tunnel (seq) ON DELETE CASCADE,
    side          BIGINT NOT NULL CHECK (side IN (0, 1)),      -- source, destination
    state         BIGINT NOT NULL CHECK (state IN (0, 1, 2)),  -- fresh, consumed, bound
    client_token  BLOB,
    automatic     BIGINT NOT NULL DEFAULT 0,
    CHECK ((state = 2) = (client_token IS NOT NULL)),
    UNIQUE (tunnel, side)
);
CREATE INDEX token_by_client_token ON token (client_token) WHERE client_token IS NOT NULL;

CREATE TABLE tunnel_tag (
    tunnel  BIGINT NOT NULL REFERENCES tunnel (seq) ON DELETE CASCADE,
    key     TEXT   NOT NULL,
    value   TEXT   NOT NULL,
    PRIMARY KEY (tunnel, key)
);

CREATE TABLE thing (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    account     TEXT   NOT NULL,
    region      TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    type_name   TEXT,
    attributes  TEXT   NOT NULL,                        -- JSON object
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    UNIQUE (account, region, name)
);
CREATE INDEX thing_by_scope ON thing (account, region, seq);
CREATE INDEX thing_by_type ON thing (account, region, type_name, seq) WHERE type_name IS NOT NULL;

-- The same attributes once more, for filters.
CREATE TABLE thing_attribute (
    thing    BIGINT NOT NULL REFERENCES thing (seq) ON DELETE CASCADE,
    name     TEXT   NOT NULL,
    account  TEXT   NOT NULL,
    region   TEXT   NOT NULL,
    value    TEXT   NOT NULL,
    PRIMARY KEY (thing, name)
);
CREATE INDEX thing_by_attribute ON thing_attribute (account, region, name, value, thing);
CREATE INDEX thing_having_attribute ON thing_attribute (account, region, name, thing, value);

CREATE TABLE credential (
    key_id      TEXT   PRIMARY KEY,
    account     TEXT   NOT NULL,
    principal   TEXT   NOT NULL,
    sealed      BLOB   NOT NULL,                        -- the secret, encrypted by the server
    active      BIGINT NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE setting (
    name   TEXT PRIMARY KEY,
    value  TEXT NOT NULL
);

CREATE TABLE audit (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    at          BIGINT NOT NULL,
    account     TEXT,
    region      TEXT,
    principal   TEXT,
    action      TEXT   NOT NULL,
    resource    TEXT,
    result      TEXT   NOT NULL,
    request_id  TEXT,
    peer        TEXT,
    detail      TEXT
);

-- What is written stays as written. Only a trim in progress, which names its limit here, may take old lines away.
CREATE TABLE audit_trim (before BIGINT NOT NULL);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_trim WHERE OLD.at < before)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
