#!/bin/sh
# Installs a release of wasmer from a folder, an archive, or a server, after comparing its checksum.
#
#   ./install.sh --from URL|DIR|ARCHIVE [--to PREFIX] [--llvm]
#
# Needs a POSIX shell, tar, gzip, one of sha256sum, shasum and openssl, and for servers curl or wget.
set -eu

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $1"
    [ $# -lt 2 ] || say "hint: $2"
    exit 1
}

usage() {
    cat <<'END'
Installs a release of wasmer.

Usage: install.sh --from URL|DIR|ARCHIVE [--to PREFIX] [--llvm]

  --from   where the release is: a folder or an address with its SHA256SUMS, or one archive in either
           (default: the variable WASMER_UPDATE_URL)
  --to     where it goes: PREFIX/bin, PREFIX/share (default: ~/.local)
  --llvm   take the archive with the compile worker of `--backend llvm`
END
}

has() { command -v "$1" >/dev/null 2>&1; }

# fetch NAME FILE: copies a file of the release.
fetch() {
    case $base in
    https://*) download there "$base/$1" "$2" ;;
    http://127.0.0.1[:/]* | http://localhost[:/]* | http://\[::1\][:/]*) download here "$base/$1" "$2" ;;
    *://*) fail "\`$base\` would be read without protection from others on the way" 'use an address that starts with `https://`' ;;
    *) cp "$base/$1" "$2" || fail "could not read \`$base/$1\`" ;;
    esac
}

# download there|here ADDRESS FILE: from a server, or from this machine, when neither a proxy nor another server may step in.
download() {
    place=$1 address=$2 status=0
    if has curl; then
        client=curl
        set -- -fsS --connect-timeout 30 -o "$3" "$address"
        case $place in
        there) set -- "$@" -L --proto '=https' ;;
        here) set -- "$@" --noproxy '*' ;;
        esac
        [ -z "${SSL_CERT_FILE:-}" ] || set -- "$@" --cacert "$SSL_CERT_FILE"
    elif has wget; then
        client=wget
        set -- -q --tries=2 --timeout=30 --max-redirect=0 -O "$3" "$address"
        [ "$place" = there ] || set -- "$@" --no-proxy
        [ -z "${SSL_CERT_FILE:-}" ] || set -- "$@" "--ca-certificate=$SSL_CERT_FILE"
    else
        fail 'neither curl nor wget is here' 'fetch the files in another way and name their folder'
    fi
    "$client" "$@" || status=$?
    case $client-$status in
    *-0) ;;
    curl-60 | wget-5)
        fail "could not fetch \`$address\`: the certificate of its server is not accepted" \
            "if you trust the server, let \`SSL_CERT_FILE\` name a file with its certificate, or its authority's"
        ;;
    *) fail "could not fetch \`$address\`" ;;
    esac
}

# sum FILE: its SHA-256 in hexadecimal.
sum() {
    if has sha256sum; then
        sha256sum <"$1"
    elif has shasum; then
        shasum -a 256 <"$1"
    elif has openssl; then
        openssl dgst -sha256 -r <"$1"
    else
        fail 'neither sha256sum nor shasum nor openssl is here, so the archive cannot be verified'
    fi | cut -d ' ' -f 1
}

# choose: the name of the newest archive of the list for this machine.
choose() {
    awk -v end="-$machine-$system$variant.tar.gz" '
        { name = $2; sub(/^\*/, "", name) }
        index(name, "wasmer-") == 1 && substr(name, length(name) - length(end) + 1) == end {
            version = substr(name, 8, length(name) - 7 - length(end))
            if (version !~ /^[0-9]+\.[0-9]+\.[0-9]+$/) next
            split(version, part, ".")
            rank = sprintf("%08d%08d%08d", part[1], part[2], part[3])
            if (rank > best) { best = rank; chosen = name }
        }
        END { print chosen }' "$scratch/SHA256SUMS"
}

# clean: removes what is only needed while this runs.
clean() {
    if [ -f "$scratch/list" ]; then
        while IFS= read -r file; do rm -f "$prefix/${file#./}.new.$$"; done <"$scratch/list"
    fi
    rm -rf "$scratch"
}

main() {
    from=${WASMER_UPDATE_URL:-}
    prefix=${HOME:-}/.local
    variant=
    while [ $# -gt 0 ]; do
        case $1 in
        --from | --to)
            [ $# -ge 2 ] || fail "\`$1\` needs a value"
            if [ "$1" = --from ]; then from=$2; else prefix=$2; fi
            shift
            ;;
        --llvm) variant=-llvm ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) fail "unknown option \`$1\`" '`--help` lists them' ;;
        esac
        shift
    done
    case $prefix in
    /*) ;;
    *) prefix=$PWD/$prefix ;;
    esac
    [ -n "$from" ] || fail 'it is not known where the release is' '`--from` names an address, a folder or an archive'

    machine=$(uname -m)
    case $machine in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    esac
    system=$(uname -s | tr '[:upper:]' '[:lower:]')

    scratch=$(mktemp -d)
    trap clean EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    case $from in
    *.tar.gz)
        name=${from##*/}
        case $from in
        */*) base=${from%/*} ;;
        *) base=. ;;
        esac
        fetch SHA256SUMS "$scratch/SHA256SUMS"
        ;;
    *)
        base=${from%/}
        fetch SHA256SUMS "$scratch/SHA256SUMS"
        name=$(choose)
        [ -n "$name" ] || fail "the release has no archive for $machine $system${variant:+ with LLVM}"
        ;;
    esac
    expected=$(awk -v name="$name" '$2 == name || $2 == "*" name { print $1; exit }' "$scratch/SHA256SUMS")
    [ -n "$expected" ] || fail "SHA256SUMS has no line for \`$name\`"
    fetch "$name" "$scratch/archive"
    [ "$(sum "$scratch/archive")" = "$expected" ] ||
        fail "\`$name\` has another checksum than SHA256SUMS says: it is damaged, incomplete or not the real one; nothing was installed"

    mkdir "$scratch/files"
    tar -xzf "$scratch/archive" -C "$scratch/files" || fail "could not unpack \`$name\`"
    set -- "$scratch"/files/*
    [ $# = 1 ] && [ -x "$1/bin/wasmer" ] || fail "\`$name\` is no release of wasmer"
    root=$1
    version=$("$root/bin/wasmer" --version) || fail 'the programs of the release do not work here; nothing was installed'

    [ -e "$root/bin/wasmer-llvm" ] || [ ! -e "$prefix/bin/wasmer-llvm" ] ||
        fail "\`$name\` does not contain \`wasmer-llvm\`, which is in \`$prefix/bin\` and has to be of the same version" \
            '`--llvm` takes an archive with it; or remove it first'

    # Everything goes to its folder under another name first, so that what takes time is over when the names change.
    (cd "$root" && find . -type f) | sort >"$scratch/list"
    while IFS= read -r file; do
        target=$prefix/${file#./}
        mkdir -p "${target%/*}" || fail "could not make \`${target%/*}\`"
        cp "$root/$file" "$target.new.$$" || fail "could not write to \`${target%/*}\`"
    done <"$scratch/list"
    while IFS= read -r file; do
        target=$prefix/${file#./}
        mv -f "$target.new.$$" "$target" || fail "could not replace \`$target\`"
    done <"$scratch/list"

    say "$version is installed in $prefix/bin"
    case :${PATH:-}: in
    *:"$prefix/bin":*) ;;
    *) say "hint: add it to your PATH: export PATH=\"$prefix/bin:\$PATH\"" ;;
    esac
}

main "$@"
