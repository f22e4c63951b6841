//! Starts a program on a free port of the loopback, and ends it with the test.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use socket2::{Domain, Socket, Type};

use crate::left_out;
use crate::library::HANG;

/// A program that is ended with the test, and the port that it listens on.
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

/// Whether the command is there. If not, says so, or fails where nothing may be left out.
pub(crate) fn is_installed(what: &str, command: &str, check: &[&str]) -> bool {
    let found = Command::new(command)
        .args(check)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        left_out::missing(&format!("{what} is not installed"));
    }
    found
}

/// A free port, kept until the program that it is for listens on it.
pub(crate) struct Port {
    pub(crate) number: u16,
    /// Bound, and never listened on: Linux gives the port to no socket that asks for any free one. The program can be
    /// bound to it, as both sockets have `SO_REUSEADDR`.
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
        // The program gives no other sign that it is ready.
        thread::park_timeout(Duration::from_millis(10));
    }
    program
}
