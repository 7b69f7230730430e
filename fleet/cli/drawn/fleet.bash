# Completion of fleet for bash; scripts/draw_completion.py made it from the commands that there are.
# To use it: source <(fleet completion bash)

_fleet_at() {
    case $1 in
    '') commands='up down status needs events plan forecast why simulate doctor client account task host worktree clean database reserve limit project tier strategy pause resume breaker history config completion help statusline'
        options='-h --help -V --version' words='' ;;
    'up') commands=''
        options='-h --help --demo --until-idle --dry-run --workers --log-format --color --log-level --sandbox --start-timeout --stall-timeout --attempt-timeout --host-lost-after --checkpoint-every' words='' ;;
    'down') commands=''
        options='-h --help --stop-workers' words='' ;;
    'status') commands=''
        options='-h --help --json' words='' ;;
    'needs') commands=''
        options='-h --help --json --wait --exit-code' words='' ;;
    'events') commands=''
        options='-h --help -f --follow --since --type --task --json --schema' words='' ;;
    'plan') commands=''
        options='-h --help --hours --json' words='' ;;
    'forecast') commands=''
        options='-h --help --account --hours --svg --json' words='' ;;
    'why') commands=''
        options='-h --help --state --project --account --label --older-than --where --json' words='@tasks' ;;
    'simulate') commands=''
        options='-h --help --scenario --own --policy --seed --picture --weeks --add-account --strategy --write --json' words='' ;;
    'doctor') commands=''
        options='-h --help --json' words='' ;;
    'client') commands='install'
        options='-h --help' words='' ;;
    'client install') commands=''
        options='-h --help' words='' ;;
    'account') commands='add list show verify set token pause resume remove'
        options='-h --help' words='' ;;
    'account add') commands=''
        options='-h --help --kind --login --token-stdin --base-url --tier-map --concurrency --spend --json --mine --organisation --env --pass-env' words='text' ;;
    'account list') commands=''
        options='-h --help --json' words='' ;;
    'account show') commands=''
        options='-h --help --json' words='@accounts' ;;
    'account verify') commands=''
        options='-h --help --json' words='@accounts' ;;
    'account set') commands=''
        options='-h --help --base-url --tier-map --concurrency --spend --json' words='@accounts' ;;
    'account token') commands=''
        options='-h --help --json' words='@accounts' ;;
    'account pause') commands=''
        options='-h --help --now --until --reason --json' words='@accounts' ;;
    'account resume') commands=''
        options='-h --help --json' words='@accounts' ;;
    'account remove') commands=''
        options='-h --help --json' words='@accounts' ;;
    'task') commands='add list show edit cancel retry logs say diff open pause resume approve send-back reject land'
        options='-h --help' words='' ;;
    'task add') commands=''
        options='-h --help --file --repo --title --tier --priority --deadline --after --verify --land --target --allow-tool --max-turns --max-budget-usd --kind --size --value --project --plan --subagents --label --allow-empty --no-allow-empty --review --no-review --source --paused --json' words='text' ;;
    'task list') commands=''
        options='-h --help --state --project --account --label --older-than --where --limit --all --sort --reverse --columns --json' words='' ;;
    'task show') commands=''
        options='-h --help --state --project --account --label --older-than --where --json' words='@tasks' ;;
    'task edit') commands=''
        options='-h --help --state --project --account --older-than --where --yes --dry-run --prompt --title --tier --priority --deadline --verify --target --allow-tool --max-turns --max-budget-usd --value --label --allow-empty --no-allow-empty --review --no-review --paused --resume --json' words='@tasks' ;;
    'task cancel') commands=''
        options='-h --help --state --project --account --label --older-than --where --yes --dry-run --json' words='@tasks' ;;
    'task retry') commands=''
        options='-h --help --state --project --account --label --older-than --where --yes --dry-run --fresh --json' words='@tasks' ;;
    'task logs') commands=''
        options='-h --help --all -f --follow --color' words='@tasks' ;;
    'task say') commands=''
        options='-h --help --state --project --account --label --older-than --where --yes --dry-run --interrupt --tier --json' words='@tasks' ;;
    'task diff') commands=''
        options='-h --help --stat --name-only --color --json' words='@tasks' ;;
    'task open') commands=''
        options='-h --help --print --shell --editor' words='@tasks' ;;
    'task pause') commands=''
        options='-h --help --state --project --account --label --older-than --where --yes --dry-run --now --until --reason --json' words='@tasks' ;;
    'task resume') commands=''
        options='-h --help --state --project --account --label --older-than --where --yes --dry-run --json' words='@tasks' ;;
    'task approve') commands=''
        options='-h --help --state --project --account --label --older-than --where --yes --dry-run --commit --json' words='@tasks' ;;
    'task send-back') commands=''
        options='-h --help --comments --json' words='@tasks' ;;
    'task reject') commands=''
        options='-h --help --state --project --account --label --older-than --where --yes --dry-run --reason --json' words='@tasks' ;;
    'task land') commands=''
        options='-h --help --state --project --account --label --older-than --where --yes --dry-run --merge --target --json' words='@tasks' ;;
    'host') commands='add list show verify drain remove'
        options='-h --help' words='' ;;
    'host add') commands=''
        options='-h --help --jump --identity --workers --label --dir --client --accept-key --json' words='text' ;;
    'host list') commands=''
        options='-h --help --json' words='' ;;
    'host show') commands=''
        options='-h --help --json' words='@hosts' ;;
    'host verify') commands=''
        options='-h --help --accept-key --json' words='@hosts' ;;
    'host drain') commands=''
        options='-h --help --move --off --json' words='@hosts' ;;
    'host remove') commands=''
        options='-h --help --json' words='@hosts' ;;
    'worktree') commands='list prune'
        options='-h --help' words='' ;;
    'worktree list') commands=''
        options='-h --help --json' words='' ;;
    'worktree prune') commands=''
        options='-h --help --json' words='' ;;
    'clean') commands=''
        options='-h --help --worktrees --branches --runs --journal --older-than --dry-run --json' words='' ;;
    'database') commands='check backup restore anew'
        options='-h --help' words='' ;;
    'database check') commands=''
        options='-h --help --json' words='' ;;
    'database backup') commands=''
        options='-h --help --json' words='files' ;;
    'database restore') commands=''
        options='-h --help --json' words='files' ;;
    'database anew') commands=''
        options='-h --help --json' words='' ;;
    'reserve') commands='add list remove auto'
        options='-h --help' words='' ;;
    'reserve add') commands=''
        options='-h --help --account --tier --at --amount --weekly --once --bucket --json' words='' ;;
    'reserve list') commands=''
        options='-h --help --json' words='' ;;
    'reserve remove') commands=''
        options='-h --help --json' words='@reservations' ;;
    'reserve auto') commands=''
        options='-h --help --json' words='on off' ;;
    'limit') commands='add list remove'
        options='-h --help' words='' ;;
    'limit add') commands=''
        options='-h --help --fleet --account --project --task --per --tokens --usd --share --floor --bucket --json' words='' ;;
    'limit list') commands=''
        options='-h --help --json' words='' ;;
    'limit remove') commands=''
        options='-h --help --json' words='@limits' ;;
    'project') commands='list show set allow'
        options='-h --help' words='' ;;
    'project list') commands=''
        options='-h --help --json' words='' ;;
    'project show') commands=''
        options='-h --help --json' words='@projects' ;;
    'project set') commands=''
        options='-h --help --weight --account --tier --workers --sandbox-read --sandbox-write --sandbox-forget --json' words='@projects' ;;
    'project allow') commands=''
        options='-h --help --target --yes' words='files' ;;
    'tier') commands='list set remove'
        options='-h --help' words='' ;;
    'tier list') commands=''
        options='-h --help --json' words='' ;;
    'tier set') commands=''
        options='-h --help --weight --after --first --json' words='@tiers' ;;
    'tier remove') commands=''
        options='-h --help --json' words='@tiers' ;;
    'strategy') commands=''
        options='-h --help --json' words='text' ;;
    'pause') commands=''
        options='-h --help --project --account --all --now --until --reason --json' words='' ;;
    'resume') commands=''
        options='-h --help --project --account --all --json' words='' ;;
    'breaker') commands='show open close set'
        options='-h --help --json' words='' ;;
    'breaker show') commands=''
        options='-h --help --json' words='' ;;
    'breaker open') commands=''
        options='-h --help --why --json' words='' ;;
    'breaker close') commands=''
        options='-h --help --json' words='' ;;
    'breaker set') commands=''
        options='-h --help --faults --json' words='' ;;
    'history') commands='scan blocks heatmap tasks burn unused kept prices'
        options='-h --help --by --since --until --account --project --model --own --fleet --tz --json --csv' words='' ;;
    'history scan') commands=''
        options='-h --help --config-dir --account --json' words='' ;;
    'history blocks') commands=''
        options='-h --help --since --until --account --tz --json --csv' words='' ;;
    'history heatmap') commands=''
        options='-h --help --since --until --account --project --model --own --fleet --of --svg --html --tz --json --csv' words='' ;;
    'history tasks') commands=''
        options='-h --help --since --until --account --project --model --tz --json --csv' words='' ;;
    'history burn') commands=''
        options='-h --help --account --tz --json --csv' words='' ;;
    'history unused') commands=''
        options='-h --help --since --until --account --each --tz --json --csv' words='' ;;
    'history kept') commands=''
        options='-h --help --since --until --account --tz --json --csv' words='' ;;
    'history prices') commands=''
        options='-h --help --update --json --csv' words='' ;;
    'config') commands='list get set unset path'
        options='-h --help' words='' ;;
    'config list') commands=''
        options='-h --help --json' words='' ;;
    'config get') commands=''
        options='-h --help --json' words='text' ;;
    'config set') commands=''
        options='-h --help --json' words='text' ;;
    'config unset') commands=''
        options='-h --help --json' words='text' ;;
    'config path') commands=''
        options='-h --help' words='' ;;
    'completion') commands=''
        options='-h --help' words='bash zsh fish' ;;
    'help') commands=''
        options='-h --help --man' words='up down status needs events plan forecast why simulate doctor client account task host worktree clean database reserve limit project tier strategy pause resume breaker history config completion help statusline exit-codes files filters states' ;;
    'statusline') commands=''
        options='-h --help' words='' ;;
    esac
}

