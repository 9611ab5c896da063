//! [`MetricsSnapshot`]: numbers as they stand at one moment, and their text for Prometheus.
//!
//! Knows the format, and not what the numbers mean.

use std::fmt;

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text},
    metrics::MetricType,
    registry::Registry,
};

/// Labels of one sample.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// Families of samples in the order in which they were noted.
#[derive(Debug, Default)]
pub(crate) struct MetricsSnapshot {
    families: Vec<Family>,
}

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: Vec<(Labels, Value)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Counter(f64),
    Gauge(f64),
    Histogram(Buckets),
}

/// A histogram: every bucket with its upper bound and what it alone holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets {
    pub(crate) sum: f64,
    pub(crate) count: u64,
    pub(crate) buckets: Vec<(f64, u64)>,
}

/// The two texts that Prometheus reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    /// The format that a client which sends this `Accept` reads best.
    fn of(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Format::OpenMetrics
        } else {
            Format::Prometheus
        }
    }

    /// Its name in `Content-Type`.
    fn mime(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

impl MetricsSnapshot {
    /// Notes a number that only grows. Its sample is called `name` with `_total`.
    pub(crate) fn counter(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.counters(name, help, [(Labels::new(), value)]);
    }

    /// Adds counters, distinguished by their labels.
    pub(crate) fn counters(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let samples = samples.into_iter().map(|(labels, n)| (labels, Value::Counter(n)));
        self.family(name, help, MetricType::Counter, samples.collect());
    }

    /// Notes a number of now; `None` is not known now and is left out.
    pub(crate) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        value: impl Into<Option<f64>>,
    ) {
        self.gauges(name, help, value.into().map(|value| (Labels::new(), value)));
    }

    /// Adds gauges, distinguished by their labels.
    pub(crate) fn gauges(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let samples = samples.into_iter().map(|(labels, n)| (labels, Value::Gauge(n)));
        self.family(name, help, MetricType::Gauge, samples.collect());
    }

    /// Adds histograms, distinguished by their labels.
    pub(crate) fn histograms(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, Buckets)>,
    ) {
        let samples = samples.into_iter().map(|(labels, h)| (labels, Value::Histogram(h)));
        self.family(name, help, MetricType::Histogram, samples.collect());
    }

    /// The whole, in the format that a client which sends these headers reads best.
    pub(crate) fn answer(self, headers: &HeaderMap) -> Response {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let format = Format::of(accept.unwrap_or_default());
        ([(header::CONTENT_TYPE, format.mime())], self.into_text(format)).into_response()
    }

    /// The whole text.
    fn into_text(self, format: Format) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut out = String::new();
        match format {
            Format::OpenMetrics => text::encode(&mut out, &registry),
            Format::Prometheus => prometheus_text::encode(&mut out, &registry),
        }
        .expect("a String takes everything");
        out
    }

    fn family(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: MetricType,
        samples: Vec<(Labels, Value)>,
    ) {
        if !samples.is_empty() {
            self.families.push(Family { name, help, kind, samples });
        }
    }
}

impl Collector for MetricsSnapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.families {
            let mut metric =
                encoder.encode_descriptor(family.name, family.help, None, family.kind)?;
            for (labels, value) in &family.samples {
                if labels.is_empty() {
                    value.encode(&mut metric)?;
                } else {
                    value.encode(&mut metric.encode_family(labels)?)?;
                }
            }
        }
        Ok(())
    }
}

impl Value {
    fn encode(&self, metric: &mut MetricEncoder<'_>) -> fmt::Result {
        match self {
            Value::Counter(value) => metric.encode_counter::<NoLabelSet, _, f64>(value, None),
            Value::Gauge(value) => metric.encode_gauge(value),
            Value::Histogram(Buckets { sum, count, buckets }) => {
                metric.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> MetricsSnapshot {
        let mut snapshot = MetricsSnapshot::default();
        snapshot.counters("drops", "Lost.", [(vec![("stage", "a\"b\\c\n".into())], 3.0)]);
        snapshot.gauge("age", "Old.", 1.5);
        snapshot.gauge("unknown", "Left out.", None);
        let buckets = vec![(0.1, 2), (1.0, 1), (f64::INFINITY, 1)];
        let histogram = Buckets { sum: 4.5, count: 4, buckets };
        snapshot.histograms("took", "Time.", [(Labels::new(), histogram)]);
        snapshot
    }

    #[test]
    fn the_prometheus_text_is_as_written_in_its_rules() {
        let expected = "\
# HELP drops_total Lost.
# TYPE drops_total counter
drops_total{stage=\"a\\\"b\\\\c\\n\"} 3.0
# HELP age Old.
# TYPE age gauge
age 1.5
# HELP took Time.
# TYPE took histogram
took_bucket{le=\"0.1\"} 2
took_bucket{le=\"1\"} 3
took_bucket{le=\"+Inf\"} 4
took_sum 4.5
took_count 4
";
        assert_eq!(snapshot().into_text(Format::Prometheus), expected);
    }

    #[test]
    fn open_metrics_ends_with_its_mark() {
        let text = snapshot().into_text(Format::OpenMetrics);
        assert!(text.contains("# TYPE drops counter\ndrops_total{"), "{text}");
        assert!(text.ends_with("# EOF\n"));
        assert_eq!(
            Format::of("application/openmetrics-text;version=1.0.0"),
            Format::OpenMetrics
        );
        assert_eq!(Format::of("*/*"), Format::Prometheus);
    }
}
