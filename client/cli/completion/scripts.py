"""The scripts for bash, zsh and fish: a function for each that calls `jobwire __complete` at Tab, and shows the answer.

A script does nothing when it is loaded except define that function, and contains no names of commands, so that it works with later versions
too.
"""

from __future__ import annotations

import shlex

# The function may be used for an alias as well: complete -F _jobwire jw.
_BASH = r"""# Completion of jobwire for bash; written by: jobwire completion install
_jobwire() {
    local program=jobwire answer
    type -P jobwire > /dev/null || program=@PROGRAM@
    mapfile -t answer < <(COMP_WORDBREAKS="$COMP_WORDBREAKS" "$program" __complete bash "${COMP_LINE:0:COMP_POINT}" 2> /dev/null)
    COMPREPLY=()
    case ${answer[0]-} in
        words) COMPREPLY=("${answer[@]:1}") ;;
        files) compopt -o default ;;
        folders) compopt -o dirnames ;;
        "program "*) _jobwire_program "${answer[0]#program }" ;;
    esac
    # An option that takes its value after = is continued.
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
_jobwire_program() {
    if declare -F _comp_command_offset > /dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset > /dev/null; then
        _command_offset "$1"
    elif (( COMP_CWORD == $1 )); then
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    else
        compopt -o default
    fi
}
complete -F _jobwire jobwire
"""

_ZSH = r"""#compdef jobwire
# Completion of jobwire for zsh; written by: jobwire completion install
_jobwire() {
    local program=jobwire line
    local -a answer texts shown
    (( $+commands[jobwire] )) || program=@PROGRAM@
    answer=("${(@f)$("$program" __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null)}")
    case ${answer[1]-} in
        words)
            for line in "${(@)answer[2,-1]}"; do
                texts+=("${line%%$'\t'*}")
                shown+=("${line/$'\t'/  -- }")
            done
            (( $#texts )) && compadd -l -V jobwire -d shown -a texts
            ;;
        files) _files ;;
        folders) _files -/ ;;
        program\ *)
            shift ${answer[1]#program } words
            (( CURRENT -= ${answer[1]#program } ))
            _normal
            ;;
    esac
}
if [[ $funcstack[1] == _jobwire ]]; then
    _jobwire "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _jobwire jobwire
fi
"""

_FISH = r"""# Completion of jobwire for fish; written by: jobwire completion install
function __jobwire_complete
    set -l program jobwire
    command -q jobwire; or set program @PROGRAM@
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (command $program __complete fish $before[2..-1] (string unescape -- "$current"; or echo -- "$current") 2>/dev/null)
    switch "$answer[1]"
        case words
            printf '%s\n' $answer[2..-1]
        case files
            __fish_complete_path "$current"
        case folders
            __fish_complete_directories "$current" ""
        case 'program *'
            set -l skipped (string replace 'program ' '' -- $answer[1])
            complete -C (string join -- ' ' (string escape -- $before[(math $skipped + 1)..-1]) "$current")
    end
end
complete -c jobwire -f -a '(__jobwire_complete)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
SHELLS = tuple(_SCRIPTS)


def script(shell: str, program: str) -> str:
    """Return the script for a shell. `program`: the path of jobwire, for shells that do not find it in their PATH."""
    return _SCRIPTS[shell].replace("@PROGRAM@", shlex.quote(program))
