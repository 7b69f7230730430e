-- name: meta
SELECT home_id, now_ms, tasks_made, decisions_made, draining, revision FROM meta;

-- name: tasks
SELECT id, body FROM tasks ORDER BY seq;

-- name: attempts
SELECT id, body FROM attempts WHERE state <> 'ended' ORDER BY seq;

-- name: ended_attempts
SELECT id, body FROM attempts WHERE state = 'ended' ORDER BY seq;

-- name: journal
SELECT at_ms, level, type, task, attempt, account, host, text, data FROM journal;

-- name: accounts
SELECT name, body FROM accounts ORDER BY seq;

-- name: buckets
SELECT id, body FROM buckets ORDER BY seq;

-- name: hosts
SELECT name, body FROM hosts ORDER BY seq;

-- name: worktrees
SELECT task, body FROM worktrees ORDER BY seq;

-- name: outbox
SELECT id, kind, body FROM outbox ORDER BY seq;

-- name: projects
SELECT id, body FROM projects ORDER BY seq;

-- name: reservations
SELECT id, body FROM reservations ORDER BY seq;

-- name: limits
SELECT id, body FROM limits ORDER BY seq;

-- name: floors
SELECT id, body FROM floors ORDER BY seq;

-- name: spent
SELECT id, body FROM spent ORDER BY seq;

-- name: rates
SELECT id, body FROM rates ORDER BY seq;

-- name: experience
SELECT id, body FROM experience ORDER BY seq;

-- name: demand
SELECT id, body FROM demand ORDER BY seq;

-- name: reviewers
SELECT id, body FROM reviewers ORDER BY seq;

-- name: singles
SELECT name, body FROM singles;
