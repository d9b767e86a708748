//! `metrics.csv`: the epochs as a table for spreadsheets.

use super::lines::EpochMetrics;

/// The whole of `metrics.csv`; empty while no epoch is done.
pub(super) fn table(lines: &[EpochMetrics]) -> String {
    let header = lines.first().map_or_else(String::new, csv_header);
    header + &lines.iter().map(csv_line).collect::<String>()
}

pub(super) fn csv_header(metrics: &EpochMetrics) -> String {
    let held = if metrics.validation.is_some() { "validation" } else { "test" };
    let mut header = format!(
        "epoch,train_loss,train_top1,train_top5,{held}_loss,{held}_top1,{held}_top5,lr,images_per_second,seconds,peak_memory_bytes"
    );
    for (layer, _) in &metrics.firing_rates {
        header.push(',');
        header.push_str(&cell(&format!("firing_rate.{layer}")));
    }
    header + "\n"
}

pub(super) fn csv_line(metrics: &EpochMetrics) -> String {
    // Debug formatting gives the shortest digits that read back as the same number.
    let number = |value: f64| format!("{value:?}");
    let mut cells = vec![metrics.epoch.to_string()];
    for scores in [Some(metrics.train), metrics.evaluated()] {
        for value in [scores.map(|s| s.loss), scores.map(|s| s.top1), scores.map(|s| s.top5)] {
            cells.push(value.map_or_else(String::new, number));
        }
    }
    cells.extend([metrics.lr, metrics.images_per_second, metrics.seconds].map(number));
    cells.push(metrics.peak_memory_bytes.map_or_else(String::new, |bytes| bytes.to_string()));
    cells.extend(metrics.firing_rates.iter().map(|&(_, rate)| number(rate)));
    cells.join(",") + "\n"
}

/// A cell as RFC 4180 writes it. A text that a spreadsheet would take for a formula, and might run, gets a `'` before
/// it, which spreadsheets take for the mark of a text.
pub(crate) fn cell(text: &str) -> String {
    // The last four are the first four as Japanese keyboards have them.
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = match formula && text.parse::<f64>().is_err() {
        true => format!("'{text}"),
        false => text.to_string(),
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::metrics::SplitMetrics;

    #[test]
    fn texts_that_a_spreadsheet_would_run_are_marked_as_texts_and_numbers_stay() {
        for number in ["-1", "+0.5", "-1e-5", "1e-5", "-3.25E+07", "-inf", "0", ""] {
            assert_eq!(cell(number), number);
        }
        assert_eq!(cell("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(
            ["+a", "-1+1", "@SUM", "\tx", "-", "＝1"].map(cell),
            ["'+a", "'-1+1", "'@SUM", "'\tx", "'-", "'＝1"]
        );
        assert_eq!(cell("=1,2"), "\"'=1,2\"");
        assert_eq!(cell("-\"x\""), "\"'-\"\"x\"\"\"");
        assert_eq!(["\rx", "\nx"].map(cell), ["\"'\rx\"", "\"'\nx\""]);
        // Elsewhere than at the beginning they mean nothing.
        assert_eq!(["a=b", " =1", "'=1", "network.lif.leak"].map(cell), ["a=b", " =1", "'=1", "network.lif.leak"]);
    }

    #[test]
    fn a_layers_name_cannot_begin_a_cell_of_the_table() {
        let scores = SplitMetrics { loss: -0.5, top1: 1.0, top5: 2.0 };
        let metrics = EpochMetrics {
            epoch: 1,
            train: scores,
            validation: None,
            test: None,
            lr: 1e-5,
            firing_rates: vec![("=1+1,x".into(), 0.25)],
            images_per_second: 1.0,
            seconds: 2.0,
            peak_memory_bytes: None,
        };
        assert!(csv_header(&metrics).ends_with(",peak_memory_bytes,\"firing_rate.=1+1,x\"\n"));
        assert_eq!(csv_line(&metrics), "1,-0.5,1.0,2.0,,,,1e-5,1.0,2.0,,0.25\n");
    }
}
