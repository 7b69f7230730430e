-- Statements of the writer; the rule for copies is in fleet/history/transcripts/answers.py.

-- name: add_answer
-- Where it is known to be new, and there is no index to find another by.
INSERT INTO answers (
    message, request, preference, at_ms, place, model, account, task, attempt,
    input, output, cache_write_5m, cache_write_1h, cache_read, batch, cost_usd
)
VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?);

-- name: put_answer
-- Above its 40 low bits, which are the place's, `preference` is which copy this was in its file, and whether the main
-- chain told it.
INSERT INTO answers (
    message, request, preference, at_ms, place, model, account, task, attempt,
    input, output, cache_write_5m, cache_write_1h, cache_read, batch, cost_usd
)
VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (message, request) DO UPDATE SET
    preference = (excluded.preference >> 40 << 40) | (answers.preference & 0xffffffffff),
    at_ms = excluded.at_ms,
    model = excluded.model,
    input = excluded.input,
    output = excluded.output,
    cache_write_5m = excluded.cache_write_5m,
    cache_write_1h = excluded.cache_write_1h,
    cache_read = excluded.cache_read,
    batch = excluded.batch,
    cost_usd = excluded.cost_usd
WHERE (excluded.preference >> 40 & 1, excluded.preference >> 41, excluded.output, excluded.at_ms,
        excluded.input, excluded.cache_write_5m, excluded.cache_write_1h, excluded.cache_read)
    > (answers.preference >> 40 & 1, answers.preference >> 41, answers.output, answers.at_ms,
        answers.input, answers.cache_write_5m, answers.cache_write_1h, answers.cache_read);

-- name: put_place
-- Where it was given, of all places that tell it. What was known from another directory before this scan stays there: a
-- copied directory changes nothing. Of directories that are new together the first one counts.
UPDATE answers SET
    place = :place,
    account = :account,
    task = 0,
    attempt = 0,
    preference = (preference >> 40 << 40) | :number
WHERE message = :message AND request = :request AND place <> :place
    AND (
        SELECT iif(
            told.config_dir = known.config_dir,
            :number > (answers.preference & 0xffffffffff),
            answers.rowid > :last_row AND told.config_dir < known.config_dir
        )
        FROM places AS told JOIN places AS known ON known.id = answers.place
        WHERE told.id = :place
    );

