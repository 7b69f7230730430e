-- `fleet status` finds the queued tasks that need a person's consent without looking into the bodies of all others.

CREATE INDEX tasks_needing_consent ON tasks (state) WHERE state = 'queued' AND instr(body, '"consent":"') > 0;
