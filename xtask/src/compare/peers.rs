//! The runtimes that are compared: how each compiles and runs, in one table.

/// A way to run WebAssembly programs, or the same programs natively.
///
/// A command is a text whose first word is a tool; in the others `{wasm}`, `{artifact}` and `{cache}` stand for paths. A word `{args}` becomes
/// the program's arguments, `{dir}` the option that grants its folder, `{threads}` what limits a compiler to one thread.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// What it is, for readers.
    pub(crate) about: &'static str,
    pub(crate) build: Build,
    /// What `{threads}` becomes where one thread is to compile.
    pub(crate) one_thread: &'static str,
    /// What `{dir}` becomes, with `{host}` and `{guest}`. Without it the peer runs no program that needs a folder.
    pub(crate) dir: &'static str,
    /// Runs the artifact; without artifacts, the module.
    pub(crate) run: &'static str,
    /// Runs the module without any cache.
    pub(crate) cold: Option<&'static str>,
    /// Runs the module; the second time it is in the peer's own cache.
    pub(crate) hit: Option<&'static str>,
}

/// How a peer gets its artifact.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// By a command.
    Command(&'static str),
    /// There is none; the command compiles the module and throws the result away.
    Nothing(&'static str),
    /// The sources are compiled for this machine with this flag.
    Native(&'static str),
    /// `wasm2c` makes C of the module, which is compiled with this flag.
    Wasm2c(&'static str),
}

/// The name of the tool that is this project's command.
pub(crate) const OURS: &str = "ours";

/// A backend of ours.
macro_rules! ours {
    ($backend:literal, $about:literal) => {
        Peer {
            name: $backend,
            about: $about,
            build: Build::Command(concat!("ours compile --backend ", $backend, " {threads} {wasm} -o {artifact}")),
            one_thread: "--threads 1",
            dir: "--dir {host}::{guest}",
            run: "ours run --allow-precompiled {dir} {artifact} {args}",
            cold: Some(concat!("ours run --disable-cache --backend ", $backend, " {dir} {wasm} {args}")),
            hit: Some(concat!("ours run --cache-dir {cache} --backend ", $backend, " {dir} {wasm} {args}")),
        }
    };
}

macro_rules! wasmtime {
    ($name:literal, $compiler:literal, $about:literal) => {
        Peer {
            name: $name,
            about: $about,
            build: Build::Command(concat!(
                "wasmtime compile -C compiler=",
                $compiler,
                " {threads} {wasm} -o {artifact}"
            )),
            one_thread: "-C parallel-compilation=n",
            dir: "--dir {host}::{guest}",
            run: concat!("wasmtime run --allow-precompiled -C compiler=", $compiler, " {dir} {artifact} {args}"),
            cold: Some(concat!("wasmtime run -C cache=n -C compiler=", $compiler, " {dir} {wasm} {args}")),
            hit: Some(concat!("wasmtime run -C cache=y -C compiler=", $compiler, " {dir} {wasm} {args}")),
        }
    };
}

macro_rules! wasmer7 {
    ($name:literal, $backend:literal, $about:literal) => {
        Peer {
            name: $name,
            about: $about,
            build: Build::Command(concat!("wasmer compile --", $backend, " {threads} {wasm} -o {artifact}")),
            one_thread: "--compiler-threads 1",
            dir: "--volume {host}:{guest}",
            run: "wasmer run {dir} {artifact} -- {args}",
            cold: Some(concat!("wasmer run --disable-cache --", $backend, " {dir} {wasm} -- {args}")),
            hit: Some(concat!("wasmer run --", $backend, " {dir} {wasm} -- {args}")),
        }
    };
}

macro_rules! node {
    ($name:literal, $flags:literal, $about:literal) => {
        Peer {
            name: $name,
            about: $about,
            build: Build::Nothing(concat!("node --no-warnings ", $flags, " {threads} {host_script} --compile {wasm}")),
            one_thread: "--wasm-num-compilation-tasks=1",
            dir: "--dir {host}::{guest}",
            run: concat!("node --no-warnings ", $flags, " {host_script} {dir} {wasm} {args}"),
            cold: Some(concat!("node --no-warnings ", $flags, " {host_script} {dir} {wasm} {args}")),
            hit: None,
        }
    };
}

macro_rules! native {
    ($name:literal, $build:expr, $about:literal) => {
        Peer {
            name: $name,
            about: $about,
            build: $build,
            one_thread: "",
            dir: "",
            run: "{artifact} {args}",
            cold: None,
            hit: None,
        }
    };
}

pub(crate) const PEERS: &[Peer] = &[
    ours!("cranelift", "this project, Cranelift"),
    ours!("singlepass", "this project, Singlepass"),
    ours!("llvm", "this project, LLVM"),
    wasmtime!("wasmtime", "cranelift", "Wasmtime, Cranelift"),
    wasmtime!("winch", "winch", "Wasmtime, Winch"),
    wasmer7!("wasmer7-cranelift", "cranelift", "Wasmer 7, Cranelift"),
    wasmer7!("wasmer7-singlepass", "singlepass", "Wasmer 7, Singlepass"),
    wasmer7!("wasmer7-llvm", "llvm", "Wasmer 7, LLVM"),
    node!("v8", "", "node: V8 as it is, which compiles anew what runs often"),
    node!("v8-liftoff", "--liftoff-only --no-wasm-lazy-compilation", "node: V8's baseline compiler, ahead of the run"),
    node!("v8-turbofan", "--no-liftoff --no-wasm-lazy-compilation", "node: V8's optimising compiler, ahead of the run"),
    Peer {
        name: "wamr",
        about: "a port of WAMR, ahead of time",
        build: Build::Command("wamrc compile {wasm} -o {artifact}"),
        one_thread: "",
        dir: "",
        run: "wamr run {artifact} {args}",
        cold: None,
        hit: None,
    },
    Peer {
        name: "iwasm",
        about: "WAMR with LLVM, ahead of time",
        build: Build::Command("wamrc-llvm -o {artifact} {wasm}"),
        one_thread: "",
        dir: "--map-dir={guest}::{host}",
        run: "iwasm --stack-size=1048576 {dir} {artifact} {args}",
        cold: None,
        hit: None,
    },
    native!("wasm2c", Build::Wasm2c("-O3"), "wasm2c, and clang -O3 on what it makes"),
    native!("native", Build::Native("-O2"), "the same sources, clang -O2"),
    native!("native-O3", Build::Native("-O3"), "the same sources, clang -O3"),
];

/// What the templates of a peer are filled with.
pub(crate) struct Places<'a> {
    /// Values of the words in braces.
    pub(crate) words: &'a [(&'static str, String)],
    /// The folder that the program gets, and its name there.
    pub(crate) folder: Option<(&'a str, &'a str)>,
    pub(crate) arguments: &'a [String],
    pub(crate) one_thread: bool,
}