_fleet_takes() {
    kind=
    case $1 in
    'up --demo') kind='text' ;;
    'up --workers') kind='text' ;;
    'up --log-format') kind='console json' ;;
    'up --color') kind='auto always never' ;;
    'up --log-level') kind='debug info warning error' ;;
    'up --sandbox') kind='auto bwrap none' ;;
    'up --start-timeout') kind='text' ;;
    'up --stall-timeout') kind='text' ;;
    'up --attempt-timeout') kind='text' ;;
    'up --host-lost-after') kind='text' ;;
    'up --checkpoint-every') kind='text' ;;
    'events --since') kind='text' ;;
    'events --type') kind='text' ;;
    'events --task') kind='@tasks' ;;
    'plan --hours') kind='text' ;;
    'forecast --account') kind='@accounts' ;;
    'forecast --hours') kind='text' ;;
    'forecast --svg') kind='files' ;;
    'why --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'why --project') kind='@projects' ;;
    'why --account') kind='@accounts' ;;
    'why --label') kind='text' ;;
    'why --older-than') kind='text' ;;
    'why --where') kind='text' ;;
    'simulate --scenario') kind='files' ;;
    'simulate --policy') kind='text' ;;
    'simulate --seed') kind='text' ;;
    'simulate --picture') kind='files' ;;
    'simulate --weeks') kind='text' ;;
    'simulate --add-account') kind='@accounts' ;;
    'simulate --strategy') kind='text' ;;
    'simulate --write') kind='files' ;;
    'account add --kind') kind='subscription api-key local' ;;
    'account add --base-url') kind='text' ;;
    'account add --tier-map') kind='text' ;;
    'account add --concurrency') kind='text' ;;
    'account add --spend') kind='free when-needed never' ;;
    'account add --organisation') kind='text' ;;
    'account add --env') kind='text' ;;
    'account add --pass-env') kind='text' ;;
    'account set --base-url') kind='text' ;;
    'account set --tier-map') kind='text' ;;
    'account set --concurrency') kind='text' ;;
    'account set --spend') kind='free when-needed never' ;;
    'account pause --until') kind='text' ;;
    'account pause --reason') kind='text' ;;
    'task add --file') kind='files' ;;
    'task add --repo') kind='files' ;;
    'task add --title') kind='text' ;;
    'task add --tier') kind='@tiers' ;;
    'task add --priority') kind='text' ;;
    'task add --deadline') kind='text' ;;
    'task add --after') kind='@tasks' ;;
    'task add --verify') kind='text' ;;
    'task add --land') kind='branch merge' ;;
    'task add --target') kind='text' ;;
    'task add --allow-tool') kind='text' ;;
    'task add --max-turns') kind='text' ;;
    'task add --max-budget-usd') kind='text' ;;
    'task add --kind') kind='text' ;;
    'task add --size') kind='text' ;;
    'task add --value') kind='text' ;;
    'task add --project') kind='@projects' ;;
    'task add --plan') kind='@tiers' ;;
    'task add --subagents') kind='@tiers' ;;
    'task add --label') kind='text' ;;
    'task add --review') kind='text' ;;
    'task add --source') kind='text' ;;
    'task add --paused') kind='text' ;;
    'task list --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'task list --project') kind='@projects' ;;
    'task list --account') kind='@accounts' ;;
    'task list --label') kind='text' ;;
    'task list --older-than') kind='text' ;;
    'task list --where') kind='text' ;;
    'task list --limit') kind='text' ;;
    'task list --sort') kind='added priority state title project deadline' ;;
    'task list --columns') kind='text' ;;
    'task show --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'task show --project') kind='@projects' ;;
    'task show --account') kind='@accounts' ;;
    'task show --label') kind='text' ;;
    'task show --older-than') kind='text' ;;
    'task show --where') kind='text' ;;
    'task edit --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'task edit --project') kind='@projects' ;;
    'task edit --account') kind='@accounts' ;;
    'task edit --older-than') kind='text' ;;
    'task edit --where') kind='text' ;;
    'task edit --prompt') kind='text' ;;
    'task edit --title') kind='text' ;;
    'task edit --tier') kind='@tiers' ;;
    'task edit --priority') kind='text' ;;
    'task edit --deadline') kind='text' ;;
    'task edit --verify') kind='text' ;;
    'task edit --target') kind='text' ;;
    'task edit --allow-tool') kind='text' ;;
    'task edit --max-turns') kind='text' ;;
    'task edit --max-budget-usd') kind='text' ;;
    'task edit --value') kind='text' ;;
    'task edit --label') kind='text' ;;
    'task edit --review') kind='text' ;;
    'task edit --paused') kind='text' ;;
    'task cancel --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'task cancel --project') kind='@projects' ;;
    'task cancel --account') kind='@accounts' ;;
    'task cancel --label') kind='text' ;;
    'task cancel --older-than') kind='text' ;;
    'task cancel --where') kind='text' ;;
    'task retry --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'task retry --project') kind='@projects' ;;
    'task retry --account') kind='@accounts' ;;
    'task retry --label') kind='text' ;;
    'task retry --older-than') kind='text' ;;
    'task retry --where') kind='text' ;;
    'task logs --color') kind='auto always never' ;;
    'task say --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'task say --project') kind='@projects' ;;
    'task say --account') kind='@accounts' ;;
    'task say --label') kind='text' ;;
    'task say --older-than') kind='text' ;;
    'task say --where') kind='text' ;;
    'task say --tier') kind='@tiers' ;;
    'task diff --color') kind='auto always never' ;;
    'task open --editor') kind='text' ;;
    'task pause --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'task pause --project') kind='@projects' ;;
    'task pause --account') kind='@accounts' ;;
    'task pause --label') kind='text' ;;
    'task pause --older-than') kind='text' ;;
    'task pause --where') kind='text' ;;
    'task pause --until') kind='text' ;;
    'task pause --reason') kind='text' ;;
    'task resume --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'task resume --project') kind='@projects' ;;
    'task resume --account') kind='@accounts' ;;
    'task resume --label') kind='text' ;;
    'task resume --older-than') kind='text' ;;
    'task resume --where') kind='text' ;;
    'task approve --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'task approve --project') kind='@projects' ;;
    'task approve --account') kind='@accounts' ;;
    'task approve --label') kind='text' ;;
    'task approve --older-than') kind='text' ;;
    'task approve --where') kind='text' ;;
    'task approve --commit') kind='text' ;;
    'task send-back --comments') kind='files' ;;
    'task reject --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'task reject --project') kind='@projects' ;;
    'task reject --account') kind='@accounts' ;;
    'task reject --label') kind='text' ;;
    'task reject --older-than') kind='text' ;;
    'task reject --where') kind='text' ;;
    'task reject --reason') kind='text' ;;
    'task land --state') kind='waiting queued paused running checking review landing held landed on-branch failed cancelled' ;;
    'task land --project') kind='@projects' ;;
    'task land --account') kind='@accounts' ;;
    'task land --label') kind='text' ;;
    'task land --older-than') kind='text' ;;
    'task land --where') kind='text' ;;
    'task land --target') kind='text' ;;
    'host add --jump') kind='text' ;;
    'host add --identity') kind='files' ;;
    'host add --workers') kind='text' ;;
    'host add --label') kind='text' ;;
    'host add --dir') kind='files' ;;
    'host add --client') kind='files' ;;
    'host add --accept-key') kind='text' ;;
    'host verify --accept-key') kind='text' ;;
    'clean --older-than') kind='text' ;;
    'reserve add --account') kind='@accounts' ;;
    'reserve add --tier') kind='@tiers' ;;
    'reserve add --at') kind='text' ;;
    'reserve add --amount') kind='text' ;;
    'reserve add --bucket') kind='text' ;;
    'limit add --account') kind='@accounts' ;;
    'limit add --project') kind='@projects' ;;
    'limit add --task') kind='@tasks' ;;
    'limit add --per') kind='minute hour day week month total' ;;
    'limit add --tokens') kind='text' ;;
    'limit add --usd') kind='text' ;;
    'limit add --share') kind='text' ;;
    'limit add --floor') kind='text' ;;
    'limit add --bucket') kind='text' ;;
    'project set --weight') kind='text' ;;
    'project set --account') kind='@accounts' ;;
    'project set --tier') kind='@tiers' ;;
    'project set --workers') kind='text' ;;
    'project set --sandbox-read') kind='files' ;;
    'project set --sandbox-write') kind='files' ;;
    'project set --sandbox-forget') kind='files' ;;
    'project allow --target') kind='text' ;;
    'tier set --weight') kind='text' ;;
    'tier set --after') kind='@tiers' ;;
    'pause --project') kind='@projects' ;;
    'pause --account') kind='@accounts' ;;
    'pause --until') kind='text' ;;
    'pause --reason') kind='text' ;;
    'resume --project') kind='@projects' ;;
    'resume --account') kind='@accounts' ;;
    'breaker open --why') kind='text' ;;
    'breaker set --faults') kind='text' ;;
    'history --by') kind='day week month project model account session' ;;
    'history --since') kind='text' ;;
    'history --until') kind='text' ;;
    'history --account') kind='@accounts' ;;
    'history --project') kind='@projects' ;;
    'history --model') kind='text' ;;
    'history --tz') kind='text' ;;
    'history scan --config-dir') kind='files' ;;
    'history scan --account') kind='@accounts' ;;
    'history blocks --since') kind='text' ;;
    'history blocks --until') kind='text' ;;
    'history blocks --account') kind='@accounts' ;;
    'history blocks --tz') kind='text' ;;
    'history heatmap --since') kind='text' ;;
    'history heatmap --until') kind='text' ;;
    'history heatmap --account') kind='@accounts' ;;
    'history heatmap --project') kind='@projects' ;;
    'history heatmap --model') kind='text' ;;
    'history heatmap --of') kind='work tokens cost answers' ;;
    'history heatmap --svg') kind='files' ;;
    'history heatmap --html') kind='files' ;;
    'history heatmap --tz') kind='text' ;;
    'history tasks --since') kind='text' ;;
    'history tasks --until') kind='text' ;;
    'history tasks --account') kind='@accounts' ;;
    'history tasks --project') kind='@projects' ;;
    'history tasks --model') kind='text' ;;
    'history tasks --tz') kind='text' ;;
    'history burn --account') kind='@accounts' ;;
    'history burn --tz') kind='text' ;;
    'history unused --since') kind='text' ;;
    'history unused --until') kind='text' ;;
    'history unused --account') kind='@accounts' ;;
    'history unused --tz') kind='text' ;;
    'history kept --since') kind='text' ;;
    'history kept --until') kind='text' ;;
    'history kept --account') kind='@accounts' ;;
    'history kept --tz') kind='text' ;;
    'history prices --update') kind='files' ;;
    esac
}

