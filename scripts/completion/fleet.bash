# Completion of fleet for bash; scripts/draw_completion.py made it from the commands that there are.
# To use it: source <(fleet completion bash)

_fleet_at() {
    case $1 in
@COMMANDS@
    esac
}

_fleet_takes() {
    kind=
    case $1 in
@VALUES@
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
