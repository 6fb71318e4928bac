//! `wasi:cli`: arguments, environment, the standard streams, terminals, and the end.

use wasmer_api::Error;
use wasmer_component::{Borrow, Own};
use wasmer_wasi::{ExitStatus, Position};

use crate::ctx::WasiP2;
use crate::failure::{Outcome, trap};
use crate::streams::{InputStream, OutputStream, Owner};

/// A terminal that is read from. WASI 0.2 has no functions for it.
pub(crate) struct TerminalInput;

/// A terminal that is written to.
pub(crate) struct TerminalOutput;

/// The descriptors of the standard streams.
pub(crate) const STDIN: u32 = 0;
pub(crate) const STDOUT: u32 = 1;
pub(crate) const STDERR: u32 = 2;

impl WasiP2 {
    pub(crate) fn get_environment(&mut self) -> Outcome<Vec<(String, String)>> {
        self.ctx
            .env()
            .map(|(name, value)| Ok((text("an environment variable", name)?, text("an environment variable", value)?)))
            .collect()
    }

    pub(crate) fn get_arguments(&mut self) -> Outcome<Vec<String>> {
        self.ctx.args().map(|arg| text("an argument", arg)).collect()
    }

    /// Paths are relative to the directories that were granted, and none of them is more current than the others.
    pub(crate) fn initial_cwd(&mut self) -> Outcome<Option<String>> {
        Ok(None)
    }

    pub(crate) fn exit(&mut self, status: Result<(), ()>) -> Outcome<()> {
        self.exit_with_code(u8::from(status.is_err()))
    }

    pub(crate) fn exit_with_code(&mut self, code: u8) -> Outcome<()> {
        Err(Error::host(ExitStatus(code.into())))
    }

    pub(crate) fn get_stdin(&mut self) -> Outcome<Own<InputStream>> {
        self.inputs.insert(InputStream::new(STDIN, Owner::Host, Position::Current))
    }

    pub(crate) fn get_stdout(&mut self) -> Outcome<Own<OutputStream>> {
        self.outputs.insert(OutputStream::new(STDOUT, Owner::Host, Position::Current))
    }

    pub(crate) fn get_stderr(&mut self) -> Outcome<Own<OutputStream>> {
        self.outputs.insert(OutputStream::new(STDERR, Owner::Host, Position::Current))
    }

    pub(crate) fn get_terminal_stdin(&mut self) -> Outcome<Option<Own<TerminalInput>>> {
        let is_terminal = self.ctx.is_terminal(STDIN);
        is_terminal.then(|| self.terminal_inputs.insert(TerminalInput)).transpose()
    }

    pub(crate) fn get_terminal_stdout(&mut self) -> Outcome<Option<Own<TerminalOutput>>> {
        self.terminal_output(STDOUT)
    }

    pub(crate) fn get_terminal_stderr(&mut self) -> Outcome<Option<Own<TerminalOutput>>> {
        self.terminal_output(STDERR)
    }

    fn terminal_output(&mut self, fd: u32) -> Outcome<Option<Own<TerminalOutput>>> {
        let is_terminal = self.ctx.is_terminal(fd);
        is_terminal.then(|| self.terminal_outputs.insert(TerminalOutput)).transpose()
    }

    pub(crate) fn drop_terminal_input(&mut self, terminal: Own<TerminalInput>) -> Outcome<()> {
        self.terminal_inputs.release(Borrow::new(terminal.rep)).map(drop)
    }

    pub(crate) fn drop_terminal_output(&mut self, terminal: Own<TerminalOutput>) -> Outcome<()> {
        self.terminal_outputs.release(Borrow::new(terminal.rep)).map(drop)
    }
}

/// Strings of components are Unicode, those of the host need not be.
fn text(what: &str, bytes: &[u8]) -> Outcome<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => {
            let readable = String::from_utf8_lossy(bytes);
            Err(trap(format!("{what} is not Unicode, as strings of components are: `{readable}`")))
        }
    }
}
