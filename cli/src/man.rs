//! `wasmer man`.

use crate::exit::{ExitCode, Usage};

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::{Cli, ManArgs};
use crate::{output, suggest};

/// Prints the manual page of a command, or writes all pages to a folder.
pub(crate) fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let mut root = Cli::command();
    root.build();
    match (&args.folder, &args.command) {
        (Some(folder), _) => {
            let commands = root.get_subcommands().filter(|command| command.get_name() != "help").map(titled);
            for command in std::iter::once(root.clone()).chain(commands) {
                let path = folder.join(format!("{}.1", command.get_display_name().unwrap_or(command.get_name())));
                std::fs::write(&path, page(command)?)
                    .with_context(|| format!("could not write `{}`", path.display()))?;
            }
        }
        (None, None) => output::data(page(root)?)?,
        (None, Some(name)) => {
            let Some(command) = root.find_subcommand(name) else {
                let names: Vec<_> = root.get_subcommands().map(Command::get_name).collect();
                let list = format!("the commands are {}", names.join(", "));
                let hint = suggest::hint(name, names, &list);
                return Err(Usage(format!("there is no command `{name}`{hint}")).into());
            };
            output::data(page(titled(command))?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A command under the name of its page.
fn titled(command: &Command) -> Command {
    command.clone().display_name(format!("wasmer-{}", command.get_name()))
}

/// The page: what clap knows, then what stands below the options in the help, each heading a section.
fn page(command: Command) -> std::io::Result<Vec<u8>> {
    let more = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    let program = format!("wasmer {}", env!("CARGO_PKG_VERSION"));
    // The date is a blank: an argument without any would be taken for none, and the next one for the date.
    let man = Man::new(command).date(" ").source(program).manual("wasmer");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    let mut sections = Roff::new();
    for block in more.split("\n\n") {
        let Some((heading, lines)) = block.split_once(":\n") else { continue };
        sections.control("SH", [heading.to_uppercase().as_str()]);
        sections.control("nf", []);
        for line in lines.lines() {
            sections.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        sections.control("fi", []);
    }
    sections.control("SH", ["SEE ALSO"]);
    sections.text([bold("wasmer"), roman("(1), the guide in the folder docs of the project")]);
    sections.to_writer(&mut page)?;
    Ok(page)
}
