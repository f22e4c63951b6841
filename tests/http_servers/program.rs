//! Programs that listen on a port of loopback.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::library::HANG;

/// A program, killed when dropped, and the port that it listens on.
pub(crate) struct Program {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether `command` works. If not, reports that the test is left out, which may fail it.
pub(crate) fn is_installed(what: &str, command: &str, check: &[&str]) -> bool {
    let found = Command::new(command)
        .args(check)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        crate::left_out::missing(&format!("{what} is not installed"));
    }
    found
}

/// A port that is reserved until the program that it is for listens on it.
pub(crate) struct Port {
    pub(crate) number: u16,
    /// Bound, and never listened on. Linux lets one more socket be bound to the same address if both have `SO_REUSEADDR`,
    /// as those of all the programs have, and never chooses the port for a socket that asks for a free one.
    _kept: Socket,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

pub(crate) fn free_port() -> Port {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket();
    Port {
        number: address.unwrap().port(),
        _kept: socket,
    }
}

/// Starts a program and waits until it listens on `port`.
pub(crate) fn start(port: Port, command: &mut Command) -> Program {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut program = Program {
        child,
        port: port.number,
    };
    let began = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, program.port)).is_err() {
        assert!(began.elapsed() < HANG, "{command:?} does not listen");
        if let Some(status) = program.child.try_wait().unwrap() {
            panic!("{command:?} ended: {status}");
        }
        // Another program cannot report that it is ready: poll.
        thread::park_timeout(Duration::from_millis(10));
    }
    program
}
