"""A fleet with something in every field, for whoever has to keep one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fleet.core.decisions import (
    CheckWork,
    Effect,
    LandWork,
    LookAtHeld,
    Note,
    RemoveWorktree,
    StartWorker,
    StopWorker,
    TellWorker,
)
from fleet.core.model import (
    Account,
    Attempt,
    Author,
    Bucket,
    Finding,
    Fleet,
    Host,
    Judging,
    Pause,
    Reviewer,
    Task,
    TaskSpec,
    Trouble,
    Verdict,
    Word,
    Worktree,
    queue_of,
)
from fleet.core.model.learned import Demand, Experience, Rate
from fleet.core.model.policy import STRATEGIES, Floor, Limit, Policy, Project, Reservation, Spent, Tier
from fleet.core.model.prices import Prices
from fleet.core.model.tokens import Tokens

SPEC = TaskSpec(
    prompt="Repariere den Zähler “ñ” 🦉\nund prüfe ihn",
    repo="/srv/clock",
    title="Fix the counter",
    tiers=("sonnet", "opus"),
    target="main",
    key="fix",
    priority=7,
    deadline_ms=1_800_000_000_000,
    after=("base",),
    verify=("make test", "make lint"),
    land="merge",
    allow_tools=("Bash(git *)",),
    max_turns=40,
    max_budget_usd=2.5,
    project="clocks",
    kind="judgement",
    size=2.0,
    value=3.5,
    plan_tier="opus",
    subagent_tier="haiku",
    labels=("gpu", "big"),
    source="board:github#12",
)
WORDS = (Word("w1", "and the tests"), Word("w2", "Verification failed\n\n\0"))

ACCOUNT = Account(
    name="work",
    kind="subscription",
    tiers=(("sonnet", "sonnet"), ("opus", "claude-opus-4")),
    concurrency=4,
    pool="organisation",
    added_ms=1_000,
    base_url="http://127.0.0.1:9",
    login=True,
    secret=False,
    env=(("HTTPS_PROXY", "http://proxy"),),
    pass_env=("SSH_AUTH_SOCK",),
    state="quarantined",
    reason="401",
    allowance=3,
    answered_ms=5_000,
    busy_until_ms=6_000,
    busy_count=2,
)
ATTEMPT = Attempt(
    id="t2.3",
    task="t2",
    number=3,
    account="work",
    tier="opus",
    model="claude-opus-4",
    host="local",
    session_id="2f0a1c7e-3d52-4a7b-9d0e-5f1e1ee7f1ee",
    started_ms=4_000,
    state="stopping",
    resumes=True,
    carry_from="side",
    opening=WORDS,
    told=("w1",),
    reason="limited",
    detail="You've hit your limit",
    offset=12_345,
    answers=9,
    answer_id="msg_1",
    answer_tokens=Tokens(1, 2, 3, 4),
    tokens=Tokens(10, 20, 30, 40),
    cost_usd=0.125,
    malformed=1,
)
AUTHOR = Author(
    session_id="5c0a1c7e-3d52-4a7b-9d0e-5f1e1ee7f1ee",
    session_account="side",
    answered_by="side",
    shuns=("work",),
    unanswered=1,
    bound=True,
    renewed=True,
    renewals=1,
    renewed_for="it was lost",
    faults=1,
    host_faults=2,
    killed=1,
    tier_work=12.5,
    tier_ms=900,
)
FINDING = Finding("src/clock.py", 12, "blocking", "it is wrong\n  on “Sundays”")
FAR = Host(
    name="big",
    workers_max=8,
    memory_free_bytes=64_000_000_000,
    observed_ms=6_000,
    address="ssh://ci@big.example:2222",
    jump="ci@gate",
    identity="/home/me/.ssh/id_ci",
    directory="/srv/fleet",
    client="/opt/bin/claude",
    labels=("gpu", "big"),
    state="suspected",
    silent_since_ms=6_500,
    draining=True,
    cores=32,
    load=3.5,
    warm=("/srv/clock",),
)
BUCKET = Bucket(
    pool="organisation",
    name="seven_day_opus",
    scope="opus",
    observed_ms=4_500,
    source="stream",
    utilization=0.93,
    resets_ms=9_000,
    status="rejected",
    refused_until_ms=9_500,
    refusals=2,
    length_ms=604_800_000,
)
POLICY = Policy(
    tiers=(Tier("local", 0.1), Tier("sonnet", 3.0)),
    strategy=STRATEGIES[0],
    breaker="a person has opened it: the month's bill",
    breaker_faults=7,
    faults=3,
)
PRICES = Prices(
    at_ms=7_900,
    source="programme",
    buckets={"organisation/seven_day_opus": 12.5},
    slots={"work": 0.25},
    hosts=0.5,
    edges=(9_000, 18_000),
    later={"opus": (1e-6, 0.0)},
    places={"opus": (0.5, 0.0)},
    solve_ms=44.5,
    detail="1 class",
)


def full_fleet(home_id: str) -> Fleet:
    """Tasks in several states, in an order that is not that of their names."""
    tasks = [
        Task(
            id="t1",
            number=1,
            spec=replace(SPEC, paused=Pause("board:github", "moved to Blocked")),
            created_ms=2_000,
            state="landed",
            landed_commit="abc",
            ended_ms=3_000,
        ),
        Task(
            id="t2",
            number=2,
            spec=SPEC,
            created_ms=2_500,
            state="running",
            after=("t1",),
            reason="limited",
            attempt="t2.3",
            attempts=3,
            session_id=ATTEMPT.session_id,
            session_account="side",
            branch="fleet/t2-fix",
            base_commit="abc",
            commit="def",
            not_before_ms=7_000,
            faults=1,
            host_faults=2,
            repairs=2,
            words=WORDS,
            landing_since_ms=6_500,
            landing_begun=True,
            trouble=Trouble("d2", "No space left on device", lasting=True),
            tier_failed="haiku",
            tier_work=1_234.5,
            tier_ms=61_000,
            planned=True,
            revisions=2,
        ),
        Task(
            id="t10",
            number=10,
            spec=replace(SPEC, review="model:opus+person"),
            created_ms=2_600,
            state="queued",
            judging=Judging("4f1c2a9", ("opus",), "9 passed", AUTHOR, True),
            verdict=Verdict("0a1b2c3", "opus", "work", (FINDING, replace(FINDING, line=None)), True),
            returned=1,
            made_with="sonnet",
        ),
        Task(
            id="t3",
            number=3,
            spec=replace(SPEC, priority=9, deadline_ms=None),
            created_ms=2_600,
            state="queued",
        ),
    ]
    return Fleet(
        now_ms=8_000,
        home_id=home_id,
        tasks={task.id: task for task in tasks},
        attempts={ATTEMPT.id: ATTEMPT},
        accounts={a.name: a for a in (ACCOUNT, replace(ACCOUNT, name="side", kind="api-key", state="ready"))},
        buckets={"organisation/seven_day_opus": BUCKET},
        hosts={"local": Host("local", 4, 8_000_000_000, 7_500, "disk is nearly full"), "big": FAR},
        worktrees={
            "t2": Worktree("t2", "/srv/clock", 3, "ready", "/home/wt/t2", "refs/fleet/t2/1"),
            "t10": Worktree(
                task="t10",
                repo="/srv/clock",
                slot=0,
                state="making",
                preserved="refs/fleet/t10/1",
                host="local",
                moves_from="big",
                checkpoint="refs/fleet/t10/2",
                checkpoint_ms=6_600,
                heard=WORDS[:1],
                heard_before=WORDS[1:],
                left_ms=6_700,
            ),
        },
        queue=queue_of(tasks),
        projects={"clocks": Project("clocks", 2.0, ("work",), ("sonnet", "opus"), 3)},
        reservations={
            "r1": Reservation(
                "r1", "work", "opus", 0.4, ((9_000, 19_000), (99_000, 109_000)), said="Thu 19:00-22:00"
            )
        },
        limits={"l1": Limit("l1", "account", "work", "day", "share", 0.3, 1_000, "five_hour")},
        floors={"f1": Floor("f1", 0.1), "f2": Floor("f2", 0.2, "work", "seven_day")},
        spent={"l1": Spent("l1", 3, 0.125)},
        rates={
            "organisation/seven_day_opus/opus": Rate("organisation", "seven_day_opus", "opus", 0.5, 2e6, 3e4)
        },
        experience={"opus": Experience("opus", 3.0, 12.5, 0.25, 13.5, 0.5, 2.0, 1.0)},
        demand={
            "clocks/judgement": Demand(
                "clocks/judgement", "clocks", "judgement", ("opus",), 1.5, 2.0, 3.0, 1_000, 7_000
            )
        },
        reviewers={"opus": Reviewer("opus", 4, 1, 3, 2, 1)},
        policy=POLICY,
        prices=PRICES,
        tasks_made=10,
        decisions_made=17,
        draining=True,
    )


EFFECTS: tuple[Effect, ...] = (
    StartWorker(id="d11", cause="e1", attempt="t2.3"),
    TellWorker(id="d2", cause="e2", attempt="t2.3", word="w1", text="and the tests"),
    StopWorker(id="d3", cause="e3", attempt="t2.3", how="ladder", why="limited"),
    CheckWork(id="d4", cause="e4", attempt="t2.3"),
    LandWork(id="d5", cause="e5", task="t2", begun_ms=6_500),
    LookAtHeld(id="d6", cause="e6", task="t2"),
    RemoveWorktree(id="d7", cause="e7", task="t2"),
)


def note(text: str, task: str | None = "t2") -> Note:
    return Note(
        id="",
        cause="e1",
        level="info",
        type="attempt.denied",
        text=text,
        task=task,
        attempt="t2.3",
        account="work",
        host="local",
        data={"denials": 2},
    )


def with_value(fleet: Fleet, name: str, key: str, value: Any) -> Fleet:
    """The fleet with one value more, or another one, in one of its maps."""
    changed: dict[str, Any] = {name: {**getattr(fleet, name), key: value}}
    return replace(fleet, **changed)
