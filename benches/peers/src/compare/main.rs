//! Kinesieve beside the handlers that a team would write instead: on the same machine, with the same events, through
//! the same runtime API, by turns. `make bench-peers` runs it.

mod chart;
mod event;
mod peer;
mod runtime_api;
mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use event::{FULL, event_of};
use peer::{Peer, Running};
use table::{Row, Table};

/// Invocations of each function before the first that counts: caches fill, and just-in-time compilers do their work.
const WARM_UP: usize = 10;

/// Measures Kinesieve beside other handlers, and prints a table.
#[derive(Parser)]
struct Arguments {
    /// Kinesieve's function
    #[arg(long)]
    function: PathBuf,
    /// The transform, precompiled
    #[arg(long)]
    transform: PathBuf,
    /// The handler in Rust
    #[arg(long)]
    native: PathBuf,
    /// The folder of the handlers in JavaScript
    #[arg(long)]
    node: PathBuf,
    /// The folder of the handler in Python
    #[arg(long)]
    python: PathBuf,
    /// Python, with Powertools and Lambda's runtime client installed
    #[arg(long)]
    python_program: PathBuf,
    /// Another build of Kinesieve's function, to be measured with one worker
    #[arg(long)]
    beside: Vec<PathBuf>,
    /// Invocations of each that count
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// Records of an event
    #[arg(long, default_value_t = FULL)]
    records: usize,
    /// Where the figures go as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the chart goes as SVG
    #[arg(long)]
    chart: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let peers = peers(&arguments);
    let event = Arc::new(event_of(arguments.records));
    check_outputs(&peers, &event)?;
    let table = measure(&peers, &event, arguments.rounds)?;
    print!("{table}");
    if let Some(path) = &arguments.json {
        let figures = serde_json::to_string_pretty(&table.figures(arguments.records))? + "\n";
        std::fs::write(path, figures).with_context(|| format!("writing {}", path.display()))?;
    }
    if let Some(path) = &arguments.chart {
        std::fs::write(path, chart::of(&table)).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Kinesieve first: all others are set against it.
fn peers(arguments: &Arguments) -> Vec<Peer> {
    let kinesieve = |name: &str, program: &Path, workers: &str| Peer {
        name: name.to_owned(),
        program: program.to_owned(),
        arguments: Vec::new(),
        variables: vec![
            ("KINESIEVE_TRANSFORM", arguments.transform.display().to_string()),
            ("KINESIEVE_WORKERS", workers.to_owned()),
            ("KINESIEVE_OUTPUT", "none".to_owned()),
        ],
        is_kinesieve: true,
    };
    let other = |name: &str, program: &Path, arguments: Vec<PathBuf>, variables| Peer {
        name: name.to_owned(),
        program: program.to_owned(),
        arguments,
        variables,
        is_kinesieve: false,
    };
    let node = Path::new("node");
    let python = vec!["-m".into(), "awslambdaric".into(), "powertools.handler".into()];
    let python_path = vec![("PYTHONPATH", arguments.python.display().to_string())];
    let mut peers = vec![
        kinesieve("Kinesieve", &arguments.function, "2"),
        kinesieve("Kinesieve, one worker", &arguments.function, "1"),
    ];
    if !arguments.beside.is_empty() {
        peers.extend(arguments.beside.iter().map(|path| kinesieve(&path.display().to_string(), path, "1")));
        return peers;
    }
    peers.extend([
        other("Rust, lambda_runtime", &arguments.native, Vec::new(), Vec::new()),
        other("Node.js", node, vec![arguments.node.join("plain.mjs")], Vec::new()),
        other("Node.js, Powertools", node, vec![arguments.node.join("powertools.mjs")], Vec::new()),
        other("Python, Powertools", &arguments.python_program, python, python_path),
    ]);
    peers
}

/// All of them have to do the same work: what comes out of one invocation is compared.
fn check_outputs(peers: &[Peer], event: &Arc<Vec<u8>>) -> anyhow::Result<()> {
    let scratch = std::env::temp_dir().join(format!("peers-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let checked = check_outputs_in(&scratch, peers, event);
    std::fs::remove_dir_all(&scratch)?;
    checked
}

fn check_outputs_in(scratch: &Path, peers: &[Peer], event: &Arc<Vec<u8>>) -> anyhow::Result<()> {
    let mut expected: Option<Vec<String>> = None;
    for (number, peer) in peers.iter().enumerate() {
        let path = scratch.join(number.to_string());
        let outputs = peer.outputs_of(event, &path).with_context(|| peer.name.clone())?;
        match &expected {
            None => expected = Some(outputs),
            Some(expected) => {
                anyhow::ensure!(outputs == *expected, "{} has other outputs than {}", peer.name, peers[0].name);
            }
        }
    }
    let count = expected.map_or(0, |outputs| outputs.len());
    println!("All have the same {count} outputs.\n");
    Ok(())
}

/// By turns, so that what else the machine does meets all of them alike.
fn measure(peers: &[Peer], event: &Arc<Vec<u8>>, rounds: usize) -> anyhow::Result<Table> {
    let mut starts = vec![Vec::new(); peers.len()];
    for _ in 0..rounds {
        for (peer, starts) in peers.iter().zip(&mut starts) {
            starts.push(peer.start(&[])?.start);
        }
    }
    let running: Vec<Running> = peers.iter().map(|peer| peer.start(&[])).collect::<anyhow::Result<_>>()?;
    let mut times = vec![Vec::new(); peers.len()];
    for round in 0..WARM_UP + rounds {
        for ((peer, running), times) in peers.iter().zip(&running).zip(&mut times) {
            let took: Duration = running.invoke(event).with_context(|| peer.name.clone())?;
            if round >= WARM_UP {
                times.push(took);
            }
        }
    }
    let mut rows = Vec::new();
    for (((peer, running), times), starts) in peers.iter().zip(&running).zip(times).zip(starts) {
        rows.push(Row::new(peer.name.clone(), times, starts, running.peak_memory()?));
    }
    Ok(Table { rows })
}
