//! Very many nodes at once.

use super::Options;
use super::load::{self, Connections, Load, Pace};
use super::process::{Program, Result, Server};
use super::scenes::peak;
use super::table::Row;
use super::tokens;
use k8s_aws_fake::FakeAws;
use std::sync::Arc;

/// All nodes of a big cluster at once: with names from EC2, and the same without; and with every limit as it is by default, where
/// who is turned away comes again, as nodes do.
pub(crate) async fn storms(options: &Options) -> Result<Vec<Row>> {
    const NODES: usize = 5_000;
    const STS_WITHOUT_A_RATE: &str = "  healthAddress: 127.0.0.1:0
  sts:
    ownHost: sts.eu-central-1.amazonaws.com
    known: {perSecond: 0, queue: 8192}
    unknown: {perSecond: 0, queue: 8192}
";
    const DEFAULTS: &str = "  healthAddress: 127.0.0.1:0
  sts: {ownHost: sts.eu-central-1.amazonaws.com}
";
    let above = "ec2DescribeInstancesQps: 1000\nec2DescribeInstancesBurst: 1000\n";
    let mut rows = Vec::new();
    for (name, with_names, limits, of_ours) in [
        ("without names", false, "", STS_WITHOUT_A_RATE),
        ("EC2's limits above the demand", true, above, STS_WITHOUT_A_RATE),
        ("EC2's limits as by default", true, "", STS_WITHOUT_A_RATE),
        ("all limits as by default", true, "", DEFAULTS),
    ] {
        let mut columns = Vec::new();
        for program in options.programs() {
            let fake = FakeAws::builder().record_limit(0).http1_only().worker_threads(1).start()?;
            let callers = if with_names { tokens::nodes(&fake, NODES) } else { tokens::callers(&fake, NODES) };
            let tokens = Arc::new(tokens::tokens(&callers, 1));
            let own = tokens::describer(&fake);
            let environment: Vec<_> =
                fake.env().into_iter().chain(own.env()).chain([("AWS_REGION", "eu-central-1".to_owned())]).collect();
            let own_settings = if program.own_settings.is_empty() { "" } else { of_ours };
            let program = Program { own_settings, ..program.clone() };
            let server = Server::start(&program, &format!("{}{limits}", tokens::map_roles(2)), &environment)?;
            // API servers come with a few connections, each with many requests.
            let load = Load { connections: Connections::Http2(24), pace: Pace::Once, workers: NODES, tokens };
            let measured = load::run(&load, &server).await?;
            let calls = fake.counts().calls_by_action.get("DescribeInstances").copied().unwrap_or_default();
            columns.push([
                measured.quantile(0.99),
                measured.took.as_secs_f64() * 1e3,
                calls as f64,
                measured.again as f64,
                measured.wrong as f64,
                measured.cpu_each(),
                peak(&measured),
            ]);
        }
        let measures = [
            "p99, ms",
            "all, ms",
            "DescribeInstances calls",
            "asked again",
            "not let in",
            "CPU a review, µs",
            "peak memory, MiB",
        ];
        rows.extend(measures.into_iter().enumerate().map(|(n, measure)| Row {
            load: format!("storm of {NODES} nodes, {name}"),
            measure,
            ours: columns.first().map(|figures: &[f64; 7]| figures[n]),
            go: columns.get(1).map(|figures| figures[n]),
        }));
    }
    Ok(rows)
}
