//! What stands below the options in the help of each command, and in its manual page: examples, statuses, variables.

pub(crate) const WASMER: &str = "\
Examples:
  wasmer app.wasm --flag-of-the-guest       run a program (short for `wasmer run`)
  wasmer run --dir . app.wasm input.txt     let it see the current folder
  wasmer run --backend singlepass app.wasm  choose a compiler
  wasmer run --invoke add sum.wat 1 2       call a function
  wasmer compile app.wasm -o app.wart       compile ahead of time

Exit status:
  0    success
  1    the command failed; standard error says why
  2    the command line is wrong
  101  a bug of wasmer
  (`wasmer run`: the program's own, 124 after --timeout, 134 after a trap)

Environment:
  WASMER_CACHE_DIR   folder of the cache (default: `wasmer` in the user's cache folder)
  WASMER_CACHE_SIZE  size above which the cache forgets what was not used for longest (default: 4GiB)
  WASMER_BACKGROUND  whether better code is made in the background: on, off, or the time that a program has to have run, for
                     instance 10s (default: on, after the time from which it pays; off where CI is set)
  WASMER_LLVM        the compile worker of `--backend llvm` (default: `wasmer-llvm` beside `wasmer`)
  NO_COLOR           no colours on the terminal";

pub(crate) const RUN: &str = "\
Examples:
  wasmer run app.wasm --flag-of-the-guest
  wasmer run --dir data:ro --env LANG=C app.wasm input.txt
  wasmer run --backend llvm --timeout 10s --max-memory 256MiB app.wasm
  wasmer run --optimize now app.wasm
  wasmer run --invoke add sum.wat 1 2
  wasmer run oci://ghcr.io/someone/app:1.0
  wasmer run --allow-precompiled app.wart
  perf record -g wasmer run --profile perfmap app.wasm

Exit status:
  the program's own, if it ends itself, or else
  0    success
  1    the program could not be loaded or started; standard error says why
  2    the command line is wrong
  124  --timeout ended the program
  134  the program trapped";

pub(crate) const SERVE: &str = "\
Examples:
  wasmer serve app.wasm                                     on http://127.0.0.1:8080
  wasmer serve --addr 0.0.0.0:80 --access-log - app.wasm
  wasmer serve --timeout 5s --max-memory 64MiB --net api.example.org:443 app.wasm

SIGTERM and SIGINT end it: requests that are being answered have --grace to end, a second signal ends them at once.

Exit status:
  0    it was ended by a signal
  1    it could not be started; standard error says why
  2    the command line is wrong

Environment:
  SSL_CERT_FILE      certificates to trust instead of the built-in list, of servers that --net allows requests to";

pub(crate) const COMPILE: &str = "\
Examples:
  wasmer compile app.wasm                               makes app.wart
  wasmer compile --backend llvm app.wasm -o fast.wart
  wasmer compile --cpu x86-64-v2 app.wasm               for older processors, too
  wasmer compile --emit asm --function main app.wasm    machine code of one function
  wasmer compile --emit html -o page.html app.wasm      operators and machine code side by side, for a browser
  wasmer compile --emit clif --unoptimized sum.wat      Cranelift's intermediate form
  wasmer compile --emit llvm-ir app.wasm -o app.ll";

pub(crate) const PULL: &str = "\
Examples:
  wasmer pull oci://ghcr.io/someone/app:1.0
  wasmer pull oci://ghcr.io/someone/app@sha256:DIGEST
  wasmer pull https://example.com/app.wasm#sha256=SUM
  wasmer pull --key cosign.pub oci://ghcr.io/someone/app:1.0

What a tag means is looked up again each time; `wasmer run` does so only with `--pull always`.

Exit status:
  0  it is stored, and standard output says its digest
  1  it could not be fetched, or is not what it should be; nothing was stored

Environment:
  SSL_CERT_FILE        certificates to trust instead of the built-in list
  WASMER_PULL_TIMEOUT  how long it may take, for instance 2h (default: 30m)
  DOCKER_CONFIG        folder of the file `config.json` with names and passwords for registries (default: ~/.docker)
  REGISTRY_AUTH_FILE   such a file, which is looked at first";

pub(crate) const VALIDATE: &str = "\
Examples:
  wasmer validate app.wasm
  wasmer validate --disable simd app.wasm
  wasmer validate --json app.wasm | jq .unsupported";

pub(crate) const INSPECT: &str = "\
Examples:
  wasmer inspect app.wasm
  wasmer inspect --json app.wasm | jq .features";

pub(crate) const WAST: &str = "\
Examples:
  wasmer wast --backend singlepass i32.wast
  wasmer wast testsuite/

Exit status:
  0  every assertion holds
  1  some do not, or a script cannot be read";

pub(crate) const BENCH: &str = "\
Examples:
  wasmer bench app.wasm --flag-of-the-guest
  wasmer bench --backend cranelift --backend llvm --runs 9 app.wasm
  wasmer bench --dir . --html report.html app.wasm input.txt
  wasmer bench --starts 10 --pause 2s app.wasm          ten starts in a row, as `wasmer run` makes them
  wasmer bench --json app.wasm > figures.json";

pub(crate) const CACHE: &str = "\
Examples:
  wasmer cache stats
  wasmer cache status --stop
  wasmer cache verify
  wasmer cache prune --days 30

Exit status:
  0  success
  1  the cache cannot be used, or `verify` found damaged artifacts";

pub(crate) const BACKENDS: &str = "\
Examples:
  wasmer backends";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  wasmer completions bash > ~/.local/share/bash-completion/completions/wasmer
  wasmer completions zsh > ~/.zfunc/_wasmer
  wasmer completions fish > ~/.config/fish/completions/wasmer.fish";

pub(crate) const MAN: &str = "\
Examples:
  wasmer man | man -l -
  wasmer man run > wasmer-run.1
  wasmer man --folder ~/.local/share/man/man1";

pub(crate) const SELF_UPDATE: &str = "\
Examples:
  wasmer self-update --check --from https://example.com/wasmer
  wasmer self-update --from ~/Downloads/wasmer-1.2.3-x86_64-linux.tar.gz

Exit status:
  0  updated, or nothing to do
  1  it failed, and the old version is still there

Environment:
  WASMER_UPDATE_URL  where the release is, unless `--from` says
  SSL_CERT_FILE      certificates to trust instead of the built-in list";
