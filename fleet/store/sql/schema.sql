-- The whole schema as the migrations leave it (held to them by a test). Every value of the fleet is one row: its
-- JSON `body`, and the columns that reading needs. `seq` is the order in which rows came to be, so that a loaded
-- fleet is in the order it was in before.

CREATE TABLE meta (
    only            INTEGER PRIMARY KEY CHECK (only = 1),
    home_id         TEXT    NOT NULL,
    now_ms          INTEGER NOT NULL DEFAULT 0,
    tasks_made      INTEGER NOT NULL DEFAULT 0,
    decisions_made  INTEGER NOT NULL DEFAULT 0,
    draining        INTEGER NOT NULL DEFAULT 0,
    revision        INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE tasks (
    seq    INTEGER PRIMARY KEY,
    id     TEXT    NOT NULL UNIQUE,
    state  TEXT    NOT NULL,
    body   TEXT    NOT NULL
);
CREATE INDEX tasks_by_state ON tasks (state);
CREATE INDEX tasks_paused ON tasks (state) WHERE state = 'queued' AND instr(body, '"paused":{') > 0;
CREATE INDEX tasks_on_branch ON tasks (state) WHERE state = 'landed' AND instr(body, '"land":"branch"') > 0;
CREATE INDEX tasks_needing_consent ON tasks (state) WHERE state = 'queued' AND instr(body, '"consent":"') > 0;

CREATE TABLE accounts (
    seq    INTEGER PRIMARY KEY,
    name   TEXT    NOT NULL UNIQUE,
    state  TEXT    NOT NULL,
    pool   TEXT    NOT NULL,
    body   TEXT    NOT NULL
);

CREATE TABLE attempts (
    seq      INTEGER PRIMARY KEY,
    id       TEXT    NOT NULL UNIQUE,
    task     TEXT    NOT NULL REFERENCES tasks (id),
    account  TEXT    NOT NULL REFERENCES accounts (name),
    host     TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    body     TEXT    NOT NULL
);
CREATE INDEX attempts_by_task ON attempts (task);
CREATE INDEX attempts_living ON attempts (seq) WHERE state <> 'ended';

CREATE TABLE buckets (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    pool  TEXT    NOT NULL,
    body  TEXT    NOT NULL
);

CREATE TABLE hosts (
    seq   INTEGER PRIMARY KEY,
    name  TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);

CREATE TABLE worktrees (
    seq    INTEGER PRIMARY KEY,
    task   TEXT    NOT NULL UNIQUE REFERENCES tasks (id),
    state  TEXT    NOT NULL,
    body   TEXT    NOT NULL
);

-- Effects that were decided and have not been reported done.
CREATE TABLE outbox (
    seq      INTEGER PRIMARY KEY,
    id       TEXT    NOT NULL UNIQUE,
    kind     TEXT    NOT NULL,
    attempt  TEXT,
    task     TEXT,
    body     TEXT    NOT NULL
);

-- What happened: as lines for people, and for programs by type and data (JSON). No `seq` is given out twice.
CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms    INTEGER NOT NULL,
    level    TEXT    NOT NULL,
    type     TEXT,
    task     TEXT,
    attempt  TEXT,
    account  TEXT,
    host     TEXT,
    text     TEXT    NOT NULL,
    data     TEXT
);
CREATE INDEX journal_by_task ON journal (task, seq);

-- What persons have laid down.
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

CREATE TABLE reviewers (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);

-- Values of which there is one: the policy, the prices of capacity.
CREATE TABLE singles (
    name  TEXT PRIMARY KEY,
    body  TEXT NOT NULL
);
