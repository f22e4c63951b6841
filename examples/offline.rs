//! A run without a network. Serves the pages of `fixtures/pages` on loopback, writes a list with good pages, a missing
//! page, a redirect, a slow page and a dead host, and runs fetchpool on it. Ends with status 1, as some URLs cannot be
//! fetched.
//!
//!     cargo run --release --example offline

use anyhow::Context;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// The delay of the slow page: long enough to see the others come first.
const SLOW: Duration = Duration::from_secs(1);

/// Pages by path.
type Pages = HashMap<String, (&'static str, Vec<u8>)>;

fn main() -> anyhow::Result<ExitCode> {
    let directory = tempfile::tempdir()?;
    let server = serve(read_pages(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pages"),
    )?)?;
    // Bound and never listened on: connections to it are refused, and no other process can take it.
    let dead = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    dead.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let dead_host = dead.local_addr()?.as_socket();
    let dead_host = dead_host.context("the dead host has no address")?;

    let list = directory.path().join("urls.txt");
    fs::write(&list, url_list(server, dead_host))?;
    let arguments = [
        "fetchpool".into(),
        list.into_os_string(),
        "-j".into(),
        "5".into(),
    ];
    Ok(fetchpool::run(arguments.map(OsString::from)))
}

/// The list: the slow page first, so that the order of completion is not that of the list.
fn url_list(server: SocketAddr, dead_host: SocketAddr) -> String {
    format!(
        "# good pages, one of them slow\n\
         http://{server}/slow.html\n\
         http://{server}/\n\
         http://{server}/about.html\n\
         http://{server}/data.json\n\
         http://{server}/empty.txt\n\
         \n\
         # a redirect to a good page, a page that is missing, and a host that is down\n\
         http://{server}/old\n\
         http://{server}/missing.html\n\
         http://{dead_host}/\n"
    )
}

fn read_pages(directory: &Path) -> io::Result<Pages> {
    let mut pages = Pages::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let media_type = match path.extension().and_then(|extension| extension.to_str()) {
            Some("html") => "text/html; charset=utf-8",
            Some("json") => "application/json",
            _ => "text/plain; charset=utf-8",
        };
        if let Some(name) = path.file_name() {
            pages.insert(
                format!("/{}", name.to_string_lossy()),
                (media_type, fs::read(&path)?),
            );
        }
    }
    Ok(pages)
}

/// Serves `pages` on a port of loopback until the process ends.
fn serve(pages: Pages) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let router = axum::Router::new()
                .fallback(answer)
                .with_state(Arc::new(pages));
            axum::serve(listener, router).await
        })
    });
    Ok(address)
}

async fn answer(State(pages): State<Arc<Pages>>, request: Request) -> Response {
    let path = match request.uri().path() {
        "/old" => {
            let location = HeaderValue::from_static("/about.html");
            return (
                StatusCode::MOVED_PERMANENTLY,
                [(header::LOCATION, location)],
            )
                .into_response();
        }
        "/slow.html" => {
            tokio::time::sleep(SLOW).await;
            "/about.html"
        }
        "/" => "/index.html",
        path => path,
    };
    match pages.get(path) {
        Some((media_type, body)) => {
            let media_type = HeaderValue::from_static(media_type);
            ([(header::CONTENT_TYPE, media_type)], body.clone()).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such page\n").into_response(),
    }
}
