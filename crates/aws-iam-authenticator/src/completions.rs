//! `completions` and `man`: what shells and readers of manuals know of the command line, made from the command line itself.

use crate::cli::{CompletionsArgs, ManArgs};
use crate::names::Program;
use crate::{Failure, command, print};

pub(crate) fn run(arguments: &CompletionsArgs, program: Program) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(program), program.name, &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// The page of the program, or of one command.
pub(crate) fn man(arguments: &ManArgs, program: Program) -> Result<(), Failure> {
    let mut page = command(program);
    page.build();
    let mut wanted = &page;
    for name in &arguments.command {
        wanted = wanted
            .find_subcommand(name)
            .ok_or_else(|| Failure::usage("there is no such command").with_remedy("see `--help` for the commands"))?;
    }
    let mut text = Vec::new();
    let title = wanted.get_display_name().unwrap_or(program.name).to_ascii_uppercase();
    clap_mangen::Man::new(wanted.clone())
        .title(title)
        .source(concat!("aws-iam-authenticator ", env!("CARGO_PKG_VERSION")))
        .render(&mut text)
        .map_err(|error| Failure::new(format!("cannot make the manual page: {error}")))?;
    print(&String::from_utf8_lossy(&text))
}
