-- What is sealed stays, and cannot be opened any more.
DROP TABLE store_keys;

PRAGMA user_version = 12;
