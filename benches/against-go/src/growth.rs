//! How the cost of this program grows: the same load, and one thing of it changed at a time.

use super::Options;
use super::load::{Connections, Load, Measured, Pace};
use super::process::Result;
use super::scenes::{Scene, peak};
use super::table::median;
use super::tokens;
use k8s_aws_fake::FakeAws;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// What is changed, and to what.
const SERIES: [(&str, &[usize]); 4] = [
    ("mappings", &[10, 100, 1_000, 10_000, 100_000]),
    ("connections", &[1, 4, 16, 64, 120]),
    ("ms until STS answers, 256 reviews at a time", &[0, 5, 20, 50, 200]),
    ("hostile tokens in a hundred", &[0, 25, 50, 75, 100]),
];

/// One table for all series, of this program alone.
pub(crate) async fn growth(options: &Options) -> Result<String> {
    let mut table =
        String::from("| what | so many | reviews a second | CPU a review, µs | p99, ms | peak memory, MiB |\n");
    table += "|---|---:|---:|---:|---:|---:|\n";
    let fake = FakeAws::builder().record_limit(0).http1_only().worker_threads(1).start()?;
    let callers = tokens::callers(&fake, 256);
    for (what, steps) in SERIES {
        for &step in steps {
            let scene = scene(what, step, &callers, options.duration);
            let mut rounds = Vec::new();
            for _ in 0..options.rounds {
                rounds.push(scene.run(&fake, &options.ours).await?);
            }
            let value =
                |measure: fn(&Measured) -> f64| median(rounds.iter().map(measure).collect()).unwrap_or(f64::NAN);
            let (rate, cpu) = (value(Measured::per_second), value(Measured::cpu_each));
            let (p99, memory) = (value(|m| m.quantile(0.99)), value(peak));
            eprintln!("{what}, {step}: {rate:.0} a second, {cpu:.0} µs of CPU each");
            writeln!(table, "| {what} | {step} | {rate:.0} | {cpu:.0} | {p99:.1} | {memory:.1} |")?;
        }
    }
    Ok(table)
}

fn scene(what: &str, step: usize, callers: &[k8s_aws_fake::Credential], duration: Duration) -> Scene {
    let tokens = tokens::tokens(callers, 600);
    let plain = Load {
        connections: Connections::KeepAlive,
        pace: Pace::Saturate(duration),
        workers: 32,
        tokens: Arc::new(Vec::new()),
    };
    let mut scene = Scene::new(what, plain);
    match what {
        "mappings" => scene.settings = tokens::map_roles(step),
        "connections" => scene.load.workers = step,
        "hostile tokens in a hundred" => {
            scene.load.tokens = Arc::new(tokens::hostile(tokens, step));
            return scene;
        }
        _ => {
            scene.sts_delay = Duration::from_millis(step as u64);
            scene.load.connections = Connections::Http2(4);
            scene.load.workers = 256;
        }
    }
    scene.load.tokens = Arc::new(tokens);
    scene
}
