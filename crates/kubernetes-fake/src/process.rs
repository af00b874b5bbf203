//! A program that ends with whoever started it.

use std::fs::File;
use std::io::Result;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// It is killed when this is dropped, and when this process ends without dropping anything: a shell beside it waits for the end of
/// its standard input.
pub(crate) struct Process {
    shell: Child,
}

impl Process {
    /// Starts a program whose output goes to `log`.
    pub(crate) fn start(program: &Path, arguments: &[String], log: File) -> Result<Self> {
        let script = r#""$0" "$@" & read -r _; kill -9 $!; wait $!"#;
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(program).args(arguments);
        let shell = command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Self { shell })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
