//! `boothd evaluate expression DIR`: how good the expression models are on labelled faces.
//!
//! DIR holds one sub-folder a label. So anyone can judge the models, or a model of their own, on
//! faces like those of their booth. Sets of labelled faces hold far fewer neutral ones than an
//! interview; so the models are judged for the share on which they were fitted, and then for
//! `vision.neutral_share`, as the booth reports it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use serde::Serialize;

use super::{write_json, write_line};
use crate::{
    app,
    config::Config,
    decode::Picture,
    error::{Error, ErrorKind, Result},
    media::{Frame, Orientation, PixelFormat},
    vision::{
        EXPRESSIONS, ExpressionModels, ExpressionRunner, FaceAnalyser, FaceModels, VisionConfig,
    },
};

/// `boothd evaluate expression`
#[derive(Args, Debug)]
pub struct EvaluateArguments {
    /// Folder with one sub-folder a label: angry, disgust, fear, happy, sad, surprise, neutral
    dir: PathBuf,
    /// Take each picture as a tight, upright face crop instead of looking for the face
    #[arg(long)]
    aligned: bool,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Results of the evaluation.
#[derive(Debug, Serialize)]
struct Report {
    /// Pictures without a face that could be judged.
    skipped: usize,
    /// Labels of the rows and columns of `confusion`.
    labels: [&'static str; 7],
    /// The models, for the share of neutral faces on which they were fitted.
    #[serde(flatten)]
    models: Evaluation,
    /// As the booth reports it, for `vision.neutral_share`.
    as_reported: Evaluation,
}

/// Labels and judgements, compared.
#[derive(Debug, Serialize)]
struct Evaluation {
    /// Pictures judged.
    n: usize,
    /// Share judged right.
    accuracy: f64,
    /// Mean over the labels that occur of the share judged right.
    mean_recall: f64,
    /// Expected calibration error (Naeini et al. 2015), 10 bins of the top probability.
    ece: f64,
    /// Rows: the truth; columns: the judgement.
    confusion: [[usize; 7]; 7],
}

/// One judged picture: the true label and the probabilities.
type Judged = (usize, [f32; 7]);

pub(super) fn run(
    config: &Config,
    arguments: &EvaluateArguments,
    out: &mut dyn Write,
) -> Result<()> {
    let pictures = labelled_pictures(&arguments.dir)?;
    let unchanged = VisionConfig { neutral_share: None, ..config.vision.clone() };
    let models = FaceModels::load(&app::catalog(config)?, &unchanged)?;
    let mut analyser = FaceAnalyser::new(&models, unchanged);
    let mut expression = models.expression().map(ExpressionModels::runner);
    let prior_for = |models: &ExpressionModels| models.prior_for(config.vision.neutral_share);
    let prior = models.expression().map(prior_for).unwrap_or_default();
    let mut judged = Vec::new();
    for (label, path) in &pictures {
        let frame = read_picture(path)?;
        let probabilities = if arguments.aligned {
            let mut picture = Picture::default();
            picture.decode(&frame).map_err(|cause| unusable(path, cause))?;
            let judge = |runner: &mut ExpressionRunner| runner.judge_aligned(&picture);
            expression.as_mut().map(judge).transpose()?
        } else {
            let seen = analyser.observe_still(&frame).map_err(|cause| unusable(path, cause))?;
            seen.face.and_then(|face| face.expression).map(|e| e.probabilities)
        };
        judged.extend(probabilities.map(|probabilities| (*label, probabilities)));
    }
    let reported: Vec<Judged> =
        judged.iter().map(|(label, p)| (*label, prior.apply(p))).collect();
    let report = Report {
        skipped: pictures.len() - judged.len(),
        labels: EXPRESSIONS,
        models: evaluate(&judged),
        as_reported: evaluate(&reported),
    };
    if arguments.json { write_json(out, &report) } else { write_text(out, &report) }
}

/// Every picture below `dir`, sorted, with the index of its label.
fn labelled_pictures(dir: &Path) -> Result<Vec<(usize, PathBuf)>> {
    let mut pictures = Vec::new();
    for folder in sorted_entries(dir)?.into_iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(label) = EXPRESSIONS.iter().position(|label| *label == name) else {
            let what = format!(
                "{} names no expression; rename it to one of {}",
                folder.display(),
                EXPRESSIONS.join(", ")
            );
            return Err(Error::new(ErrorKind::InvalidInput, what));
        };
        let files = sorted_entries(&folder)?.into_iter();
        pictures.extend(files.filter(|f| format_of(f).is_some()).map(|file| (label, file)));
    }
    if pictures.is_empty() {
        let what = format!(
            "{} holds no pictures; it needs sub-folders named by label with .jpg or .png files",
            dir.display()
        );
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    Ok(pictures)
}

fn sorted_entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |cause: std::io::Error| {
        let what = format!("folder {} cannot be read", dir.display());
        Error::new(ErrorKind::InvalidInput, what).because(cause)
    };
    let entries = fs::read_dir(dir).map_err(unreadable)?;
    let paths: std::io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(unreadable)?;
    paths.sort();
    Ok(paths)
}

fn format_of(path: &Path) -> Option<PixelFormat> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "jpg" | "jpeg" => Some(PixelFormat::Jpeg),
        "png" => Some(PixelFormat::Png),
        _ => None,
    }
}

