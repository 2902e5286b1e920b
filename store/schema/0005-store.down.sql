DROP TABLE generation_events;
DROP TABLE archive;
DROP TABLE seal;
DROP TABLE manifest;
DROP TABLE content;
DROP TABLE piece_data;
DROP TABLE piece;
DROP TABLE store_state;

PRAGMA user_version = 4;
