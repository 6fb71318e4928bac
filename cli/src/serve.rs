//! `wasmer serve`: a component answers requests of HTTP.
//!
//! `wasmer` itself has nothing that speaks HTTP. It hands over to `wasmer-serve` beside it, with the words that it was given, which are parsed again there;
//! and so does `wasmer run`, with a component that sends requests.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, bail};

use crate::args::ServeArgs;
use crate::exit::ExitCode;

/// The server's file name.
const PROGRAM: &str = "wasmer-serve";

/// Hands over to the server. The command line has been understood.
pub(crate) fn serve(_: &ServeArgs) -> anyhow::Result<ExitCode> {
    hand_over()
}

/// Goes on as the program that speaks HTTP. Nothing has been done yet that shows.
pub(crate) fn hand_over() -> anyhow::Result<ExitCode> {
    let server = std::env::current_exe().context("could not find this program")?.with_file_name(PROGRAM);
    if !server.is_file() {
        bail!(
            "`{PROGRAM}` is not beside `wasmer`, so this installation cannot serve, nor send requests of HTTP\n\
             hint: `cargo install --path cli` installs both"
        );
    }
    let mut command = Command::new(&server);
    command.args(std::env::args_os().skip(1));
    // Only returns when it fails.
    Err(anyhow::Error::from(command.exec()).context(format!("could not start `{}`", server.display())))
}

#[cfg(feature = "serve")]
mod server {
    use std::ffi::OsString;
    use std::fs::File;
    use std::io::{LineWriter, Write};
    use std::net::TcpListener;
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;

    use anyhow::Context;
    use wasmer_runtime::cached::Program;
    use wasmer_runtime::wasi::{SharedOutput, Stdout, WasiCtxBuilder};
    use wasmer_runtime::wasi_http::{self, Access, App, Options, Stop};
    use wasmer_runtime::wasi_p2::WasiP2;
    use wasmer_runtime::{Cpu, Engine, Error, TrapCode};

    use crate::args::{self, ServeArgs};
    use crate::exit::ExitCode;
    use crate::grants::{Granted, limits, net};
    use crate::load::{Loaded, config, load};
    use crate::tier::Plan;
    use crate::{exit, finish, output, package, run};

    /// Names a file of certificates to trust instead of the built-in ones, as for `wasmer self-update`.
    const CERTIFICATES_VARIABLE: &str = "SSL_CERT_FILE";

    /// The server, or a program that sends requests: its words in, its exit status out.
    pub fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
        match args::parse(args::with_default_command(words.collect())) {
            Ok(args::Command::Serve(args)) => finish(serve(&args).map(|()| ExitCode::SUCCESS)),
            Ok(args::Command::Run(mut args)) => finish(args.fetch().and_then(|()| run::run_with_http(&args))),
            Ok(_) | Err(_) => {
                output::error(&anyhow::anyhow!("this program is started by `wasmer serve` and `wasmer run`"));
                ExitCode::from(exit::USAGE)
            }
        }
    }

    /// Has the system make no large pages. Each thread has memory of the allocator for itself, and a guest that waits has a thread: it would take 2 MiB.
    fn keep_pages_small() {
        let [yes, unused]: [libc::c_ulong; 2] = [1, 0];
        // SAFETY: changes what pages this process is given from now on, and none that it has.
        unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, yes, unused, unused, unused) };
    }

    fn serve(args: &ServeArgs) -> anyhow::Result<()> {
        let app = app(args)?;
        keep_pages_small();
        let log = args.access_log.as_deref().map(access_log).transpose()?;
        let name = args.component.display().to_string();
        let timeout = args.timeout;
        let options = Options {
            timeout,
            requests_max: args.max_requests as usize,
            connections_max: args.max_connections as usize,
            grace: args.grace,
            net: net(&args.grants)?,
            certificates: certificates(),
            obeys_signals: true,
            log,
            failed: Some(Box::new(move |error| {
                output::error(&match error {
                    Error::Trap(trap) if trap.code == TrapCode::Interrupted => {
                        anyhow::anyhow!("`{name}` took longer than {timeout:?} to answer a request")
                    }
                    error => anyhow::anyhow!("`{name}` failed to answer a request: {error:#}"),
                });
            })),
        };
        let listener = TcpListener::bind(args.addr).with_context(|| format!("could not listen on `{}`", args.addr))?;
        output::note(&format!("listening on http://{}", listener.local_addr()?));
        Ok(wasi_http::serve(listener, app, options, &Stop::new())?)
    }

    /// The file of certificates to trust, if the user names one.
    pub(crate) fn certificates() -> Option<PathBuf> {
        std::env::var_os(CERTIFICATES_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// The component, and what each instance of it gets.
    fn app(args: &ServeArgs) -> anyhow::Result<App> {
        let config = config(&args.backend, &args.features, Cpu::Native, None)?.fuel(args.fuel.is_some());
        let plan = Plan::only(&Engine::new(config)?);
        let fetched = package::file_of(&args.component, &args.cache)?;
        let file = fetched.as_deref().unwrap_or(&args.component);
        let loaded = load(&plan, file, &args.cache, args.verbose, None);
        let Loaded { program, .. } = loaded.map_err(|error| package::named(error, &args.component, file))?;
        let Program::Component(component) = program else {
            anyhow::bail!(
                "`{}` is a module, and components answer requests\nhint: `wasmer run` runs it",
                args.component.display()
            );
        };
        let granted = Granted::of(&args.grants, &args.limits, None)?;
        let net = net(&args.grants)?;
        // What cannot be granted is said now, not to every client.
        granted.build(granted.builder())?;
        let name = args.component.clone();
        let (stdout, stderr) = (SharedOutput::stdout()?, SharedOutput::stderr()?);
        let open_files_max = args.limits.max_open_files.unwrap_or_else(WasiCtxBuilder::open_files_by_default);
        let grant = move || {
            let [stdout, stderr] = [&stdout, &stderr].map(|stream| Stdout::Shared(stream.clone()));
            let builder = granted.builder().open_files_max(open_files_max);
            let ctx = builder.stdout(stdout).stderr(stderr).arg(name.as_os_str()).build().map_err(Error::host)?;
            Ok(WasiP2::with_net(ctx, net.clone()))
        };
        Ok(App::new(&component, grant)?.limits(limits(&args.limits)).fuel(args.fuel))
    }

    type Log = Box<dyn Fn(&Access) + Send + Sync>;

    /// Appends to a file, so that it may be renamed and copied meanwhile.
    fn access_log(path: &Path) -> anyhow::Result<Log> {
        let out: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(std::io::stdout())
        } else {
            let file = File::options().create(true).append(true).open(path);
            Box::new(LineWriter::new(file.with_context(|| format!("could not write `{}`", path.display()))?))
        };
        let out = Mutex::new(out);
        Ok(Box::new(move |access| {
            let line = format!("{access}\n");
            if let Ok(mut out) = out.lock() {
                // Nobody is served better by a server that ends because its log is full.
                let _ = out.write_all(line.as_bytes());
            }
        }))
    }
}

#[cfg(feature = "serve")]
pub(crate) use server::certificates;
#[cfg(feature = "serve")]
pub use server::main;
