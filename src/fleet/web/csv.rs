//! [`Csv`]: rows for a spreadsheet, after RFC 4180. A text that a spreadsheet would take for a
//! formula, also with full-width signs, gets a `'` in front. A text with a separator of any locale is
//! quoted.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

/// What a formula begins with, and what some spreadsheets pass over before it.
const FORMULA_SIGNS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A table that grows row by row.
pub(super) struct Csv {
    text: String,
}

impl Csv {
    /// With its heads.
    pub(super) fn new(heads: &[&str]) -> Self {
        let mut csv = Csv { text: String::new() };
        csv.row(heads.iter().map(|head| Some((*head).to_owned())));
        csv
    }

    /// Adds a row; what is not known is an empty cell.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Option<String>>) {
        for (k, cell) in cells.into_iter().enumerate() {
            if k > 0 {
                self.text.push(',');
            }
            self.cell(&cell.unwrap_or_default());
        }
        self.text.push_str("\r\n");
    }

    fn cell(&mut self, text: &str) {
        let is_number = text.parse::<f64>().is_ok();
        let is_formula = !is_number && text.trim_start_matches(' ').starts_with(FORMULA_SIGNS);
        let text = if is_formula { format!("'{text}") } else { text.to_owned() };
        if text.contains(['"', ',', ';', '\t', '\n', '\r']) {
            self.text.push('"');
            self.text.push_str(&text.replace('"', "\"\""));
            self.text.push('"');
        } else {
            self.text.push_str(&text);
        }
    }

    /// The answer, as a file of that name.
    pub(super) fn into_response(self, name: &str) -> Response {
        let disposition = format!("attachment; filename=\"{name}.csv\"");
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
        ];
        (headers, self.text).into_response()
    }
}

/// A time as spreadsheets read it, UTC.
pub(super) fn utc(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms).map_or_else(
        |_| unix_ms.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_and_are_never_formulas() {
        let mut csv = Csv::new(&["a", "b"]);
        csv.row([Some("x,y".into()), None]);
        csv.row([Some("say \"hi\"\n".into()), Some("-1.5".into())]);
        csv.row([Some("=HYPERLINK(1)".into()), Some("@sum".into())]);
        csv.row([Some("\u{ff1d}1".into()), Some("  =1;2".into())]);
        let expected = "a,b\r\n\"x,y\",\r\n\"say \"\"hi\"\"\n\",-1.5\r\n'=HYPERLINK(1),'@sum\r\n\
                        '\u{ff1d}1,\"'  =1;2\"\r\n";
        assert_eq!(csv.text, expected);
        assert_eq!(utc(0), "1970-01-01 00:00:00");
    }
}
