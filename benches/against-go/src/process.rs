//! A server as a process: started, measured through `/proc`, ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Which program: where its binary is, and how it differs from the other on the command line.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) binary: PathBuf,
    /// Keys under `server` of the configuration that only this one has.
    pub(crate) own_settings: &'static str,
}

/// A server that runs, in a folder of its own.
pub(crate) struct Server {
    child: Child,
    directory: TempDir,
    pub(crate) port: u16,
}

/// What a process used since it was started, or keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Time on a processor, user and system.
    pub(crate) cpu: Duration,
    /// Resident memory, in KiB.
    pub(crate) resident: u64,
    /// The most resident memory since the last `reset_peak`, in KiB.
    pub(crate) peak: u64,
    pub(crate) threads: u64,
    /// How often a thread went to sleep and was woken.
    pub(crate) switches: u64,
}

impl Server {
    /// Starts `program` with these lines under `server`, and waits until it accepts connections.
    pub(crate) fn start(program: &Program, settings: &str, environment: &[(&str, String)]) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("against-go-").tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = directory.path().join("config.yaml");
        let indented: String = settings.lines().map(|line| format!("  {line}\n")).collect();
        fs::write(
            &config,
            format!("clusterID: {}\nserver:\n{indented}{}", super::tokens::CLUSTER, program.own_settings),
        )?;
        let log = fs::File::create(directory.path().join("log"))?;
        let child = Command::new(&program.binary)
            .arg("server")
            .arg("--config")
            .arg(&config)
            .arg("--state-dir")
            .arg(directory.path())
            .arg("--generate-kubeconfig")
            .arg(directory.path().join("webhook.yaml"))
            .arg(format!("--port={port}"))
            .arg("--feature-gates=IAMIdentityMappingCRD=true")
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut server = Self { child, directory, port };
        server.wait_until_it_listens()?;
        Ok(server)
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if self.child.try_wait()?.is_some() || Instant::now() > until {
                return Err(format!("the server did not start; its log:\n{}", self.log()).into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The server's certificate, as PEM.
    pub(crate) fn certificate(&self) -> Result<Vec<u8>> {
        Ok(fs::read(self.directory.path().join("cert.pem"))?)
    }

    /// What the server logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// What the process used until now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        usage(self.child.id())
    }

    /// From now on [`Usage::peak`] is the peak since now.
    pub(crate) fn reset_peak(&self) -> Result<()> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn usage(pid: u32) -> Result<Usage> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let stat = fs::read_to_string(process.join("stat"))?;
    // The command's name stands in parentheses and may have blanks; utime and stime are the 14th and 15th field.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
    let cpu = Duration::from_millis((ticks(11) + ticks(12)) * 10);
    let status = fs::read_to_string(process.join("status"))?;
    let mut switches = 0;
    for task in fs::read_dir(process.join("task"))? {
        let status = fs::read_to_string(task?.path().join("status")).unwrap_or_default();
        switches += number(&status, "voluntary_ctxt_switches:");
    }
    Ok(Usage {
        cpu,
        resident: number(&status, "VmRSS:"),
        peak: number(&status, "VmHWM:"),
        threads: number(&status, "Threads:"),
        switches,
    })
}

fn number(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// A whole process from start to end: time on the clock, and on a processor.
pub(crate) fn run(binary: &Path, arguments: &[&str], environment: &[(&str, String)]) -> Result<(Duration, Duration)> {
    let before = children_cpu()?;
    let started = Instant::now();
    let output = Command::new(binary)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output()?;
    let took = started.elapsed();
    if !output.status.success() {
        return Err(format!("{}: {}", binary.display(), String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok((took, children_cpu()? - before))
}

/// What ended children of this process used, in ticks of 10 ms: too coarse for one short process, right for many.
fn children_cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
    Ok(Duration::from_millis((ticks(13) + ticks(14)) * 10))
}
