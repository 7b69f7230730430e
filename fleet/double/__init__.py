"""A scripted double of the Messages API for the real client: accounts, windows, limits and every other fault.

A script, in TOML (`python -m fleet.double --script FILE`; in Python, build a `Script` or use `parse_script`):

    [[account]]
    name = "work"
    token = "tok-work"                  # Authorization: Bearer, or x-api-key
    kind = "subscription"               # or "api-key"
    [[account.window]]
    name = "five_hour"                  # any name: the set is open
    capacity = 20000                    # tokens; or answers, with cost_per_answer = 1
    length_s = 18000
    [[account.window]]
    name = "seven_day_opus"
    models = ["opus"]                   # only models whose name contains it draw on this window
    utilization = 0.4

    [[task]]
    name = "greet"                      # chosen by [[double:greet]] in the prompt …
    match = "a greeting"                # … or by this text in the first prompt
    [[task.step]]
    text = "I write the file."
    [[task.step.tool]]
    name = "Write"
    input = { file_path = "{cwd}/hello.txt", content = "hello\\n" }
    [[task.step]]                       # no tool call: ends the turn
    text = "The greeting is written."
    [[task.reaction]]
    on = "failed"                       # when a later message contains this
    [[task.reaction.step]]
    text = "Mended."

    [[fault]]
    kind = "limit"                      # limit, throttle, overload, login, cut, cut_late, delay, hang,
                                        # disabled, unpaid, credits, signature, image, too_long
    account = "work"
    task = "greet"
    step = 1                            # strikes when the second step is due
    window = "five_hour"
    seconds = 3600                      # the window resets an hour later

While it runs: `POST /_double/account/NAME/ORDER` with the order's arguments as a JSON object (orders: fill,
refuse, reset, expire_login, restore_login, throttle, overload, cut, delay, hang), `GET /_double/requests`,
`GET /_double/accounts`.
"""

from fleet.double.controls import AccountControl
from fleet.double.script import (
    Account,
    Fault,
    Reaction,
    Script,
    ScriptError,
    Step,
    Task,
    ToolCall,
    Window,
)
from fleet.double.script_file import parse_script, read_script
from fleet.double.server import Double
from fleet.double.stage import Request

__all__ = [
    "Account",
    "AccountControl",
    "Double",
    "Fault",
    "Reaction",
    "Request",
    "Script",
    "ScriptError",
    "Step",
    "Task",
    "ToolCall",
    "Window",
    "parse_script",
    "read_script",
]
