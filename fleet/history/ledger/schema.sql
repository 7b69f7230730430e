-- The ledger of what was used. Times are UTC, integer milliseconds since 1970 (`…_ms`); a quarter is a quarter of an hour
-- since 1970 (at_ms / 900000), so that days in every time zone are whole numbers of quarters.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Every text once, so that rows are small and sums are grouped by numbers. The text '' has the id 0.
CREATE TABLE texts (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
);
INSERT INTO texts (id, text) VALUES (0, '');

-- Ids of texts. The tier of a model is its family's name ('' unknown).
CREATE TABLE models (
    model INTEGER PRIMARY KEY REFERENCES texts,
    tier INTEGER NOT NULL REFERENCES texts
);

-- Where answers were given: one row for each combination of ids of texts. `agent` is the id of a subagent, or ''.
-- `account` is the label of the config directory.
CREATE TABLE places (
    id INTEGER PRIMARY KEY,
    config_dir INTEGER NOT NULL REFERENCES texts,
    account INTEGER NOT NULL REFERENCES texts,
    project INTEGER NOT NULL REFERENCES texts,
    branch INTEGER NOT NULL REFERENCES texts,
    session INTEGER NOT NULL REFERENCES texts,
    agent INTEGER NOT NULL REFERENCES texts,
    sidechain INTEGER NOT NULL,
    UNIQUE (session, config_dir, project, branch, agent, sidechain)
);

-- What the fleet itself ran. An answer of this session in this time was paid for by this account.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES texts,
    task INTEGER NOT NULL REFERENCES texts,
    attempt INTEGER NOT NULL UNIQUE REFERENCES texts,
    project INTEGER NOT NULL REFERENCES texts,
    account INTEGER NOT NULL REFERENCES texts,
    tier INTEGER NOT NULL REFERENCES texts,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER -- NULL: still running
);
CREATE INDEX runs_session ON runs (session);

-- One row for each answer, known by `message` and `request`: numbers made of its record, as is `preference`
-- (fleet/history/transcripts/answers.py has the rule). `account`, `task` and `attempt` (ids of texts) are those of the run that it
-- belongs to; without one the place's account and ''.
CREATE TABLE answers (
    message INTEGER NOT NULL,
    request INTEGER NOT NULL,
    preference INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    place INTEGER NOT NULL REFERENCES places,
    model INTEGER NOT NULL REFERENCES models,
    account INTEGER NOT NULL REFERENCES texts,
    task INTEGER NOT NULL REFERENCES texts,
    attempt INTEGER NOT NULL REFERENCES texts,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    batch INTEGER NOT NULL, -- 1: asked of the batch API
    cost_usd REAL -- NULL: unpriced
);
CREATE UNIQUE INDEX answers_key ON answers (message, request);
CREATE INDEX answers_time ON answers (at_ms);
CREATE INDEX answers_place ON answers (place, at_ms);

-- Sums by quarter of an hour. `fleet`: 1 when the fleet ran the session, 0 for a person's own use.
-- `cost_usd` is the sum over the priced answers; `unpriced` counts the others.
CREATE TABLE quarters (
    quarter INTEGER NOT NULL,
    account INTEGER NOT NULL,
    project INTEGER NOT NULL,
    model INTEGER NOT NULL,
    fleet INTEGER NOT NULL,
    answers INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    unpriced INTEGER NOT NULL,
    PRIMARY KEY (quarter, account, project, model, fleet)
) WITHOUT ROWID;

-- Sums by session over all time; also by task and attempt ('' for a person's own use).
CREATE TABLE sessions (
    session INTEGER NOT NULL,
    account INTEGER NOT NULL,
    project INTEGER NOT NULL,
    model INTEGER NOT NULL,
    task INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    answers INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    unpriced INTEGER NOT NULL,
    PRIMARY KEY (session, account, project, model, task, attempt)
) WITHOUT ROWID;

-- One observation of a bucket. `utilization` is 0-1 (NULL: not told), `account` and the others are ids of texts.
CREATE TABLE readings (
    account INTEGER NOT NULL REFERENCES texts,
    bucket INTEGER NOT NULL REFERENCES texts,
    at_ms INTEGER NOT NULL,
    source INTEGER NOT NULL REFERENCES texts,
    status INTEGER NOT NULL REFERENCES texts,
    utilization REAL,
    resets_at_ms INTEGER, -- NULL: not told
    PRIMARY KEY (account, bucket, at_ms, source)
) WITHOUT ROWID;

-- How far each transcript has been read: `read_to` is where the next line begins. `open` tells of the last answers before it,
-- for more copies of them may follow (fleet/history/transcripts/answers.py). `print` is made of the bytes before `read_to`.
CREATE TABLE files (
    path TEXT PRIMARY KEY,
    config_dir INTEGER NOT NULL REFERENCES texts,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    read_to INTEGER NOT NULL,
    open TEXT NOT NULL,
    print TEXT NOT NULL,
    broken INTEGER NOT NULL
);