_fleet() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    local chain= word at commands options words kind done=
    # bash takes --state=failed for three words.
    [[ $prev == "=" ]] && prev=${COMP_WORDS[COMP_CWORD-2]}
    [[ $cur == "=" ]] && cur=
    _fleet_at ""
    for ((at = 1; at < COMP_CWORD; at++)); do
        word=${COMP_WORDS[at]}
        case " $commands " in
            *" $word "*) chain="${chain:+$chain }$word"; _fleet_at "$chain" ;;
        esac
    done
    COMPREPLY=()
    _fleet_takes "${chain:+$chain }$prev"
    if [[ -z $kind ]]; then
        if [[ $cur == -* ]]; then
            COMPREPLY=($(compgen -W "$options" -- "$cur"))
            return
        fi
        COMPREPLY=($(compgen -W "$commands" -- "$cur"))
        kind=$words
    fi
    case $kind in
        "" | text) ;;
        files) compopt -o default 2>/dev/null ;;
        @*) COMPREPLY+=($(compgen -W "$("${COMP_WORDS[0]}" _names "${kind#@}" "$cur" 2>/dev/null)" -- "$cur")) ;;
        *)
            # Several, with commas between them, where one may say several.
            [[ $cur == *,* ]] && done="${cur%,*},"
            COMPREPLY+=($(compgen -P "$done" -W "$kind" -- "${cur##*,}"))
            ;;
    esac
}

complete -F _fleet fleet
