-- A keyring that could not be reached was taken for the account's fault: such accounts take work again.

UPDATE accounts
SET state = 'ready', body = json_set(body, '$.state', 'ready', '$.reason', '')
WHERE state = 'quarantined' AND json_extract(body, '$.reason') LIKE 'no usable keyring:%';

-- `fleet status` counts paused tasks without looking into the bodies of all that are queued.

CREATE INDEX tasks_paused ON tasks (state) WHERE state = 'queued' AND instr(body, '"paused":{') > 0;
