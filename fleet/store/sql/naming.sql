-- What things are called, for completion of the command line.

-- name: tasks
SELECT id FROM tasks WHERE instr(id, :beginning) = 1 ORDER BY seq DESC LIMIT 200;

-- name: accounts
SELECT name FROM accounts WHERE state <> 'removed' AND instr(name, :beginning) = 1 ORDER BY name;

-- name: hosts
SELECT name FROM hosts WHERE instr(name, :beginning) = 1 ORDER BY name;

-- name: projects
SELECT id FROM projects WHERE instr(id, :beginning) = 1 ORDER BY id;

-- name: reservations
SELECT id FROM reservations WHERE instr(id, :beginning) = 1 ORDER BY seq;

-- name: limits
SELECT id FROM (SELECT id FROM limits UNION ALL SELECT id FROM floors) WHERE instr(id, :beginning) = 1 ORDER BY id;

-- name: tiers
WITH
known (tier) AS (
    SELECT value ->> 'name' FROM singles, json_each(singles.body, '$.tiers') WHERE singles.name = 'policy'
    UNION
    SELECT value ->> 0 FROM accounts, json_each(accounts.body, '$.tiers') WHERE accounts.state <> 'removed'
)
SELECT tier FROM known WHERE instr(tier, :beginning) = 1 ORDER BY tier;
