//! Fetches a list of URLs as `curl -Z` does: one thread, libcurl's multi interface, at most so many transfers at once.
//!
//!     newest-curl JOBS LIST [--cacert FILE] [-o DIR]
//!
//! Prints the size of each page, as `-w '%{size_download}\n'` does. It does less than curl, which keeps the options of
//! each transfer and draws a progress meter. `newest-curl --version` prints libcurl's version.

use anyhow::{Context, Result, bail};
use curl::easy::{Easy2, Handler, HttpVersion, WriteError};
use curl::multi::{Easy2Handle, Multi};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The body of one transfer.
struct Body(Option<File>);

impl Handler for Body {
    fn write(&mut self, data: &[u8]) -> Result<usize, WriteError> {
        if let Some(file) = &mut self.0
            && file.write_all(data).is_err()
        {
            return Ok(0);
        }
        Ok(data.len())
    }
}

struct Call {
    jobs: usize,
    urls: Vec<String>,
    cacert: Option<PathBuf>,
    output_dir: Option<PathBuf>,
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let first = args.next().context("JOBS is missing")?;
    if first == "--version" {
        println!("libcurl {}", curl::Version::get().version());
        return Ok(());
    }
    let list = args.next().context("LIST is missing")?;
    let mut call = Call {
        jobs: first.parse()?,
        urls: fs::read_to_string(list)?
            .lines()
            .map(str::to_owned)
            .collect(),
        cacert: None,
        output_dir: None,
    };
    while let Some(option) = args.next() {
        let value = args.next().map(PathBuf::from);
        match option.as_str() {
            "--cacert" => call.cacert = value,
            "-o" => call.output_dir = value,
            _ => bail!("{option}: it is --cacert FILE or -o DIR"),
        }
    }
    fetch(&call)
}

fn fetch(call: &Call) -> Result<()> {
    let mut multi = Multi::new();
    // With those in use, fewer than the 1,024 descriptors that this build of libcurl can wait for.
    multi.set_max_connects(500)?;
    let mut urls = call.urls.iter().enumerate();
    let mut running = HashMap::<usize, Easy2Handle<Body>>::new();
    let mut out = BufWriter::new(std::io::stdout());
    loop {
        while running.len() < call.jobs
            && let Some((number, url)) = urls.next()
        {
            let mut handle = multi.add2(easy(call, url)?)?;
            handle.set_token(number)?;
            running.insert(number, handle);
        }
        if running.is_empty() {
            return Ok(out.flush()?);
        }
        multi.perform()?;
        let mut ended = Vec::new();
        multi.messages(|message| {
            ended.extend(message.token().ok().zip(message.result()));
        });
        let none_ended = ended.is_empty();
        for (number, result) in ended {
            let handle = running.remove(&number).context("an unknown transfer")?;
            let easy = multi.remove2(handle)?;
            result.with_context(|| call.urls[number].clone())?;
            writeln!(out, "{}", easy.download_size()?)?;
        }
        if none_ended {
            multi.poll(&mut [], Duration::from_secs(1))?;
        }
    }
}

fn easy(call: &Call, url: &str) -> Result<Easy2<Body>> {
    let file = match &call.output_dir {
        Some(dir) => Some(File::create(dir.join(name(url)))?),
        None => None,
    };
    let mut easy = Easy2::new(Body(file));
    easy.url(url)?;
    easy.http_version(HttpVersion::V11)?;
    easy.pipewait(true)?;
    easy.fail_on_error(true)?;
    easy.useragent("newest-curl")?;
    if let Some(cacert) = &call.cacert {
        easy.cainfo(cacert)?;
    }
    Ok(easy)
}

/// The last part of the path, as `--remote-name` takes it.
fn name(url: &str) -> &str {
    Path::new(url)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("index")
}
