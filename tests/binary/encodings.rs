//! Lists that are not plain UTF-8: gzip and UTF-16 are read as a stream, and other formats are named in the message.

use crate::jsonl::rows;
use crate::support::{Server, anything, checked, containing, fetchpool, lines, page};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::process::{Command, Stdio};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(text.as_bytes())
        .expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// What the shell command `command` prints, with `list` as FILE.
fn shell(command: &str, list: &[u8]) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("FILE"), list).expect("it can be written");
    let ended = Command::new("sh")
        .args(["-c", command])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output();
    let ended = ended.expect("every system has a shell");
    assert!(ended.status.success(), "{command}: {ended:?}");
    ended.stdout
}

#[test]
fn gzip_and_utf_16_with_a_mark_are_read_from_files_and_from_a_pipe() {
    let server = Server::start();
    let urls: Vec<String> = (0..300)
        .map(|n| server.url(&format!("/size/{n}")))
        .collect();
    let text = format!("\u{feff}# \u{e4}\u{1f600}\r\n{}\r\n", urls.join("\r\n"));
    let half = text.find("/size/150").expect("it is there");
    let members = [gzip(&text[..half]), gzip(&text[half..])].concat();
    let wanted = || lines(urls.iter().enumerate().map(|(n, url)| page(url, n)));
    for list in [
        utf16(&text, u16::to_le_bytes),
        utf16(&text, u16::to_be_bytes),
        gzip(&text),
        members,
    ] {
        fetchpool().list("urls", &list).stdout(wanted()).run();
        fetchpool().stdin(list).stdout(wanted()).run();
    }
}

#[test]
fn a_live_pipe_of_gzip_works_line_by_line() {
    let server = Server::start();
    let mut run = fetchpool().live_stdin().stdout(anything()).start();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for n in 0..50 {
        let url = server.url(&format!("/size/{n}"));
        encoder
            .write_all(format!("{url}\n").as_bytes())
            .expect("memory can be written");
        encoder.flush().expect("memory can be written");
        run.write(&std::mem::take(encoder.get_mut()));
        assert_eq!(run.read_line(), page(&url, n));
    }
    run.write(&encoder.finish().expect("memory can be written"));
    run.finish();
}

#[test]
fn a_pipe_that_drips_is_not_held_up_by_a_look_at_its_beginning() {
    // The address is refused, so nothing connects.
    let mut run = fetchpool()
        .args(["--default-scheme", "http", "--deny-private"])
        .args(["--resolve", "a:80:127.0.0.1"])
        .live_stdin()
        .status(1)
        .stdout(anything())
        .start();
    // The shortest possible URL.
    run.write_line("a");
    assert!(run.read_line().starts_with("'a' "));
    run.finish();
}

#[test]
fn of_a_gzip_list_that_is_cut_short_what_was_whole_is_fetched() {
    let server = Server::start();
    let urls: Vec<String> = (0..20).map(|n| server.url(&format!("/size/{n}"))).collect();
    let whole = gzip(&(urls.join("\n") + "\n"));
    let other = server.url("/size/99");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    write!(encoder, "{}\n{}", urls[0], &urls[1][..20]).expect("memory can be written");
    encoder.flush().expect("memory can be written");
    let cut = encoder.get_ref().clone();
    for (list, line, some) in [(&cut[..], 2, 1), (&whole[..whole.len() - 1], 21, 20)] {
        let mut wanted: Vec<String> = (0..some).map(|n| page(&urls[n], n)).collect();
        wanted.push(page(&other, 99));
        fetchpool()
            .list("urls.gz", list)
            .arg(&other)
            .status(2)
            .stdout(lines(wanted))
            .stderr(format!(
                "fetchpool: cannot read 'urls.gz', line {line}: its compressed data is cut short\n"
            ))
            .run();
    }
}

