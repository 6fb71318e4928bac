# Completions of `wasmer` for bash: the command itself says what can stand where.
_wasmer() {
    local -a lines
    mapfile -t lines < <(command wasmer completions --words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    COMPREPLY=("${lines[@]:1}")
    # Behind the tab stands what a word means.
    COMPREPLY=("${COMPREPLY[@]%%$'\t'*}")
    case "${lines[0]}" in
        files)
            if ((${#COMPREPLY[@]})); then
                compopt -o filenames
                local file
                while IFS= read -r file; do
                    COMPREPLY+=("$file")
                done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
            else
                compopt -o default
            fi
            ;;
        folders) compopt -o dirnames ;;
    esac
}
complete -F _wasmer wasmer
