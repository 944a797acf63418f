-- Identities of an account and what they may do. They belong to no region.

CREATE TABLE identity (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    account      TEXT   NOT NULL,
    kind         TEXT   NOT NULL CHECK (kind IN ('user', 'group', 'role')),
    name         TEXT   NOT NULL,
    path         TEXT   NOT NULL,                       -- begins and ends with a slash
    id           TEXT   NOT NULL UNIQUE,                -- never used twice, as names may be
    tags         TEXT   NOT NULL,                       -- JSON list
    created_at   BIGINT NOT NULL,
    description  TEXT,
    trust        TEXT,                                  -- of a role: who may assume it, byte for byte as it was sent
    max_session  BIGINT,                                -- of a role: seconds
    CHECK ((kind = 'role') = (trust IS NOT NULL)),
    CHECK ((kind = 'role') = (max_session IS NOT NULL))
);
-- Names differ by more than case.
CREATE UNIQUE INDEX identity_by_name ON identity (account, kind, lower(name));
CREATE INDEX identity_by_kind ON identity (account, kind, seq);

CREATE TABLE group_member (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_group  BIGINT NOT NULL REFERENCES identity (seq),
    member      BIGINT NOT NULL REFERENCES identity (seq),
    UNIQUE (member, user_group)
);
CREATE INDEX group_member_by_group ON group_member (user_group, seq);

CREATE TABLE inline_policy (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    identity  BIGINT NOT NULL REFERENCES identity (seq),
    name      TEXT   NOT NULL,
    document  TEXT   NOT NULL,                          -- byte for byte as it was sent
    UNIQUE (identity, name)
);
CREATE INDEX inline_policy_by_identity ON inline_policy (identity, seq);

-- Policies with an ARN. AWS's own are part of the program, not rows.
CREATE TABLE managed_policy (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    account          TEXT   NOT NULL,
    name             TEXT   NOT NULL,
    path             TEXT   NOT NULL,
    id               TEXT   NOT NULL UNIQUE,
    description      TEXT,
    tags             TEXT   NOT NULL,                   -- JSON list
    default_version  BIGINT NOT NULL,
    last_version     BIGINT NOT NULL,                   -- the highest number ever used; none is used twice
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);
CREATE UNIQUE INDEX managed_policy_by_name ON managed_policy (account, lower(name));
CREATE INDEX managed_policy_by_account ON managed_policy (account, seq);

CREATE TABLE managed_policy_version (
    policy      BIGINT NOT NULL REFERENCES managed_policy (seq) ON DELETE CASCADE,
    version     BIGINT NOT NULL,
    document    TEXT   NOT NULL,                        -- byte for byte as it was sent
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (policy, version)
);

-- Which policies with an ARN count for which identity: one of the account, or one of AWS's by its name.
CREATE TABLE identity_policy (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    identity  BIGINT NOT NULL REFERENCES identity (seq),
    policy    BIGINT REFERENCES managed_policy (seq),
    of_aws    TEXT,
    CHECK ((policy IS NULL) <> (of_aws IS NULL)),
    UNIQUE (identity, policy),
    UNIQUE (identity, of_aws)
);
CREATE INDEX identity_policy_by_identity ON identity_policy (identity, seq);
CREATE INDEX identity_policy_by_policy ON identity_policy (policy, seq) WHERE policy IS NOT NULL;
CREATE INDEX identity_policy_by_name ON identity_policy (of_aws, seq) WHERE of_aws IS NOT NULL;

-- Whose key it is; null: the account's own.
ALTER TABLE credential ADD COLUMN identity BIGINT REFERENCES identity (seq);
ALTER TABLE credential ADD COLUMN last_used_at BIGINT;
ALTER TABLE credential ADD COLUMN last_used_region TEXT;
ALTER TABLE credential ADD COLUMN last_used_service TEXT;
CREATE INDEX credential_by_identity ON credential (identity) WHERE identity IS NOT NULL;
CREATE INDEX credential_by_account ON credential (account) WHERE identity IS NULL;
