//! A strict reader of Prometheus' text format 0.0.4: what it takes, Prometheus takes.

use std::collections::{BTreeMap, BTreeSet};

/// Every sample by its name with its labels, as they stand.
#[derive(Debug, Default)]
pub struct Metrics {
    /// The values.
    pub samples: BTreeMap<String, f64>,
    /// The type of every family.
    pub types: BTreeMap<String, String>,
}

impl Metrics {
    /// Reads the whole text; panics at the first thing that is not by the rules.
    pub fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends too");
        let mut metrics = Metrics::default();
        let mut family: Option<(String, String)> = None;
        let mut helped: Option<String> = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a name and a sentence");
                assert!(is_name(name) && help.ends_with('.'), "{line}");
                helped = Some(name.to_owned());
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a type");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(helped.take().as_deref(), Some(name), "its help stands above it");
                let earlier = metrics.types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(earlier, None, "{name} stands twice");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                family = Some((name.to_owned(), kind.to_owned()));
            } else {
                let (name, kind) = family.as_ref().expect("a sample follows its type");
                metrics.read_sample(line, name, kind);
            }
        }
        metrics.check_histograms();
        metrics
    }

    /// The sample of that name and these labels.
    pub fn get(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("no {series} in {self:#?}"))
    }

    fn read_sample(&mut self, line: &str, family: &str, kind: &str) {
        let name_end = line.find(['{', ' ']).expect("a name ends");
        let (name, rest) = line.split_at(name_end);
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} in {family}"));
        let is_right = match kind {
            "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
            _ => suffix.is_empty(),
        };
        assert!(is_name(name) && is_right, "{line}");
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest),
            None => (Vec::new(), rest),
        };
        let unique: BTreeSet<_> = labels.iter().map(|(key, _)| key).collect();
        assert_eq!(unique.len(), labels.len(), "a label stands twice: {line}");
        let value = value.strip_prefix(' ').expect("one space before the value");
        let value = match value {
            "+Inf" => f64::INFINITY,
            number => number.parse().unwrap_or_else(|_| panic!("{line}: no number")),
        };
        assert!(kind == "gauge" || value >= 0.0, "{line}");
        let series = &line[..line.rfind(' ').expect("was there")];
        assert_eq!(self.samples.insert(series.to_owned(), value), None, "{series} twice");
    }

    /// Buckets only grow, and the last holds all.
    fn check_histograms(&self) {
        let names = self.types.iter().filter(|(_, kind)| *kind == "histogram");
        for (name, _) in names {
            let mut by_labels: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
            for (series, count) in &self.samples {
                let Some(rest) = series.strip_prefix(&format!("{name}_bucket{{")) else {
                    continue;
                };
                let (mut labels, _) = labels(rest);
                let le = labels.iter().position(|(key, _)| key == "le").expect("a bound");
                let bound = labels.remove(le).1;
                let bound =
                    if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
                let pairs = labels.iter().map(|(key, value)| format!("{key}={value:?}"));
                let key = pairs.collect::<Vec<_>>().join(",");
                by_labels.entry(key).or_default().push((bound, *count));
            }
            for (labels, mut buckets) in by_labels {
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                assert!(buckets.is_sorted_by_key(|bucket| bucket.1), "{name} {labels}");
                let (bound, all) = *buckets.last().expect("has one");
                let braces = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
                assert!(bound.is_infinite(), "{name}{braces}");
                assert_eq!(all.to_bits(), self.get(&format!("{name}_count{braces}")).to_bits());
                assert!(self.get(&format!("{name}_sum{braces}")) >= 0.0);
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_right = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.chars().all(is_right)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    while !rest.starts_with('}') {
        let (key, after) = rest.split_once("=\"").expect("key=\"value\"");
        assert!(is_name(key) && !key.contains(':'), "{rest}");
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().expect("a label's value ends") {
                (end, '"') => break end,
                (_, '\\') => value.push(match chars.next().expect("an escape").1 {
                    'n' => '\n',
                    c @ ('"' | '\\') => c,
                    other => panic!("there is no escape {other}"),
                }),
                (_, c) => value.push(c),
            }
        };
        found.push((key.to_owned(), value));
        rest = &after[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    (found, &rest[1..])
}