fn read_picture(path: &Path) -> Result<Frame> {
    let data = fs::read(path).map_err(|cause| {
        let what = format!("picture {} cannot be read", path.display());
        Error::new(ErrorKind::InvalidInput, what).because(cause)
    })?;
    Ok(Frame {
        sequence: 0,
        captured_at: Duration::ZERO,
        unix_ms: 0,
        width_px: 0,
        height_px: 0,
        format: format_of(path).expect("only pictures are listed"),
        orientation: Orientation::Upright,
        data,
    })
}

fn unusable(path: &Path, cause: Error) -> Error {
    let what = format!("picture {} cannot be used; remove or repair it", path.display());
    Error::new(cause.kind(), what).because(cause)
}

fn evaluate(judged: &[Judged]) -> Evaluation {
    let mut confusion = [[0; 7]; 7];
    for (truth, probabilities) in judged {
        confusion[*truth][top(probabilities).0] += 1;
    }
    let right = |label: usize| confusion[label][label];
    let of_label = |label: usize| confusion[label].iter().sum::<usize>();
    let present: Vec<usize> = (0..7).filter(|label| of_label(*label) > 0).collect();
    let recalls = present.iter().map(|label| right(*label) as f64 / of_label(*label) as f64);
    Evaluation {
        n: judged.len(),
        accuracy: present.iter().map(|label| right(*label)).sum::<usize>() as f64
            / judged.len().max(1) as f64,
        mean_recall: recalls.sum::<f64>() / present.len().max(1) as f64,
        ece: calibration_error(judged),
        confusion,
    }
}

/// Mean over the judged of |share right - mean top probability| of their bin of ten.
fn calibration_error(judged: &[Judged]) -> f64 {
    let mut bins = [(0usize, 0.0f64, 0usize); 10];
    for (truth, probabilities) in judged {
        let (label, probability) = top(probabilities);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a probability times ten, cut to 0..9"
        )]
        let bin = &mut bins[((probability * 10.0) as usize).min(9)];
        bin.0 += 1;
        bin.1 += f64::from(probability);
        bin.2 += usize::from(label == *truth);
    }
    let gap = |(_, confidence, right): &(usize, f64, usize)| (*right as f64 - confidence).abs();
    bins.iter().map(gap).sum::<f64>() / judged.len().max(1) as f64
}

fn top(probabilities: &[f32; 7]) -> (usize, f32) {
    let indexed = probabilities.iter().copied().enumerate();
    indexed.max_by(|a, b| a.1.total_cmp(&b.1)).expect("there are seven")
}

fn write_text(out: &mut dyn Write, report: &Report) -> Result<()> {
    let (n, skipped) = (report.models.n, report.skipped);
    write_line(
        out,
        &format!("pictures {n} (and {skipped} without a face that can be judged)"),
    )?;
    write_line(out, "the models, for the share of neutral faces on which they were fitted")?;
    write_evaluation(out, &report.models)?;
    write_line(out, "as the booth reports it, for vision.neutral_share")?;
    write_evaluation(out, &report.as_reported)
}

fn write_evaluation(out: &mut dyn Write, evaluation: &Evaluation) -> Result<()> {
    let Evaluation { accuracy, mean_recall, ece, .. } = evaluation;
    write_line(out, &format!("accuracy           {:5.1} %", accuracy * 100.0))?;
    write_line(out, &format!("mean recall        {mean_recall:7.3}"))?;
    write_line(out, &format!("calibration error  {ece:7.3}"))?;
    let cells =
        |cells: Vec<String>| cells.iter().map(|c| format!("{c:>9}")).collect::<String>();
    let header = cells(EXPRESSIONS.iter().map(ToString::to_string).collect());
    write_line(out, &format!("{:<10}{header}", "true \\ pred"))?;
    for (label, row) in EXPRESSIONS.iter().zip(&evaluation.confusion) {
        let row = cells(row.iter().map(ToString::to_string).collect());
        write_line(out, &format!("{label:<10} {row}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
