//! The SQL of how old a row is for certain.

/// SQL: the latest time that `at` of a row of `table` can have been, on the scale of
/// [`Clock::certain_unix_ms`]. Rows from before there were epochs have the age of their label once
/// a clock was vouched for, and until then the age of the first epoch.
pub(super) fn bound(at: &str, epoch: &str) -> String {
    format!(
        "ifnull(
            (SELECT {at} - origin_ms + certain_ms FROM clock_epoch WHERE epoch_id = {epoch}),
            CASE
                WHEN NOT EXISTS (SELECT 1 FROM clock_epoch) THEN {at}
                WHEN NOT EXISTS (SELECT 1 FROM clock_epoch WHERE is_vouched) THEN 0
                WHEN {at} < {earliest}
                    THEN (SELECT certain_ms FROM clock_epoch ORDER BY epoch_id LIMIT 1)
                ELSE {at}
            END)",
        earliest = crate::clock::EARLIEST_UNIX_MS
    )
}
