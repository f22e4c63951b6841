//! The short form of each check.

#[path = "../../tests/fuzz/short.rs"]
mod short;

use super::CHECKS;

/// A few seconds for all checks.
const ROUNDS: u64 = 4000;

/// Makes a test of each check, and one that fails if a check has no test.
macro_rules! shorts {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            let name = stringify!($name);
            let check = CHECKS.into_iter().find(|(other, _)| *other == name);
            let (_, check) = check.expect("it is one of the checks");
            short::run(name, check, ROUNDS);
        })*

        #[test]
        fn every_check_is_tried() {
            let tried = [$(stringify!($name)),*];
            assert_eq!(CHECKS.map(|(name, _)| name), tried);
        }
    };
}

shorts!(
    list,
    rows,
    url,
    resume,
    shard,
    head,
    chunked,
    location,
    proxy,
    rule,
    netrc,
    cookies,
    retry_after,
    saved_names,
    options
);
