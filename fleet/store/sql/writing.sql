-- name: put_tasks
INSERT INTO tasks (id, state, body) VALUES (:id, :state, :body)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body;

-- name: put_accounts
INSERT INTO accounts (name, state, pool, body) VALUES (:id, :state, :pool, :body)
ON CONFLICT (name) DO UPDATE SET state = excluded.state, pool = excluded.pool, body = excluded.body;

-- name: put_attempts
INSERT INTO attempts (id, task, account, host, state, body)
VALUES (:id, :task, :account, :host, :state, :body)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body;

-- name: put_buckets
INSERT INTO buckets (id, pool, body) VALUES (:id, :pool, :body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body;

-- name: put_hosts
INSERT INTO hosts (name, body) VALUES (:id, :body)
ON CONFLICT (name) DO UPDATE SET body = excluded.body;

-- name: put_worktrees
INSERT INTO worktrees (task, state, body) VALUES (:id, :state, :body)
ON CONFLICT (task) DO UPDATE SET state = excluded.state, body = excluded.body;

-- name: put_projects
INSERT INTO projects (id, body) VALUES (:id, :body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body;

-- name: put_reservations
INSERT INTO reservations (id, body) VALUES (:id, :body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body;

-- name: put_limits
INSERT INTO limits (id, body) VALUES (:id, :body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body;

-- name: put_floors
INSERT INTO floors (id, body) VALUES (:id, :body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body;

-- name: put_spent
INSERT INTO spent (id, body) VALUES (:id, :body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body;

-- name: put_rates
INSERT INTO rates (id, body) VALUES (:id, :body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body;

-- name: put_experience
INSERT INTO experience (id, body) VALUES (:id, :body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body;

-- name: put_demand
INSERT INTO demand (id, body) VALUES (:id, :body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body;

-- name: put_reviewers
INSERT INTO reviewers (id, body) VALUES (:id, :body)
ON CONFLICT (id) DO UPDATE SET body = excluded.body;

-- name: drop_tasks
DELETE FROM tasks WHERE id = :id;

-- name: drop_accounts
DELETE FROM accounts WHERE name = :id;

-- name: drop_attempts
DELETE FROM attempts WHERE id = :id;

-- name: drop_buckets
DELETE FROM buckets WHERE id = :id;

-- name: drop_hosts
DELETE FROM hosts WHERE name = :id;

-- name: drop_worktrees
DELETE FROM worktrees WHERE task = :id;

-- name: drop_projects
DELETE FROM projects WHERE id = :id;

-- name: drop_reservations
DELETE FROM reservations WHERE id = :id;

-- name: drop_limits
DELETE FROM limits WHERE id = :id;

-- name: drop_floors
DELETE FROM floors WHERE id = :id;

-- name: drop_spent
DELETE FROM spent WHERE id = :id;

-- name: drop_rates
DELETE FROM rates WHERE id = :id;

-- name: drop_experience
DELETE FROM experience WHERE id = :id;

-- name: drop_demand
DELETE FROM demand WHERE id = :id;

-- name: drop_reviewers
DELETE FROM reviewers WHERE id = :id;

-- name: put_single
INSERT INTO singles (name, body) VALUES (:id, :body)
ON CONFLICT (name) DO UPDATE SET body = excluded.body;

-- name: drop_single
DELETE FROM singles WHERE name = :id;

-- name: add_effect
INSERT INTO outbox (id, kind, attempt, task, body) VALUES (:id, :kind, :attempt, :task, :body);

-- name: effect_done
DELETE FROM outbox WHERE id = :id;

-- name: add_note
INSERT INTO journal (at_ms, level, type, task, attempt, account, host, text, data)
VALUES (:at_ms, :level, :type, :task, :attempt, :account, :host, :text, :data);

-- name: drop_attempts_of
DELETE FROM attempts WHERE task = :id;

-- name: drop_journal_of
DELETE FROM journal WHERE task = :id;

-- name: drop_journal_before
DELETE FROM journal WHERE task IS NULL AND at_ms < :before_ms;

-- name: name_home
UPDATE meta SET home_id = :home_id;

-- name: put_meta
UPDATE meta SET home_id = :home_id, now_ms = :now_ms, tasks_made = :tasks_made,
    decisions_made = :decisions_made, draining = :draining, revision = revision + 1
RETURNING revision;
