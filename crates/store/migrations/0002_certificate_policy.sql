-- Device certificates. Private keys are nowhere.
CREATE TABLE certificate (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT,
    account           TEXT   NOT NULL,
    region            TEXT   NOT NULL,
    id                TEXT   NOT NULL,                  -- SHA-256 of the DER, lower-case hex
    status            TEXT   NOT NULL
        CHECK (status IN ('ACTIVE', 'INACTIVE', 'REVOKED', 'PENDING_TRANSFER', 'PENDING_ACTIVATION')),
    mode              TEXT   NOT NULL CHECK (mode IN ('DEFAULT', 'SNI_ONLY')),
    ca_id             TEXT,                             -- the registered CA it was registered under
    pem               TEXT   NOT NULL,
    not_before        BIGINT NOT NULL,
    not_after         BIGINT NOT NULL,
    customer_version  BIGINT NOT NULL,
    generation_id     TEXT   NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    UNIQUE (id, account, region)                        -- the gate knows the id first, the account later
);
CREATE INDEX certificate_by_scope ON certificate (account, region, seq);
CREATE INDEX certificate_by_ca ON certificate (account, region, ca_id, seq) WHERE ca_id IS NOT NULL;

CREATE TABLE policy (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    account          TEXT   NOT NULL,
    region           TEXT   NOT NULL,
    name             TEXT   NOT NULL,
    default_version  BIGINT NOT NULL,
    last_version     BIGINT NOT NULL,                   -- the highest number ever used; none is used twice
    generation_id    TEXT   NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    UNIQUE (account, region, name)
);
CREATE INDEX policy_by_scope ON policy (account, region, seq);

CREATE TABLE policy_version (
    policy      BIGINT NOT NULL REFERENCES policy (seq) ON DELETE CASCADE,
    version     BIGINT NOT NULL,
    document    TEXT   NOT NULL,                        -- byte for byte as it was sent
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (policy, version)
);

-- Which policies count for whom. A target is the ARN of a certificate or thing group, or a Cognito identity.
CREATE TABLE attachment (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    account  TEXT   NOT NULL,
    region   TEXT   NOT NULL,
    target   TEXT   NOT NULL,
    policy   BIGINT NOT NULL REFERENCES policy (seq),
    UNIQUE (account, region, target, policy)
);
CREATE INDEX attachment_by_target ON attachment (account, region, target, seq);
CREATE INDEX attachment_by_policy ON attachment (policy, seq);

-- Which certificate or Cognito identity speaks for which thing.
CREATE TABLE thing_principal (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    account    TEXT   NOT NULL,
    region     TEXT   NOT NULL,
    thing      BIGINT NOT NULL REFERENCES thing (seq),
    principal  TEXT   NOT NULL,                         -- ARN or Cognito identity
    exclusive  BIGINT NOT NULL CHECK (exclusive IN (0, 1)),
    UNIQUE (thing, principal)
);
CREATE INDEX thing_principal_by_thing ON thing_principal (thing, seq);
CREATE INDEX thing_principal_by_principal ON thing_principal (account, region, principal, seq);
CREATE UNIQUE INDEX thing_principal_exclusive ON thing_principal (account, region, principal) WHERE exclusive = 1;
