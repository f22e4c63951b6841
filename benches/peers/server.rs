//! The servers of the pages: nginx, and one that waits before it replies. All are on loopback.
//!
//! They start on free ports, and end when [`Servers`] is dropped. They count connections and requests, so that the
//! bench need not trust the clients.

use crate::load::{LARGE, PAGE, Seen, Site};
use crate::names;
use anyhow::{Context, Result, bail, ensure};
use socket2::{Domain, Socket, Type};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Hosts of [`Site::Hosts`].
const HOSTS: usize = 500;

/// Hosts that drop every SYN.
const DEAD_HOSTS: u32 = 100;

/// The wait of the slow server before each reply.
pub(crate) const WAIT: Duration = Duration::from_millis(100);

/// All servers.
pub(crate) struct Servers {
    nginx: Nginx,
    slow: Slow,
    dead: Dead,
}

impl Servers {
    /// Starts them, with their files in `dir`, which should be in memory.
    ///
    /// # Errors
    ///
    /// A file that cannot be written, or nginx that is missing or ends at once.
    pub(crate) fn start(dir: &Path) -> Result<Self> {
        Ok(Self {
            nginx: Nginx::start(dir)?,
            slow: Slow::start()?,
            dead: Dead::start()?,
        })
    }

    /// The certificate that clients must trust for the TLS sites.
    pub(crate) fn certificate(&self) -> &Path {
        &self.nginx.certificate
    }

    /// The URLs of `pages` pages of `site`, no two the same.
    pub(crate) fn urls(&self, site: Site, pages: usize) -> Vec<String> {
        let [plain, kept, fresh] = self.nginx.ports;
        let numbered = |base: String| (0..pages).map(|n| format!("{base}{n}")).collect();
        match site {
            Site::Plain => numbered(format!("http://127.0.0.1:{plain}/")),
            Site::Distinct => numbered(format!("http://127.0.0.1:{plain}/distinct/")),
            Site::Large => numbered(format!("http://127.0.0.1:{plain}/large?")),
            Site::KeptTls => numbered(format!("https://127.0.0.1:{kept}/")),
            Site::FreshTls => numbered(format!("https://127.0.0.1:{fresh}/")),
            Site::Slow => numbered(format!("http://127.0.0.1:{}/", self.slow.port)),
            Site::OneDeadHost => self.hosts(site, pages, |_| "127.0.0.1".to_owned()),
            Site::Addresses | Site::DroppedSyns => self.hosts(site, pages, address),
            Site::Names(_) | Site::SilentNames => {
                self.hosts(site, pages, |n| format!("live-{n}.zone-{n}.test"))
            }
            Site::SilentNamesInZone => self.hosts(site, pages, |n| format!("live-{n}.test")),
            Site::Hosts => shuffled(pages)
                .into_iter()
                .map(|n| {
                    let host = n % HOSTS;
                    let (a, b) = (host / 250, host % 250 + 1);
                    format!("http://127.1.{a}.{b}:{plain}/{n}")
                })
                .collect(),
        }
    }

    /// Writes the pages of [`Site::Distinct`].
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub(crate) fn write_distinct(&self, pages: usize) -> Result<()> {
        let dir = self.nginx.certificate.with_file_name("html/distinct");
        fs::create_dir_all(&dir)?;
        for n in 0..pages {
            // Hexadecimal numbers compress, but not to nothing.
            let mut page = String::new();
            let mut state = n as u64 + 1;
            while page.len() < PAGE {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                page += &format!("{:x} ", state >> 40);
            }
            fs::write(dir.join(n.to_string()), &page[..PAGE])?;
        }
        Ok(())
    }

    /// URLs of hosts that answer, and evenly among them URLs of hosts that do not.
    fn hosts(&self, site: Site, pages: usize, live: impl Fn(usize) -> String) -> Vec<String> {
        let port = self.nginx.ports[0];
        let url = |n: usize| match site.dead_share() {
            Some(share) if n % share == share - 1 => match site {
                Site::SilentNames => format!("http://silent-{n}.zone-{n}.test/"),
                Site::SilentNamesInZone => format!("http://silent-{n}.test/"),
                Site::OneDeadHost => format!("http://{}/{n}", self.dead.address(0)),
                _ => format!("http://{}/{n}", self.dead.address(n / share)),
            },
            _ => format!("http://{}:{port}/{n}", live(n)),
        };
        (0..pages).map(url).collect()
    }

    /// The name server for a look-up that takes `wait`.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub(crate) fn name_server(&self, wait: Duration) -> Result<SocketAddr> {
        names::start(wait)
    }

    /// The counts of the server of `site` so far, without this request.
    ///
    /// # Errors
    ///
    /// nginx does not answer.
    pub(crate) fn seen(&self, site: Site) -> Result<Seen> {
        match site {
            Site::Slow => Ok(self.slow.seen.get()),
            _ => self.nginx.seen(),
        }
    }
}

/// 0 to `n`, shuffled in an order that is always the same: Fisher and Yates' shuffle with Marsaglia's xorshift64.
fn shuffled(n: usize) -> Vec<usize> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut all: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        all.swap(last, (state % (last as u64 + 1)) as usize);
    }
    all
}

