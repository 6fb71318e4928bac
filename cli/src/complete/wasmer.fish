# Completions of `wasmer` for fish: the command itself says what can stand where.
function __wasmer_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -l lines (command wasmer completions --words $words[2..-1] "$last" 2>/dev/null)
    # `--option=VALUE` is one word to fish.
    set -l option (string match -r -- '^--[^=]+=' "$last")
    set -l value (string replace -r -- '^--[^=]+=' '' "$last")
    for line in $lines[2..-1]
        echo -- "$option$line"
    end
    switch "$lines[1]"
        case files
            for path in (__fish_complete_path "$value")
                echo -- "$option$path"
            end
        case folders
            for path in (__fish_complete_directories "$value" '')
                echo -- "$option$path"
            end
    end
end
complete -c wasmer -f -a '(__wasmer_complete)'
