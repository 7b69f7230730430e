-- `fleet status` counts the branches that were left, merged nowhere, without looking into the bodies of what has landed.

CREATE INDEX tasks_on_branch ON tasks (state) WHERE state = 'landed' AND instr(body, '"land":"branch"') > 0;
