//! Checks of the values of options. This is a module of the library, as it needs private interfaces.

use std::time::Duration;

use super::units;

/// Durations, sizes and whole numbers: exact, in range, and 0 only if 0 was written.
pub(crate) fn units(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let has_digits = text.contains(|c: char| matches!(c, '1'..='9'));
    if let Ok(duration) = units::duration(text) {
        assert_eq!(duration.is_zero(), !has_digits);
        assert!(duration <= Duration::from_secs(36_500 * 86_400));
        let millis = format!("{}ms", duration.as_millis());
        let again = units::duration(&millis).expect("it is one");
        assert_eq!(again.as_millis(), duration.as_millis());
    }
    if let Ok(size) = units::size(text) {
        assert_eq!(size == 0, !has_digits);
        assert_eq!(units::size(&size.to_string()), Ok(size));
    }
    if let Ok(number) = units::whole::<1, 10_000>(text) {
        assert!((1..=10_000).contains(&number));
    }
}
