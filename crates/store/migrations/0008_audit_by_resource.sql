-- For the history of one resource.
CREATE INDEX audit_by_resource ON audit (resource, seq) WHERE resource IS NOT NULL;
