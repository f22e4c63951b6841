//! tinyproxy and microsocks, before nginx.

use std::process::Command;
use std::{fs, io};

use fetchpool::fetch::{Client, FailureKind, Options, Proxies};

use crate::library::client;
use crate::nginx::Nginx;
use crate::program::{free_port, is_installed, start};
use crate::{load, size_or_failure, url};

fn through(proxy: &str, options: Options) -> Client {
    client(Options {
        proxies: Proxies::new(Some(proxy), &|_| None).unwrap(),
        ..options
    })
}

#[test]
fn tinyproxy_for_plain_requests_and_for_tunnels() {
    if !is_installed("tinyproxy", "tinyproxy", &["-v"]) || !is_installed("nginx", "nginx", &["-v"])
    {
        return;
    }
    let nginx = Nginx::start();
    let port = free_port();
    let file = nginx.root.path().join("tinyproxy.conf");
    let config = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nAllow 127.0.0.1\nLogLevel Critical\n\
         BasicAuth user pass\n"
    );
    fs::write(&file, config).unwrap();
    let proxy = start(
        port,
        Command::new("tinyproxy").arg("-d").arg("-c").arg(&file),
    );
    let good = through(
        &format!("http://user:pass@127.0.0.1:{}", proxy.port),
        nginx.trusting(),
    );
    for origin in nginx.origins() {
        for _ in 0..10 {
            assert_eq!(load(&good, &format!("{origin}/1k")), 1000);
        }
        assert_eq!(load(&good, &format!("{origin}/moved")), 1000);
    }
    let bad = through(
        &format!("http://user:wrong@127.0.0.1:{}", proxy.port),
        nginx.trusting(),
    );
    let [plain, tls] = nginx.origins();
    let kind = |text: &str| {
        bad.load_url(&url(text), &mut io::sink())
            .result
            .unwrap_err()
            .kind()
    };
    assert_eq!(kind(&format!("{plain}/1k")), FailureKind::HttpStatus);
    assert_eq!(kind(&format!("{tls}/1k")), FailureKind::Proxy);
}

#[test]
fn microsocks_with_names_addresses_and_a_password() {
    if !is_installed("microsocks", "sh", &["-c", "command -v microsocks"])
        || !is_installed("nginx", "nginx", &["-v"])
    {
        return;
    }
    let nginx = Nginx::start();
    let port = free_port();
    let text = port.to_string();
    let mut command = Command::new("microsocks");
    let proxy = start(
        port,
        command.args(["-i", "127.0.0.1", "-p", &text, "-u", "user", "-P", "pass"]),
    );
    for scheme in ["socks5", "socks5h"] {
        let client = through(
            &format!("{scheme}://user:pass@127.0.0.1:{}", proxy.port),
            nginx.trusting(),
        );
        for origin in nginx.origins() {
            for _ in 0..5 {
                assert_eq!(load(&client, &format!("{origin}/1k")), 1000, "{scheme}");
            }
        }
    }
    let bad = through(
        &format!("socks5://user:wrong@127.0.0.1:{}", proxy.port),
        nginx.trusting(),
    );
    let [plain, _] = nginx.origins();
    assert_eq!(
        size_or_failure(&bad, &format!("{plain}/1k")),
        format!(
            "proxy: proxy 127.0.0.1:{}: it does not accept the user or the password",
            proxy.port
        )
    );
}