struct Nginx {
    process: Child,
    /// Plain, kept-alive TLS, fresh TLS.
    ports: [u16; 3],
    certificate: PathBuf,
    /// The number of status requests, which nginx counts as well.
    asked: AtomicU64,
}

impl Nginx {
    fn start(dir: &Path) -> Result<Self> {
        let ports = free_ports()?;
        let html = dir.join("html");
        fs::create_dir(&html)?;
        fs::write(html.join("page"), vec![b'x'; PAGE])?;
        fs::write(html.join("large"), vec![b'x'; LARGE])?;
        let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let certificate = dir.join("cert.pem");
        fs::write(&certificate, key.cert.pem())?;
        fs::write(dir.join("key.pem"), key.signing_key.serialize_pem())?;
        let names = ["@PLAIN@", "@KEPT_TLS@", "@FRESH_TLS@"];
        let config = names.iter().zip(ports).fold(
            include_str!("nginx.conf").to_owned(),
            |text, (name, port)| text.replace(name, &port.to_string()),
        );
        fs::write(dir.join("nginx.conf"), config)?;
        let process = Command::new("nginx")
            .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
            .arg(dir)
            .stdin(Stdio::null())
            .spawn()
            .context("nginx cannot be started: install it (Debian: nginx-light)")?;
        let mut started = Self {
            process,
            ports,
            certificate,
            asked: AtomicU64::new(0),
        };
        started.wait_until_ready()?;
        Ok(started)
    }

    /// nginx does not report that it listens, so this asks until it answers.
    fn wait_until_ready(&mut self) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(30);
        while self.seen().is_err() {
            if let Some(status) = self.process.try_wait()? {
                bail!("nginx ended at once: {status}");
            }
            ensure!(Instant::now() < end, "nginx does not answer");
            self.asked.store(0, Ordering::Relaxed);
            thread::yield_now();
        }
        Ok(())
    }

    fn seen(&self) -> Result<Seen> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports[0]))?;
        stream.write_all(b"GET /status HTTP/1.0\r\n\r\n")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let mut lines = reply.lines().skip_while(|line| !line.contains("accepts"));
        let counts = lines.nth(1).unwrap_or_default().split_whitespace();
        let counts: Vec<u64> = counts.flat_map(str::parse).collect();
        let &[accepts, _, requests] = counts.as_slice() else {
            bail!("nginx did not tell what it has seen: {reply}");
        };
        Ok(Seen {
            connections: accepts - asked,
            requests: requests - asked,
        })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // nginx may have ended already; the error does not matter.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Free ports. All are held until all are found, so that no two are the same.
fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

#[derive(Default)]
struct Counters {
    connections: AtomicU64,
    requests: AtomicU64,
}

impl Counters {
    fn get(&self) -> Seen {
        Seen {
            connections: self.connections.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
        }
    }
}

/// Waits before each reply, with a thread for each connection. Waiting threads cost no CPU. They end with the
/// process.
struct Slow {
    port: u16,
    seen: Arc<Counters>,
}

impl Slow {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let seen = Arc::new(Counters::default());
        let counters = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counters = Arc::clone(&counters);
                counters.connections.fetch_add(1, Ordering::Relaxed);
                // A client that disconnects shows in its own figures.
                thread::spawn(move || answer_slowly(&stream, &counters).ok());
            }
        });
        Ok(Self { port, seen })
    }
}

/// Hosts that drop every SYN, as Linux does where a queue of connections is full.
struct Dead {
    listeners: Vec<TcpListener>,
    /// They fill the queues.
    _queued: Vec<TcpStream>,
}

impl Dead {
    fn start() -> Result<Self> {
        let (mut listeners, mut queued) = (Vec::new(), Vec::new());
        for host in 0..DEAD_HOSTS {
            let [_, _, high, low] = host.to_be_bytes();
            let address = SocketAddr::from(([127, 9, high, low], 0));
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&address.into())?;
            socket.listen(0)?;
            let listener = TcpListener::from(socket);
            // A queue of length 0 holds one connection.
            queued.push(TcpStream::connect(listener.local_addr()?)?);
            listeners.push(listener);
        }
        Ok(Self {
            listeners,
            _queued: queued,
        })
    }

    /// The address and port of one of the hosts.
    fn address(&self, host: usize) -> String {
        let listener = &self.listeners[host % self.listeners.len()];
        listener
            .local_addr()
            .map(|address| address.to_string())
            .unwrap_or_default()
    }
}

/// An address of loopback of its own for each number.
fn address(n: usize) -> String {
    format!("127.{}.{}.{}", 16 + n / 62_500, n / 250 % 250, n % 250 + 1)
}

fn answer_slowly(stream: &TcpStream, counters: &Counters) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(request) = lines.next().transpose()? {
        let mut closing = false;
        while let Some(field) = lines.next().transpose()?.filter(|field| !field.is_empty()) {
            closing |= field.eq_ignore_ascii_case("connection: close");
        }
        counters.requests.fetch_add(1, Ordering::Relaxed);
        thread::sleep(WAIT);
        let mut reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {PAGE}\r\n\r\n").into_bytes();
        if !request.starts_with("HEAD") {
            reply.resize(reply.len() + PAGE, b'x');
        }
        (&*stream).write_all(&reply)?;
        if closing {
            break;
        }
    }
    Ok(())
}
