//! Ours and the Go program, in turn, through the same seam: real processes in front of the fake AWS, with proxy and CA in the
//! environment.
//!
//! ```text
//! cargo run --release -p against-go -- [--go BINARY] [--aws BINARY] [--seconds N] [--rounds N] [--only NAME]
//! cargo run --release -p against-go -- --growth [--seconds N] [--rounds N]
//! ```
//!
//! It prints one table; with `--growth` another one, of how the cost of this program grows. `--go` names the peer
//! (docs/performance.md says how it is built), `--aws` the AWS CLI; without them their columns and the ratios stay open. `--ours`
//! names another build of this program; else this source is built first. The server, the fake AWS and the load share the machine,
//! so rates say little outside one run; processor time per review and ratios do.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is what it is for")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "processes, sockets and clocks are measured")]

mod backends;
mod growth;
mod load;
mod process;
mod scenes;
mod storms;
mod table;
mod tokens;

use process::{Program, Result};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// What was asked for on the command line.
pub(crate) struct Options {
    pub(crate) ours: Program,
    pub(crate) go: Option<Program>,
    pub(crate) aws: Option<PathBuf>,
    /// How long each load lasts.
    pub(crate) duration: Duration,
    /// How often each load is put on each program; the median counts.
    pub(crate) rounds: usize,
    /// The loads whose name has this.
    pub(crate) only: Option<String>,
    /// How cost grows, and nothing else.
    pub(crate) growth: bool,
}

fn main() -> Result<()> {
    let options = options()?;
    rustls::crypto::aws_lc_rs::default_provider().install_default().map_err(|_| "there is a TLS provider already")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let table = if options.growth {
        runtime.block_on(growth::growth(&options))?
    } else {
        table::markdown(&runtime.block_on(scenes::all(&options))?)
    };
    println!("{}", conditions(&options)?);
    println!("{table}");
    Ok(())
}

fn options() -> Result<Options> {
    let (mut ours, mut go, mut aws, mut only) = (None, None, None, None);
    let (mut seconds, mut rounds, mut growth) = (5.0, 3, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--ours" => ours = Some(PathBuf::from(value()?)),
            "--go" => go = Some(PathBuf::from(value()?)),
            "--aws" => aws = Some(PathBuf::from(value()?)),
            "--seconds" => seconds = value()?.parse()?,
            "--rounds" => rounds = value()?.parse()?,
            "--only" => only = Some(value()?),
            "--growth" => growth = true,
            _ => {
                let known = "--ours, --go, --aws, --seconds, --rounds, --only and --growth";
                return Err(format!("no option {argument}; there are {known}").into());
            }
        }
    }
    let binary = ours.map_or_else(build, Ok)?;
    let ours = Program { name: "ours", binary, own_settings: OWN_SETTINGS };
    let go = go.map(|binary| Program { name: "Go", binary, own_settings: "" });
    Ok(Options { ours, go, aws, duration: Duration::from_secs_f64(seconds), rounds, only, growth })
}

/// Builds our program, and says where it is: beside this one.
fn build() -> Result<PathBuf> {
    let built = Command::new(env!("CARGO")).args(["build", "--release", "-p", "aws-iam-authenticator"]).status()?;
    let binary = std::env::current_exe()?.with_file_name("aws-iam-authenticator");
    if !built.success() || !binary.exists() {
        return Err("aws-iam-authenticator could not be built; run this with `cargo run --release`".into());
    }
    Ok(binary)
}

/// Limits of ours above the demand, for a measurement of the work and not of the limits; a free port for health.
const OWN_SETTINGS: &str = "  healthAddress: 127.0.0.1:0
  sts:
    ownHost: sts.eu-central-1.amazonaws.com
    known: {perSecond: 0, concurrency: 256, queue: 8192}
    unknown: {perSecond: 0, concurrency: 256, queue: 8192}
";

fn conditions(options: &Options) -> Result<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("unknown");
    let cores = std::thread::available_parallelism()?;
    let version = |program: Option<&PathBuf>, arguments: &[&str]| {
        let output = program.and_then(|program| Command::new(program).args(arguments).output().ok());
        output.map_or_else(|| "absent".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    Ok(format!(
        "{cores} cores of {model}; {}; ours {}; Go program {}; AWS CLI {}; {} s a load, median of {} rounds\n",
        read("/proc/version").split(" (").next().unwrap_or_default(),
        version(Some(&options.ours.binary), &["version", "-s"]),
        version(options.go.as_ref().map(|go| &go.binary), &["version", "-s"]),
        version(options.aws.as_ref(), &["--version"]),
        options.duration.as_secs_f64(),
        options.rounds,
    ))
}
