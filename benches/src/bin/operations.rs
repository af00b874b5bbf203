//! Counts what operations cost, where a clock is too coarse or too noisy.
//!
//! ```text
//! operations list                 their names
//! operations allocations [NAME]   a table of allocations of those whose name has NAME
//! operations run NAME TIMES       does one, for a profiler: `.ci/instructions` runs it under callgrind
//! ```
#![allow(clippy::print_stdout, reason = "the table is what it is for")]
#![allow(clippy::disallowed_methods, reason = "the command line")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => benches::operations::all().iter().for_each(|operation| println!("{}", operation.name)),
        ["allocations"] => allocations(""),
        ["allocations", name] => allocations(name),
        ["run", name, times] => return run(name, times.parse().unwrap_or(0)),
        _ => {
            println!("operations list | allocations [NAME] | run NAME TIMES");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn run(name: &str, times: usize) -> ExitCode {
    let Some(operation) = benches::operations::all().into_iter().find(|operation| operation.name == name) else {
        println!("no operation {name}");
        return ExitCode::from(2);
    };
    let run = (operation.prepare)();
    for _ in 0..times {
        run();
    }
    ExitCode::SUCCESS
}

fn allocations(name: &str) {
    println!("| operation | allocations | bytes allocated | bytes at most at a time | bytes kept |");
    println!("|---|---:|---:|---:|---:|");
    for operation in benches::operations::all().into_iter().filter(|operation| operation.name.contains(name)) {
        let run = (operation.prepare)();
        // The first time may fill caches that stay.
        run();
        let counted = allocation_counter::measure(&run);
        println!(
            "| {} | {} | {} | {} | {} |",
            operation.name, counted.count_total, counted.bytes_total, counted.bytes_max, counted.bytes_current
        );
    }
}
