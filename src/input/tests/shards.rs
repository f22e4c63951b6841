//! Lists that several runs share.

use super::*;
use std::collections::BTreeMap;

fn sharded(content: &[u8], shard: &str) -> (Options, NamedTempFile) {
    let list = list(content);
    let options = Options {
        shard: Some(shard.parse().unwrap()),
        ..options(&[file(list.path())], None)
    };
    (options, list)
}

#[test]
fn over_all_shards_each_line_is_there_once() {
    let long = "x".repeat(LIMIT + 1);
    let mut content = b"nonsense\n\xff\xfe\nftp://a/\nnonsense\n# no\n\nexample.com/x\n".to_vec();
    content.extend_from_slice(format!("{long}\nhttp://[::1]/\n").as_bytes());
    for n in 0..300 {
        content.extend_from_slice(format!("http://h{}.example:{n}/{n}\n", n % 30).as_bytes());
    }
    let whole = from_list(&content);
    for of in [1, 2, 3, 16] {
        let mut seen = BTreeMap::new();
        for number in 1..=of {
            let (options, _list) = sharded(&content, &format!("{number}/{of}"));
            let mut targets = Targets::open(options.clone()).unwrap();
            let skipped = targets.skipped();
            let ours = drained(&mut targets);
            assert_eq!(options.count(), Some(ours.len() as u64), "{number}/{of}");
            let others = whole.len() - ours.len();
            assert_eq!(skipped.of_other_shards(), others as u64, "{number}/{of}");
            for target in ours {
                let line = (target.line, (target.written.clone(), shown(&target)));
                assert_eq!(
                    seen.insert(line.0, line.1),
                    None,
                    "line {} twice of {of}",
                    line.0
                );
            }
        }
        let expected: BTreeMap<_, _> = whole
            .iter()
            .map(|target| (target.line, (target.written.clone(), shown(target))))
            .collect();
        assert_eq!(seen, expected, "of {of}");
    }
}

#[test]
fn a_host_is_in_one_shard_however_it_is_written() {
    // example.com is part 22 of 64: the table in `shard` has its hash.
    let content = "http://example.com\nHTTPS://EXAMPLE.com:8443/x?y#z\nhttp://user:pw@example.com/\n\
                   http:\\\\ex\u{e4}mple.com\\\nhttp://www.example.com/\nexample.com/x\nhttp://Example.com./\n";
    let (ours, _list) = sharded(content.as_bytes(), "22/64");
    let lines = |options| {
        all(options)
            .iter()
            .map(|target| target.line)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(ours.clone()), [1, 2, 3, 7]);
    let with_scheme = Options {
        default_scheme: Some(Scheme::Https),
        ..ours
    };
    assert_eq!(
        lines(with_scheme.clone()),
        [1, 2, 3, 6, 7],
        "what it is completed to counts"
    );
    assert_eq!(with_scheme.count(), Some(5));
}

#[test]
fn url_arguments_are_shared_too_and_keep_their_numbers() {
    let urls = ["http://www.example.com/", "http://example.com/", "nonsense"];
    let options = |shard: &str| Options {
        shard: Some(shard.parse().unwrap()),
        ..options(&urls.map(|url| List::Url(url.to_owned())), None)
    };
    for (shard, expected) in [("1/2", vec![2, 3]), ("2/2", vec![1])] {
        let targets = all(options(shard));
        let lines: Vec<_> = targets.iter().map(|target| target.line).collect();
        assert_eq!(lines, expected, "{shard}");
        assert_eq!(
            options(shard).count(),
            Some(expected.len() as u64),
            "{shard}"
        );
    }
}