/// The content of a list, and what the message of its first record names.
fn foreign(url: &str) -> Vec<(Vec<u8>, &'static str)> {
    let text = format!("{url}\n");
    let pack = |command: &str| match command.split(' ').next() {
        Some(tool) if !is_installed(tool) => {
            crate::support::left_out::missing(tool);
            Vec::new()
        }
        _ => shell(command, text.as_bytes()),
    };
    let utf16 = |bytes| utf16(&text, bytes);
    let table = |text: &str| text.replace("URL", url).into_bytes();
    vec![
        (pack("zip -q - FILE"), "a zip archive"),
        (pack("zstd -qc FILE"), "compressed by zstd"),
        (pack("xz -c FILE"), "compressed by xz"),
        (pack("bzip2 -c FILE"), "compressed by bzip2"),
        (pack("tar -cf - FILE"), "a tar archive"),
        (utf16(u16::to_le_bytes), "UTF-16 without a byte order mark"),
        (utf16(u16::to_be_bytes), "UTF-16 without a byte order mark"),
        (format!("{url}\0").into_bytes(), "NUL-separated"),
        (table("<!doctype html>\n<a href='URL'>x</a>"), "HTML or XML"),
        (
            table("<?xml version='1.0'?><urlset><loc>URL</loc></urlset>"),
            "HTML or XML",
        ),
        (table("link\nURL\n"), "a table"),
        (table("id,link,x\n1,URL,2\n"), "a table"),
        (table("1;URL;2\n"), "a table"),
        (table("URL\tx\n"), "a table"),
        (table("x\tlink\n1\tURL\n"), "a table"),
        (table(r#"{"id":1,"link":"URL"}"#), "JSON"),
        (table("[\n\"URL\"]"), "JSON"),
        (table(r#"[{"url":"URL"}]"#), "JSON"),
    ]
}

#[test]
fn what_is_no_list_is_named_by_its_first_record_with_a_command_that_cures_it() {
    let server = Server::start();
    let url = server.url("/size/7?a=1");
    let lists = foreign(&url);
    for (list, what) in lists.iter().filter(|(list, _)| !list.is_empty()) {
        let ended = fetchpool()
            .list("list", list)
            .args(["-f", "jsonl", "--ordered"])
            .status(1)
            .stdout(anything())
            .run();
        let row = &rows(ended.stdout())[0];
        assert_eq!(row["error"]["kind"], "invalid_url", "{row}");
        let message = row["error"]["message"].as_str().expect("it has one");
        let cure = message
            .strip_prefix(&format!("the list is {what}: "))
            .and_then(|rest| rest.strip_suffix(" | fetchpool"));
        let cure = cure.unwrap_or_else(|| panic!("{what}: {message}"));
        if let Some(tool) = ["unzip", "jq"]
            .into_iter()
            .find(|tool| cure.starts_with(tool) && !is_installed(tool))
        {
            crate::support::left_out::missing(tool);
            continue;
        }
        let cured = shell(cure, list);
        assert_eq!(String::from_utf8_lossy(&cured).trim_end(), url, "{cure}");
    }
}

#[test]
fn a_table_with_a_column_url_is_named_with_the_option_that_reads_it() {
    let server = Server::start();
    let url = server.url("/size/7");
    for (list, what, format) in [
        ("url\nURL\n", "a table", "csv"),
        ("id,url\n1,URL\n", "a table", "csv"),
        ("id\turl\n1\tURL\n", "a table", "tsv"),
        ("{\"url\":\"URL\"}\n", "JSON", "jsonl"),
    ] {
        let list = list.replace("URL", &url);
        let ended = fetchpool()
            .list("list", list.as_bytes())
            .args(["-f", "jsonl", "--ordered"])
            .status(1)
            .stdout(anything())
            .run();
        let row = &rows(ended.stdout())[0];
        let cure = format!("the list is {what}: read it with -i {format}");
        assert_eq!(row["error"]["message"], cure, "{row}");
        fetchpool()
            .list("list", list.as_bytes())
            .args(["-i", format])
            .stdout(lines([page(&url, 7)]))
            .run();
    }
}

fn is_installed(tool: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {tool}")])
        .output();
    found.is_ok_and(|found| found.status.success())
}

#[test]
fn what_separates_urls_never_glues_two_of_them_together() {
    let server = Server::start();
    let [one, two] = [server.url("/size/1"), server.url("/size/2")];
    let glued = ["\t", "\r", "\0"].map(|separator| format!("{one}{separator}{two}"));
    let list = format!("{one}\n{}\n", glued.join("\n"));
    fetchpool()
        .list("list", list)
        .args(["-f", "jsonl"])
        .status(1)
        .stdout(checked(|text| {
            let kinds = rows(text)
                .into_iter()
                .map(|row| row["error"]["kind"].clone());
            let failed = kinds.filter(|kind| kind == "invalid_url").count();
            if failed == 3 {
                Ok(())
            } else {
                Err(format!("{failed} failed"))
            }
        }))
        .run();
    fetchpool()
        .arg(format!("{one}\n{two}"))
        .status(1)
        .stdout(containing(["a line end inside the URL"]))
        .run();
    assert_eq!(server.paths(), ["/size/1"]);
}
