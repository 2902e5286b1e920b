DROP TABLE artifacts;
DROP TABLE tokens;
DROP TABLE conversations;
DROP TABLE sessions;
DROP TABLE memberships;
DROP TABLE organizations;

PRAGMA user_version = 3;
