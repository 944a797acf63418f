-- CA certificates that customers registered: device certificates issued by one may come in by themselves.
CREATE TABLE ca (
    seq                INTEGER PRIMARY KEY AUTOINCREMENT,
    account            TEXT   NOT NULL,
    region             TEXT   NOT NULL,
    id                 TEXT   NOT NULL,                 -- SHA-256 of the DER, lower-case hex
    status             TEXT   NOT NULL CHECK (status IN ('ACTIVE', 'INACTIVE')),
    auto_registration  BIGINT NOT NULL CHECK (auto_registration IN (0, 1)),
    mode               TEXT   NOT NULL CHECK (mode IN ('DEFAULT', 'SNI_ONLY')),
    pem                TEXT   NOT NULL,
    subject            BLOB   NOT NULL,                 -- DER of the subject name: the issuer of its certificates
    not_before         BIGINT NOT NULL,
    not_after          BIGINT NOT NULL,
    template_name      TEXT,                            -- the registration config: a named template,
    template_body      TEXT,                            -- or one of its own
    role_arn           TEXT,
    customer_version   BIGINT NOT NULL,
    generation_id      TEXT   NOT NULL,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    UNIQUE (id, account, region),
    CHECK (template_name IS NULL OR (template_body IS NULL AND role_arn IS NULL)),
    CHECK ((template_body IS NULL) = (role_arn IS NULL))
);
CREATE INDEX ca_by_scope ON ca (account, region, seq);
CREATE INDEX ca_by_subject ON ca (subject, seq);
CREATE INDEX ca_by_template ON ca (account, region, template_name, seq) WHERE template_name IS NOT NULL;

-- What the common name of a verification certificate must be.
CREATE TABLE registration_code (
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    code     TEXT NOT NULL,
    PRIMARY KEY (account, region)
);

-- The last try to provision a device on its first connection, for operators.
CREATE TABLE provisioning_attempt (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    account      TEXT   NOT NULL,
    region       TEXT   NOT NULL,
    certificate  TEXT   NOT NULL,
    ca           TEXT   NOT NULL,
    template     TEXT,                                  -- its name; none for the registration config's own
    thing        TEXT,                                  -- as far as it was known
    step         TEXT,                                  -- where it failed; none if it did not
    reason       TEXT,
    tries        BIGINT NOT NULL,
    first_at     BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    UNIQUE (account, region, certificate)
);
CREATE INDEX provisioning_attempt_by_scope ON provisioning_attempt (account, region, seq);
