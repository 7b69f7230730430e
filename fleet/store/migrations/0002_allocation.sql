-- What the allocation engine goes by: what persons have laid down, what was learned, and what capacity is worth.

CREATE TABLE projects (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);

CREATE TABLE reservations (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);

CREATE TABLE limits (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);

CREATE TABLE floors (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);

-- What was counted against limits, and learned from the fleet's own work.
CREATE TABLE spent (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);

CREATE TABLE rates (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);

CREATE TABLE experience (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);

CREATE TABLE demand (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);

-- Values of which there is one: the policy, the prices of capacity.
CREATE TABLE singles (
    name  TEXT PRIMARY KEY,
    body  TEXT NOT NULL
);
