//! The loads, and what is measured of each.

use super::Options;
use super::backends::Backends;
use super::load::{self, Connections, Load, Measured, Pace};
use super::process::{self, Program, Result, Server};
use super::storms::storms;
use super::table::{Row, median};
use super::tokens;
use k8s_aws_fake::{FakeAws, Fault};
use std::sync::Arc;
use std::time::Duration;

/// A load and the settings of the server under it.
pub(crate) struct Scene {
    pub(crate) name: String,
    /// Lines under `server` of both.
    pub(crate) settings: String,
    pub(crate) sts_delay: Duration,
    pub(crate) load: Load,
}

/// What is read off a load.
type Measure = (&'static str, fn(&Measured) -> f64);

const SATURATION: &str = "saturation: keep-alive, distinct tokens, STS at once";
const SATURATED: &[Measure] = &[
    ("CPU a review, µs", Measured::cpu_each),
    ("reviews a second", Measured::per_second),
    ("p99, ms", |m| m.quantile(0.99)),
    ("peak memory, MiB", peak),
];
const AT_A_RATE: &[Measure] = &[
    ("p50, ms", |m| m.quantile(0.5)),
    ("p99, ms", |m| m.quantile(0.99)),
    ("p99.9, ms", |m| m.quantile(0.999)),
    ("CPU a review, µs", Measured::cpu_each),
];

pub(crate) fn peak(measured: &Measured) -> f64 {
    measured.usage.peak as f64 / 1024.0
}

/// Everything, in turn.
pub(crate) async fn all(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    if options.wants("cold start") {
        rows.extend(cold_start(options)?);
    }
    if options.wants("idle") {
        rows.extend(idle(options).await?);
    }
    let fake = FakeAws::builder().record_limit(0).http1_only().worker_threads(1).start()?;
    let callers = tokens::callers(&fake, 256);
    // Signed when they are needed, for they do not last long.
    let fresh = |name: &str| Arc::new(if options.wants(name) { tokens::tokens(&callers, 600) } else { Vec::new() });
    let saturate = Pace::Saturate(options.duration);
    let plain = Load { connections: Connections::KeepAlive, pace: saturate, workers: 32, tokens: fresh(SATURATION) };

    let saturation = Scene::new(SATURATION, plain.clone());
    let peaks = options.scene(&fake, &saturation, SATURATED, &mut rows).await?;
    if let Some(peak) = peaks.go.or(peaks.ours) {
        let name = format!("fixed rate: {:.0} a second, half of the peak", peak / 2.0);
        let load = Load {
            pace: Pace::Rate(peak / 2.0, options.duration),
            workers: 96,
            tokens: fresh("fixed rate"),
            ..plain.clone()
        };
        options.scene(&fake, &Scene::new(&name, load), AT_A_RATE, &mut rows).await?;
    }
    for (how, connections) in [("HTTP/2", Connections::Http2(4)), ("a new connection each", Connections::New)] {
        let name = format!("saturation: {how}");
        let load = Load { connections, tokens: fresh(&name), ..plain.clone() };
        options.scene(&fake, &Scene::new(&name, load), SATURATED, &mut rows).await?;
    }
    let name = "saturation: one token";
    let one = Load { tokens: Arc::new(fresh(name).iter().take(1).cloned().collect()), ..plain.clone() };
    options.scene(&fake, &Scene::new(name, one), SATURATED, &mut rows).await?;
    let name = "saturation: hostile tokens";
    let hostile = Load { tokens: Arc::new(tokens::hostile(fresh(name).to_vec(), 100)), ..plain.clone() };
    options.scene(&fake, &Scene::new(name, hostile), SATURATED, &mut rows).await?;
    for millis in [20, 200] {
        let name = format!("saturation: STS after {millis} ms, 256 at a time, HTTP/2");
        let load = Load { connections: Connections::Http2(4), workers: 256, tokens: fresh(&name), ..plain.clone() };
        let scene = Scene { sts_delay: Duration::from_millis(millis), ..Scene::new(&name, load) };
        options.scene(&fake, &scene, SATURATED, &mut rows).await?;
    }
    for mappings in [100, 1_000, 10_000] {
        let name = format!("saturation: {mappings} mappings");
        let load = Load { tokens: fresh(&name), ..plain.clone() };
        let settings = tokens::map_roles(mappings);
        options.scene(&fake, &Scene { settings, ..Scene::new(&name, load) }, SATURATED, &mut rows).await?;
    }
    if options.wants("saturation: backend") {
        let backends = Backends::start()?;
        for (backend, settings) in backends.all() {
            let name = format!("saturation: backend {backend}");
            let load = Load { tokens: fresh(&name), ..plain.clone() };
            options.scene(&fake, &Scene { settings, ..Scene::new(&name, load) }, SATURATED, &mut rows).await?;
        }
    }
    if options.wants("storm") {
        rows.extend(storms(options).await?);
    }
    Ok(rows)
}

/// Reviews a second at saturation.
struct Peaks {
    ours: Option<f64>,
    go: Option<f64>,
}

impl Scene {
    pub(crate) fn new(name: &str, load: Load) -> Self {
        Self { name: name.to_owned(), settings: tokens::map_roles(2), sts_delay: Duration::ZERO, load }
    }
}

impl Options {
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    pub(crate) fn programs(&self) -> impl Iterator<Item = &Program> {
        [Some(&self.ours), self.go.as_ref()].into_iter().flatten()
    }

    /// Puts a load on each program in turn, as many rounds as asked for.
    async fn scene(&self, fake: &FakeAws, scene: &Scene, measures: &[Measure], rows: &mut Vec<Row>) -> Result<Peaks> {
        let mut peaks = Peaks { ours: None, go: None };
        if !self.wants(&scene.name) {
            return Ok(peaks);
        }
        let (mut ours, mut go) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            for program in self.programs() {
                let measured = match scene.run(fake, program).await {
                    Err(error) if program.name == "Go" => {
                        eprintln!("{error}");
                        continue;
                    }
                    measured => measured?,
                };
                eprintln!(
                    "{} · {}: {:.0} a second, {:.0} µs of CPU each, {} right, {} wrong",
                    scene.name,
                    program.name,
                    measured.per_second(),
                    measured.cpu_each(),
                    measured.right,
                    measured.wrong
                );
                if program.name == "Go" { go.push(measured) } else { ours.push(measured) }
            }
        }
        let value = |all: &[Measured], measure: fn(&Measured) -> f64| median(all.iter().map(measure).collect());
        for (name, measure) in measures {
            let (ours, go) = (value(&ours, *measure), value(&go, *measure));
            rows.push(Row { load: scene.name.clone(), measure: name, ours, go });
        }
        let wrong = |all: &[Measured]| median(all.iter().map(|m| m.wrong as f64).collect());
        if wrong(&ours).or(wrong(&go)).is_some_and(|wrong| wrong > 0.0) || wrong(&go).is_some_and(|wrong| wrong > 0.0) {
            rows.push(Row { load: scene.name.clone(), measure: "wrong answers", ours: wrong(&ours), go: wrong(&go) });
        }
        (peaks.ours, peaks.go) = (value(&ours, Measured::per_second), value(&go, Measured::per_second));
        Ok(peaks)
    }
}

