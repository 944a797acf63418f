-- Thing types, static thing groups, tags of what an ARN names, shadows.

CREATE TABLE thing_type (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    account        TEXT   NOT NULL,
    region         TEXT   NOT NULL,
    name           TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    properties     TEXT   NOT NULL,                     -- JSON object
    deprecated_at  BIGINT,
    created_at     BIGINT NOT NULL,
    UNIQUE (account, region, name)
);
CREATE INDEX thing_type_by_scope ON thing_type (account, region, seq);

-- The type of the thing beside each of its attributes, for filters on both.
ALTER TABLE thing_attribute ADD COLUMN type_name TEXT;
UPDATE thing_attribute SET type_name = (SELECT type_name FROM thing WHERE seq = thing_attribute.thing);
CREATE INDEX thing_by_type_and_attribute ON thing_attribute (account, region, name, type_name, value, thing)
    WHERE type_name IS NOT NULL;

CREATE TABLE thing_group (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    account      TEXT   NOT NULL,
    region       TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    parent       BIGINT REFERENCES thing_group (seq),
    description  TEXT,
    attributes   TEXT   NOT NULL,                       -- JSON object
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    UNIQUE (account, region, name)
);
CREATE INDEX thing_group_by_scope ON thing_group (account, region, seq);
CREATE INDEX thing_group_by_parent ON thing_group (parent, seq);
CREATE INDEX thing_group_root ON thing_group (account, region, seq) WHERE parent IS NULL;

-- Every group above a group. A parent is fixed at creation, so these rows never change.
CREATE TABLE thing_group_above (
    thing_group  BIGINT NOT NULL REFERENCES thing_group (seq) ON DELETE CASCADE,
    above        BIGINT NOT NULL REFERENCES thing_group (seq) ON DELETE CASCADE,
    distance     BIGINT NOT NULL,                       -- 1: the parent
    PRIMARY KEY (thing_group, distance)
);
CREATE INDEX thing_group_below ON thing_group_above (above, thing_group);

-- A thing in a group has a row for that group (distance 0) and one for each group above it. So the key lets a
-- thing be in one group of a hierarchy only, and a listing of a whole hierarchy reads one index.
CREATE TABLE thing_group_thing (
    thing_group  BIGINT NOT NULL REFERENCES thing_group (seq) ON DELETE CASCADE,
    thing        BIGINT NOT NULL REFERENCES thing (seq) ON DELETE CASCADE,
    member_of    BIGINT NOT NULL REFERENCES thing_group (seq) ON DELETE CASCADE,
    distance     BIGINT NOT NULL,
    PRIMARY KEY (thing_group, thing)
);
CREATE INDEX thing_group_thing_direct ON thing_group_thing (thing_group, thing) WHERE distance = 0;
CREATE INDEX thing_group_of_thing ON thing_group_thing (thing, distance, thing_group);
CREATE INDEX thing_group_thing_via ON thing_group_thing (member_of);

-- Tags of what has an ARN; `resource` is the ARN's last part, such as `thinggroup/lamps`.
CREATE TABLE tag (
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    resource  TEXT NOT NULL,
    key       TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (account, region, resource, key)
);
CREATE TRIGGER policy_tags_go AFTER DELETE ON policy
BEGIN
    DELETE FROM tag WHERE account = OLD.account AND region = OLD.region AND resource = 'policy/' || OLD.name;
END;
CREATE TRIGGER thing_type_tags_go AFTER DELETE ON thing_type
BEGIN
    DELETE FROM tag WHERE account = OLD.account AND region = OLD.region AND resource = 'thingtype/' || OLD.name;
END;
CREATE TRIGGER thing_group_tags_go AFTER DELETE ON thing_group
BEGIN
    DELETE FROM tag WHERE account = OLD.account AND region = OLD.region AND resource = 'thinggroup/' || OLD.name;
END;

-- Shadows outlive their things. One without a document was deleted; its version is remembered for a while.
CREATE TABLE shadow (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    account     TEXT   NOT NULL,
    region      TEXT   NOT NULL,
    thing       TEXT   NOT NULL,
    name        TEXT   NOT NULL,                        -- empty: the classic one
    version     BIGINT NOT NULL,
    document    TEXT,                                   -- JSON: state and metadata
    updated_at  BIGINT NOT NULL,
    UNIQUE (account, region, thing, name)
);
CREATE INDEX shadow_of_thing ON shadow (account, region, thing, seq);
CREATE INDEX shadow_deleted ON shadow (updated_at) WHERE document IS NULL;
