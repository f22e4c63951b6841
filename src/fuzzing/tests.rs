//! The short form of each check.

#[path = "../../tests/fuzz/short.rs"]
mod short;

use super::CHECKS;

/// A few seconds for all checks.
const ROUNDS: u64 = 4000;

/// A test for each check, and one that no check is without a test.
macro_rules! shorts {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            let name = stringify!($name);
            let check = CHECKS.iter().find(|check| check.name == name);
            let check = check.expect("it is one of the checks");
            short::run(name, check.run, check.seed, ROUNDS);
        })*

        #[test]
        fn every_check_is_tried() {
            let tried = [$(stringify!($name)),*];
            assert_eq!(CHECKS.map(|check| check.name), tried);
        }
    };
}

shorts!(
    list,
    url,
    resume,
    shard,
    head,
    chunked,
    location,
    proxy,
    rule,
    retry_after,
    saved_names,
    options
);
