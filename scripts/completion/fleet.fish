# Completion of fleet for fish; scripts/draw_completion.py made it from the commands that there are.
# To use it: fleet completion fish >~/.config/fish/completions/fleet.fish

function __fleet_at
    switch "$argv"
@COMMANDS@
    end
end

function __fleet_takes
    switch "$argv"
@VALUES@
    end
end

function __fleet_complete
    set -l typed (commandline -opc)
    set -l cur (commandline -ct)
    set -l chain
    __fleet_at ''
    for word in $typed[2..-1]
        if string match -q -- "$word"\t'*' $__fleet_commands
            set -a chain $word
            __fleet_at "$chain"
        end
    end
    set -l kind (__fleet_takes (string join ' ' -- $chain $typed[-1]))
    if test -z "$kind"
        if string match -q -- '-*' "$cur"
            printf '%s\n' $__fleet_options
            return
        end
        set -q __fleet_commands[1]; and printf '%s\n' $__fleet_commands
        set kind $__fleet_words
    end
    switch "$kind"
        case '' text
        case files
            __fish_complete_path "$cur"
        case '@*'
            $typed[1] _names (string sub -s 2 -- $kind) "$cur" 2>/dev/null
        case '*'
            set -l begun (string match -r -- '.*,' "$cur")
            printf '%s\n' "$begun"(string split ' ' -- $kind)
    end
end

complete -c fleet -f -a '(__fleet_complete)'