/// The words of a command. `None` where the peer cannot grant the folder that the program needs.
pub(crate) fn expand(peer: &Peer, template: &str, places: &Places<'_>) -> Option<Vec<String>> {
    let mut command = Vec::new();
    if places.folder.is_some() && peer.dir.is_empty() {
        return None;
    }
    for word in template.split(' ').filter(|word| !word.is_empty()) {
        match word {
            "{args}" => command.extend(places.arguments.iter().cloned()),
            "{threads}" if !places.one_thread => {}
            "{threads}" => {
                command.extend(peer.one_thread.split(' ').filter(|word| !word.is_empty()).map(str::to_owned))
            }
            "{dir}" => {
                if let Some((host, guest)) = places.folder {
                    let words = peer.dir.split(' ').map(|word| word.replace("{host}", host).replace("{guest}", guest));
                    command.extend(words);
                }
            }
            _ => {
                let filled = places.words.iter().fold(word.to_owned(), |word, (name, value)| word.replace(name, value));
                command.push(filled);
            }
        }
    }
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places<'a>(words: &'a [(&'static str, String)], arguments: &'a [String]) -> Places<'a> {
        Places { words, folder: None, arguments, one_thread: false }
    }

    #[test]
    fn words_in_braces_are_replaced_once_for_each_argument() {
        let peer = &PEERS[0];
        let words = [("{artifact}", "a b.wart".to_owned())];
        let arguments = ["-e".to_owned(), "print({wasm})".to_owned()];
        let mut places = places(&words, &arguments);
        let expected = ["ours", "run", "--allow-precompiled", "a b.wart", "-e", "print({wasm})"];
        assert_eq!(expand(peer, peer.run, &places).unwrap(), expected);
        places.folder = Some(("h", "/w"));
        let expected = ["ours", "run", "--allow-precompiled", "--dir", "h::/w", "a b.wart", "-e", "print({wasm})"];
        assert_eq!(expand(peer, peer.run, &places).unwrap(), expected);
    }

    #[test]
    fn one_thread_is_an_option_of_the_compiler() {
        let words = [("{wasm}", "x.wasm".to_owned()), ("{artifact}", "x".to_owned())];
        let peer = PEERS.iter().find(|peer| peer.name == "winch").unwrap();
        let Build::Command(compile) = peer.build else { panic!("it compiles ahead of time") };
        let mut places = places(&words, &[]);
        assert_eq!(expand(peer, compile, &places).unwrap().join(" "), "wasmtime compile -C compiler=winch x.wasm -o x");
        places.one_thread = true;
        assert!(expand(peer, compile, &places).unwrap().join(" ").contains("-C parallel-compilation=n x.wasm"));
    }

    #[test]
    fn a_peer_without_folders_runs_no_program_that_needs_one() {
        let peer = PEERS.iter().find(|peer| peer.name == "native").unwrap();
        assert!(expand(peer, peer.run, &Places { folder: Some(("h", "/w")), ..places(&[], &[]) }).is_none());
    }

    #[test]
    fn names_are_unique_and_known_words_are_all_that_is_in_braces() {
        for (at, peer) in PEERS.iter().enumerate() {
            assert!(PEERS[..at].iter().all(|other| other.name != peer.name), "{}", peer.name);
            let build = match peer.build {
                Build::Command(words) | Build::Nothing(words) => words,
                Build::Native(_) | Build::Wasm2c(_) => "",
            };
            for word in [peer.run, build].into_iter().chain(peer.cold).chain(peer.hit).flat_map(|text| text.split(' '))
            {
                let known = ["{args}", "{dir}", "{threads}", "{wasm}", "{artifact}", "{cache}", "{host_script}"];
                assert!(!word.contains('{') || known.contains(&word), "{}: {word}", peer.name);
            }
        }
    }
}