-- name: put_reading
INSERT OR IGNORE INTO readings (account, bucket, at_ms, source, status, utilization, resets_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: forget_impossible
DELETE FROM answers
WHERE at_ms NOT BETWEEN :first AND :last
    OR min(input, output, cache_write_5m, cache_write_1h, cache_read) < 0
    OR max(input, output, cache_write_5m, cache_write_1h, cache_read) > 1000000000;

-- name: forget_impossible_readings
DELETE FROM readings
WHERE at_ms NOT BETWEEN :first AND :last OR resets_at_ms NOT BETWEEN :first AND :last OR utilization NOT BETWEEN 0 AND 10;

-- name: read_all_again
-- No file has this size, so that each is read from its beginning.
UPDATE files SET size = -1, read_to = 0, open = '', print = '';

-- name: told_readings
SELECT account.text, bucket.text, at_ms, resets_at_ms, source.text
FROM readings
JOIN texts AS account ON account.id = readings.account
JOIN texts AS bucket ON bucket.id = readings.bucket
JOIN texts AS source ON source.id = readings.source;

-- name: put_file
INSERT OR REPLACE INTO files (
    path, config_dir, device, inode, size, mtime_ns, read_to, open, print, broken
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: make_touched_messages
-- What a small change touches, to be summed anew; empty outside of a transaction.
CREATE TEMP TABLE IF NOT EXISTS touched_messages (message INTEGER PRIMARY KEY);
-- name: make_touched_quarters
CREATE TEMP TABLE IF NOT EXISTS touched_quarters (quarter INTEGER PRIMARY KEY);
-- name: make_touched_sessions
CREATE TEMP TABLE IF NOT EXISTS touched_sessions (session INTEGER PRIMARY KEY);

-- name: touch_message
INSERT OR IGNORE INTO touched_messages (message) VALUES (?);

-- name: touch_session
INSERT OR IGNORE INTO touched_sessions (session) VALUES (?);

-- name: quarters_of_messages
INSERT OR IGNORE INTO touched_quarters
SELECT a.at_ms / 900000 FROM touched_messages AS t CROSS JOIN answers AS a ON a.message = t.message;

-- name: sessions_of_messages
INSERT OR IGNORE INTO touched_sessions
SELECT p.session
FROM touched_messages AS t CROSS JOIN answers AS a ON a.message = t.message JOIN places AS p ON p.id = a.place;

-- name: quarters_of_sessions
INSERT OR IGNORE INTO touched_quarters
SELECT a.at_ms / 900000
FROM touched_sessions AS t CROSS JOIN places AS p ON p.session = t.session CROSS JOIN answers AS a ON a.place = p.id;

-- name: forget_touched_messages
DELETE FROM touched_messages;
-- name: forget_touched_quarters
DELETE FROM touched_quarters;
-- name: forget_touched_sessions
DELETE FROM touched_sessions;

-- name: all_repeated_messages
INSERT OR IGNORE INTO touched_messages SELECT message FROM answers GROUP BY message HAVING count(*) > 1;

-- name: drop_side_copies
-- What a side chain told again of the main chain.
DELETE FROM answers WHERE rowid IN (
    SELECT side.rowid
    FROM touched_messages AS t
    CROSS JOIN answers AS side
    CROSS JOIN answers AS main
    WHERE side.message = t.message AND side.preference >> 40 & 1 = 0
        AND main.message = t.message AND main.preference >> 40 & 1 = 1 AND main.output = side.output
);

-- name: apply_runs
-- The latest run of a session that an answer falls into decides who paid for it.
UPDATE answers SET
    (account, task, attempt) = (
        SELECT coalesce(r.account, p.account), coalesce(r.task, 0), coalesce(r.attempt, 0)
        FROM places AS p LEFT JOIN runs AS r
            ON r.session = p.session AND r.from_ms <= answers.at_ms
            AND (r.to_ms IS NULL OR answers.at_ms <= r.to_ms)
        WHERE p.id = answers.place
        ORDER BY r.from_ms DESC LIMIT 1
    )
WHERE place IN (SELECT p.id FROM touched_sessions AS t JOIN places AS p ON p.session = t.session);

-- name: drop_key
DROP INDEX answers_key;
-- name: make_key
-- As in the schema.
CREATE UNIQUE INDEX answers_key ON answers (message, request);
-- name: places
SELECT id, session, account, project FROM places;
-- name: put_quarter
INSERT INTO quarters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
-- name: put_session
INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: any_runs
SELECT EXISTS (SELECT 1 FROM runs);

-- name: quarters_of_sessions_with_runs
INSERT OR IGNORE INTO touched_quarters
SELECT a.at_ms / 900000
FROM (SELECT DISTINCT session FROM runs) AS r
CROSS JOIN places AS p ON p.session = r.session
CROSS JOIN answers AS a ON a.place = p.id;

-- name: sessions_with_runs
INSERT OR IGNORE INTO touched_sessions SELECT session FROM runs;

-- name: sum_all_quarters
INSERT INTO quarters
SELECT a.at_ms / 900000, a.account, p.project, a.model, a.attempt != 0, count(*), sum(a.input), sum(a.output),
    sum(a.cache_write_5m), sum(a.cache_write_1h), sum(a.cache_read), total(a.cost_usd), count(*) - count(a.cost_usd)
FROM answers AS a JOIN places AS p ON p.id = a.place
GROUP BY 1, 2, 3, 4, 5;

-- name: sum_touched_quarters
INSERT INTO quarters
SELECT t.quarter, a.account, p.project, a.model, a.attempt != 0, count(*), sum(a.input), sum(a.output),
    sum(a.cache_write_5m), sum(a.cache_write_1h), sum(a.cache_read), total(a.cost_usd), count(*) - count(a.cost_usd)
FROM touched_quarters AS t
CROSS JOIN answers AS a ON a.at_ms >= t.quarter * 900000 AND a.at_ms < (t.quarter + 1) * 900000
JOIN places AS p ON p.id = a.place
GROUP BY 1, 2, 3, 4, 5;

-- name: sum_all_sessions
INSERT INTO sessions
SELECT p.session, a.account, p.project, a.model, a.task, a.attempt, min(a.at_ms), max(a.at_ms), count(*), sum(a.input),
    sum(a.output), sum(a.cache_write_5m), sum(a.cache_write_1h), sum(a.cache_read), total(a.cost_usd),
    count(*) - count(a.cost_usd)
FROM answers AS a JOIN places AS p ON p.id = a.place
GROUP BY 1, 2, 3, 4, 5, 6;

-- name: sum_touched_sessions
INSERT INTO sessions
SELECT p.session, a.account, p.project, a.model, a.task, a.attempt, min(a.at_ms), max(a.at_ms), count(*), sum(a.input),
    sum(a.output), sum(a.cache_write_5m), sum(a.cache_write_1h), sum(a.cache_read), total(a.cost_usd),
    count(*) - count(a.cost_usd)
FROM touched_sessions AS t
CROSS JOIN places AS p ON p.session = t.session
CROSS JOIN answers AS a ON a.place = p.id
GROUP BY 1, 2, 3, 4, 5, 6;

-- name: drop_all_quarters
DELETE FROM quarters;
-- name: drop_all_sessions
DELETE FROM sessions;
-- name: drop_touched_quarters
DELETE FROM quarters WHERE quarter IN (SELECT quarter FROM touched_quarters);
-- name: drop_touched_sessions
DELETE FROM sessions WHERE session IN (SELECT session FROM touched_sessions);

-- name: put_run
INSERT INTO runs (session, task, attempt, project, account, tier, from_ms, to_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (attempt) DO UPDATE SET
    session = excluded.session,
    task = excluded.task,
    project = excluded.project,
    account = excluded.account,
    tier = excluded.tier,
    from_ms = excluded.from_ms,
    to_ms = excluded.to_ms
WHERE (session, task, project, account, tier, from_ms, to_ms)
    IS NOT (
        excluded.session, excluded.task, excluded.project, excluded.account, excluded.tier, excluded.from_ms, excluded.to_ms
    );

-- name: costs
SELECT a.rowid, t.text, a.at_ms, a.input, a.output, a.cache_write_5m, a.cache_write_1h, a.cache_read, a.batch, a.cost_usd
FROM answers AS a JOIN texts AS t ON t.id = a.model;

-- name: put_cost
UPDATE answers SET cost_usd = ? WHERE rowid = ?;

-- name: get_meta
SELECT value FROM meta WHERE name = ?;

-- name: put_meta
INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?);

-- name: put_owner_of_readings
-- Readings know no directory: those of a name that only this directory's answers bear were its.
UPDATE OR REPLACE readings SET account = :account
WHERE account IN (SELECT account FROM places WHERE config_dir = :config_dir AND account <> :account)
    AND account NOT IN (SELECT account FROM places WHERE config_dir <> :config_dir);

-- name: put_owner_of_places
UPDATE places SET account = :account WHERE config_dir = :config_dir AND account <> :account;

-- name: put_owner_of_answers
UPDATE answers SET account = :account
WHERE attempt = 0 AND place IN (SELECT id FROM places WHERE config_dir = :config_dir);
