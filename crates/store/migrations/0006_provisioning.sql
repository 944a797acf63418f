-- Named provisioning templates and their versions.
CREATE TABLE provisioning_template (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    account          TEXT   NOT NULL,
    region           TEXT   NOT NULL,
    name             TEXT   NOT NULL,
    kind             TEXT   NOT NULL CHECK (kind IN ('FLEET_PROVISIONING', 'JITP')),
    description      TEXT,
    enabled          BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    role_arn         TEXT   NOT NULL,
    hook_arn         TEXT,                              -- whom to ask before a device is provisioned
    hook_version     TEXT,
    default_version  BIGINT NOT NULL,
    last_version     BIGINT NOT NULL,                   -- the highest number ever used; none is used twice
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    UNIQUE (account, region, name),
    CHECK ((hook_arn IS NULL) = (hook_version IS NULL))
);
CREATE INDEX provisioning_template_by_scope ON provisioning_template (account, region, seq);

CREATE TABLE provisioning_template_version (
    template    BIGINT NOT NULL REFERENCES provisioning_template (seq) ON DELETE CASCADE,
    version     BIGINT NOT NULL,
    body        TEXT   NOT NULL,                        -- as it was sent
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (template, version)
);
CREATE TRIGGER provisioning_template_tags_go AFTER DELETE ON provisioning_template
BEGIN
    DELETE FROM tag WHERE account = OLD.account AND region = OLD.region
        AND resource = 'provisioningtemplate/' || OLD.name;
END;

-- Who may finish what a device began: certificates that were issued over MQTT. Only hashes of tokens are kept.
CREATE TABLE ownership_token (
    hash         BLOB   PRIMARY KEY,
    certificate  BIGINT NOT NULL REFERENCES certificate (seq) ON DELETE CASCADE,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX ownership_token_by_end ON ownership_token (expires_at);
CREATE INDEX ownership_token_by_certificate ON ownership_token (certificate);

-- Certificates of a few minutes with which a device may use one template; they are in no registry.
CREATE TABLE provisioning_claim (
    id          TEXT   PRIMARY KEY,                     -- SHA-256 of the DER, lower-case hex
    account     TEXT   NOT NULL,
    region      TEXT   NOT NULL,
    template    TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX provisioning_claim_by_end ON provisioning_claim (expires_at);
