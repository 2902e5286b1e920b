-- The store's key, for what is sealed: never in the file as it is.

PRAGMA user_version = 13;

CREATE TABLE store_keys (
	-- The key that wraps the data key of each sealed value, itself wrapped by what only its owner has. One row: the key of now.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	method TEXT NOT NULL CHECK (method IN ('passphrase', 'key')), -- scrypt of a passphrase, or HKDF of a key from a file or a command
	salt BLOB NOT NULL CHECK (length(salt) = 16),
	cost INTEGER NOT NULL, -- N of scrypt (r 8, p 1); 0: none
	wrapped BLOB NOT NULL CHECK (length(wrapped) = 60), -- nonce, AES-256-GCM of the key, tag
	created_at TEXT NOT NULL
) STRICT;