impl Scene {
    pub(crate) async fn run(&self, fake: &FakeAws, program: &Program) -> Result<Measured> {
        let delay = (!self.sts_delay.is_zero()).then(|| fake.inject(Fault::slow(self.sts_delay)));
        let server = Server::start(program, &self.settings, &fake.env())?;
        // The first connections, pages and caches are not what is measured.
        let warm_up = Load { pace: Pace::Saturate(Duration::from_millis(500)), ..self.load.clone() };
        load::run(&warm_up, &server).await?;
        let measured = load::run(&self.load, &server).await?;
        if measured.right == 0 {
            return Err(format!(
                "{} answered nothing as it should; its log ends:\n{}",
                program.name,
                tail(&server.log())
            )
            .into());
        }
        if delay.is_some() {
            fake.clear_faults();
        }
        Ok(measured)
    }
}

fn tail(log: &str) -> &str {
    let lines = log.trim_end().rmatch_indices('\n').nth(4).map_or(0, |(at, _)| at + 1);
    &log[lines..]
}

/// A server without connections: its memory, its threads, and whether anything in it ticks.
async fn idle(options: &Options) -> Result<Vec<Row>> {
    let fake = FakeAws::builder().record_limit(0).start()?;
    let mut values = Vec::new();
    for program in options.programs() {
        let server = Server::start(program, &tokens::map_roles(2), &fake.env())?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = server.usage()?;
        let watched = Duration::from_secs(10);
        tokio::time::sleep(watched).await;
        let after = server.usage()?;
        let cpu = (after.cpu - before.cpu).as_secs_f64() / watched.as_secs_f64() * 100.0;
        let wakes = (after.switches - before.switches) as f64 / watched.as_secs_f64();
        values.push([after.resident as f64 / 1024.0, after.threads as f64, cpu, wakes]);
    }
    let measures = ["memory, MiB", "threads", "CPU, % of a core", "wake-ups a second"];
    let row = |(n, measure)| Row {
        load: "idle".to_owned(),
        measure,
        ours: values.first().map(|figures: &[f64; 4]| figures[n]),
        go: values.get(1).map(|figures| figures[n]),
    };
    Ok(measures.into_iter().enumerate().map(row).collect())
}

/// `token` as a whole process, in turn.
fn cold_start(options: &Options) -> Result<Vec<Row>> {
    const RUNS: usize = 30;
    let environment: Vec<(&str, String)> = [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("HOME", "/nonexistent"),
        ("PATH", "/usr/bin:/bin"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec();
    let ours_and_go = ["token", "-i", tokens::CLUSTER];
    let aws = ["eks", "get-token", "--cluster-name", tokens::CLUSTER];
    let mut walls: [Vec<f64>; 3] = Default::default();
    let mut cpus: [f64; 3] = [0.0; 3];
    let contestants = [
        Some((&options.ours.binary, &ours_and_go[..])),
        options.go.as_ref().map(|go| (&go.binary, &ours_and_go[..])),
        options.aws.as_ref().map(|binary| (binary, &aws[..])),
    ];
    for run in 0..RUNS {
        for (n, contestant) in contestants.iter().enumerate() {
            let Some((binary, arguments)) = contestant else { continue };
            // The AWS CLI takes a hundred times as long: a third of the runs is enough.
            if n == 2 && run % 3 != 0 {
                continue;
            }
            let (wall, cpu) = process::run(binary, arguments, &environment)?;
            walls[n].push(wall.as_secs_f64() * 1e3);
            cpus[n] += cpu.as_secs_f64() * 1e3;
        }
    }
    let each = |n: usize| (!walls[n].is_empty()).then(|| cpus[n] / walls[n].len() as f64);
    let row = |load: &str, measure, ours, go| Row { load: load.to_owned(), measure, ours, go };
    let mut rows = vec![
        row("cold start of token", "time, ms", median(walls[0].clone()), median(walls[1].clone())),
        row("cold start of token", "CPU, ms", each(0), each(1)),
    ];
    if options.aws.is_some() {
        rows.push(row(
            "cold start of token; last column: aws eks get-token",
            "time, ms",
            median(walls[0].clone()),
            median(walls[2].clone()),
        ));
    }
    Ok(rows)
}
