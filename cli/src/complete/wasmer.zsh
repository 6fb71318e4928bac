#compdef wasmer
# Completions of `wasmer` for zsh: the command itself says what can stand where.
_wasmer() {
    local -a lines values
    local line
    lines=("${(@f)$(command wasmer completions --words "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    # `--option=VALUE`: what comes is the value.
    [[ ${words[CURRENT]} == --*=* ]] && compset -P '*='
    for line in "${(@)lines[2,-1]}"; do
        line=${line//:/\\:}
        values+=("${line/$'\t'/:}")
    done
    (( $#values )) && _describe -t values wasmer values
    case $lines[1] in
        files) _files ;;
        folders) _files -/ ;;
    esac
}
if [[ $funcstack[1] == _wasmer ]]; then
    _wasmer "$@"
else
    compdef _wasmer wasmer
fi
