# bash completion of ovsbridge, and of ovs-ofctl and ovs-appctl where these are links to it. The program itself is asked what it
# has, so that this file knows no list of commands.

# Names of bridges that have a management socket.
__ovsbridge_bridges() {
    local dir=${OVS_RUNDIR:-/var/run/openvswitch} socket
    for socket in "$dir"/*.mgmt; do
        [[ -S $socket ]] && basename "$socket" .mgmt
    done
}

# The first word behind position $1 that is no option, and its place: __word, __at.
__ovsbridge_command() {
    __word= __at=0
    local i
    for ((i = $1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -O | -F | -P | -t | -T | -p | -c | -C | --target | --timeout | --rundir | --protocols) ((i++)) ;;
            -* | =) ;;
            *) __word=${COMP_WORDS[i]} __at=$i; return ;;
        esac
    done
}

# __ovsbridge_ofctl FIRST PROGRAM...: FIRST is the place of the first word behind the program's name.
__ovsbridge_ofctl() {
    local first=$1 current=${COMP_WORDS[COMP_CWORD]}
    shift
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$("$@" --option | sed -n 's/^\(--[a-z-]*\).*/\1/p')" -- "$current"))
        return
    fi
    __ovsbridge_command "$first"
    if [[ -z $__word ]]; then
        COMPREPLY=($(compgen -W "$("$@" list-commands | sed -n 's/^  \([a-z-]*\).*/\1/p')" -- "$current"))
        return
    fi
    local argument=$((COMP_CWORD - __at))
    case $__word,$argument in
        ofp-parse,1 | ofp-parse-pcap,1 | parse-flows,1 | add-flows,2 | replace-flows,2 | add-groups,2 | add-meters,2 | bundle,2)
            COMPREPLY=($(compgen -f -- "$current")) ;;
        diff-flows,[12]) COMPREPLY=($(compgen -f -W "$(__ovsbridge_bridges)" -- "$current")) ;;
        set-frags,2) COMPREPLY=($(compgen -W "normal drop reassemble nx-match" -- "$current")) ;;
        mod-port,3)
            COMPREPLY=($(compgen -W "up down receive no-receive forward no-forward packet-in no-packet-in" -- "$current")) ;;
        mod-port,2 | dump-ports,2 | dump-ports-desc,2 | queue-stats,2 | queue-get-config,2)
            local ports
            ports=$("$@" -t 2 dump-ports-desc "${COMP_WORDS[__at + 1]}" 2>/dev/null | sed -n 's/^ [0-9A-Z]*(\(.*\)): .*/\1/p')
            COMPREPLY=($(compgen -W "$ports" -- "$current")) ;;
        ofp-print,* | print-error,* | encode-*,* | parse-*,* | help,* | list-commands,*) ;;
        *,1) COMPREPLY=($(compgen -W "$(__ovsbridge_bridges)" -- "$current")) ;;
    esac
}

__ovsbridge_appctl() {
    local first=$1 current=${COMP_WORDS[COMP_CWORD]}
    shift
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "--target --rundir --timeout --format --pretty --help --version" -- "$current"))
        return
    fi
    __ovsbridge_command "$first"
    if [[ -z $__word ]]; then
        COMPREPLY=($(compgen -W "$("$@" -T 2 list-commands 2>/dev/null | sed -n 's/^  \([^ ]*\).*/\1/p')" -- "$current"))
    else
        COMPREPLY=($(compgen -W "$(__ovsbridge_bridges)" -- "$current"))
    fi
}

_ovsbridge() {
    COMPREPLY=()
    local current=${COMP_WORDS[COMP_CWORD]}
    case $(basename "$1") in
        ovs-ofctl) __ovsbridge_ofctl 1 "$1"; return ;;
        ovs-appctl) __ovsbridge_appctl 1 "$1"; return ;;
    esac
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "run ofctl appctl cleanup version help" -- "$current"))
        return
    fi
    case ${COMP_WORDS[1]} in
        ofctl) __ovsbridge_ofctl 2 "$1" ofctl ;;
        appctl) __ovsbridge_appctl 2 "$1" appctl ;;
        run)
            case ${COMP_WORDS[COMP_CWORD - 1]} in
                --port) COMPREPLY=($(compgen -W "$(ls /sys/class/net)" -- "$current")) ;;
                --config | --private-key | --certificate | --ca-cert) COMPREPLY=($(compgen -f -- "$current")) ;;
                --fail-mode) COMPREPLY=($(compgen -W "standalone secure" -- "$current")) ;;
                --datapath) COMPREPLY=($(compgen -W "tc memory" -- "$current")) ;;
                *) COMPREPLY=($(compgen -W "$("$1" run --help | sed -n 's/^  \(--[a-z-]*\) .*/\1/p')" -- "$current")) ;;
            esac ;;
    esac
}

complete -F _ovsbridge ovsbridge
