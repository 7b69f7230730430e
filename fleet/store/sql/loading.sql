-- name: meta
SELECT home_id, now_ms, tasks_made, decisions_made, draining FROM meta;

-- name: tasks
SELECT id, body FROM tasks ORDER BY seq;

-- name: attempts
SELECT id, body FROM attempts WHERE state <> 'ended' ORDER BY seq;

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
