//! Which models the daemon loads, and their description in /health.

use crate::{
    booth_api::ModelInfo,
    config::Config,
    error::Result,
    inference::{Catalog, ModelEntry, Runtime},
    vision::ExpressionChoice,
};

/// The models, with what the configuration wants to run them.
///
/// # Errors
/// `Config` when they are not there, or what is wanted cannot run them and nothing may take over.
pub(crate) fn catalog(config: &Config) -> Result<Catalog> {
    let runtime = Runtime::start(&config.inference)?;
    Ok(Catalog::open(&config.models_dir)?.with_runtime(runtime))
}

/// Models of features that the policy forbids are not loaded.
pub(super) fn expression(config: &Config) -> ExpressionChoice {
    if config.policy.ceiling.face_emotion {
        config.vision.expression.clone()
    } else {
        ExpressionChoice::Forbidden
    }
}

/// Pictures and sound: whether they may come, from a device or a client, so that the models are
/// loaded.
pub(super) fn may_come(config: &Config) -> (bool, bool) {
    let (sources, ceiling) = (&config.sources, &config.policy.ceiling);
    (sources.video.is_some() || ceiling.video, sources.audio.is_some() || ceiling.audio)
}

/// The models that run, which are those that were loaded: of what may come, and no expression where
/// it is forbidden. An operator's own stands in the place of ours.
pub(super) fn models(config: &Config, catalog: &Catalog) -> Vec<ModelInfo> {
    let expression = expression(config);
    let (pictures, sound) = may_come(config);
    let is_loaded = |name: &str| match name {
        "voice_activity" => sound,
        _ if !pictures => false,
        _ if name.starts_with("expression") => expression == ExpressionChoice::Builtin,
        _ => true,
    };
    let own = match &expression {
        ExpressionChoice::Own(own) if pictures => Some(("expression", &**own)),
        _ => None,
    };
    let info = |(name, entry): (&str, &ModelEntry)| ModelInfo {
        name: name.into(),
        sha256: entry.sha256.clone().unwrap_or_else(|| "not stated".into()),
    };
    catalog.entries().filter(|(name, _)| is_loaded(name)).chain(own).map(info).collect()
}
