//! Flags of curl, wget, aria2, xargs and the like that fetchpool does not have, and what to write instead.

/// A row holds flags, a colon, and what to write instead. For a flag with two meanings it names both.
const FLAGS: &str = "\
--thread --threads --concurrency --concurrent --connections --parallel-max --split: write --jobs N
--max-procs --procs --max-concurrent-downloads: write --jobs N
-Z --parallel: fetchpool fetches in parallel already: --jobs N says how many at once
-P: write --jobs N for so many at once, -o DIR for where bodies are saved
--retry --tries --max-tries --retry-count --retry-all-errors --retry-connrefused: write --retries N
--retry-max-time: write --deadline D for the whole run, --timeout D for one attempt
-L --location --follow --follow-redirects: redirects are followed already; --max-redirects N limits them
--max-redirs --max-redirect: write --max-redirects N
-O --remote-name --remote-name-all --output: write -o DIR: each body is saved below it, under the name of its URL or of --name
--output-document --directory-prefix --dir --out-dir --outdir: write -o DIR: each body is saved below it, under the name of its URL or of --name
-s --silent --no-verbose --no-progress-meter --no-progress: write -q (--quiet)
-S --show-error: every failure has its record, -q or not
--debug: write -vv
-m --max-time --time-limit --read-timeout: write --timeout D, or --stall-timeout D for a silence
-d --data --data-raw --data-binary --data-urlencode --body-data: requests have no body
--post-data --post-file -F --form -T --upload-file: requests have no body
--json: write -f jsonl for records in JSON; requests have no body
--jsonl: write -f jsonl for records, -i jsonl for lists
--csv: write -f csv for records, -i csv for lists
--tsv: write -f tsv for records, -i tsv for lists
--request: write -X M (--method M)
-x --http-proxy --all-proxy --socks5 --socks5-hostname: write --proxy URL
--input-file --file -K --config --url: lists and URLs are given without an option: fetchpool urls.txt
--spider: write --check
--write-out: write -f csv --fields LIST, like url,status
--include --show-headers --dump-header --server-response --save-headers: write -f jsonl --record-header NAME, or '*' for all
--max-filesize: write --max-size SIZE
--max-errors --max-failures: write --max-fail N
--fail --fail-with-body: a final status other than 2xx is a failure already; --accept SET takes others
--content-on-error: write --accept SET: a page of a status in it is as any other
--no-check-certificate --no-verify --check-certificate: write -k (--insecure)
-C --continue-at --always-resume: write -c (--continue): parts of bodies are kept below the DIR of -o
-N --timestamping --etag-compare --etag-save --time-cond --conditional-get: write --update FILE, with the jsonl of an earlier run
--no-clobber --skip-existing: write --resume FILE, with the jsonl of an earlier run
-R --use-server-timestamps: write --remote-time
--max-overall-download-limit --max-download-limit --bwlimit: write --limit-rate SIZE
--warc-file: write --warc FILE
-w: write --host-delay D for a wait between requests, -f csv --fields LIST for what is printed
--wait --delay --random-wait: write --host-delay D
-e --referer --referrer: write -H 'Referer: URL'
--cookie: write -b FILE (--cookies FILE) for a cookie file, -H 'Cookie: NAME=VALUE' for one cookie
--load-cookies: write -b FILE (--cookies FILE)
--cookie-jar --save-cookies: cookies are not saved; -b FILE (--cookies FILE) sends those of a file
--netrc-file: write --netrc, or --netrc=FILE for another file
--netrc-optional: write --netrc
--no-netrc: a netrc file is read only with --netrc
--location-trusted: -u and -H go to one origin; --netrc has users for every host
-n: write --netrc for users and passwords of ~/.netrc; a request is for one URL anyway";

/// What to write instead of `flag`.
pub(super) fn instead(flag: &str) -> Option<&'static str> {
    let mut rows = FLAGS.lines().filter_map(|row| row.split_once(": "));
    let row = rows.find(|(flags, _)| flags.split(' ').any(|known| known == flag));
    row.map(|(_, instead)| instead)
}

/// Whether `typed` may be a typo of `option`: its beginning, or equal but for one or two letters in one place.
pub(super) fn is_typo(typed: &str, option: &str) -> bool {
    let same = |pair: &(u8, u8)| pair.0 == pair.1;
    let longest = typed.len().max(option.len());
    let begins = typed.bytes().zip(option.bytes()).take_while(same).count();
    let ends = typed.bytes().rev().zip(option.bytes().rev());
    let ends = ends.take_while(same).count();
    option.starts_with(typed) || begins > 2 && begins + ends + 2 >= longest
}
