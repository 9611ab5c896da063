//! What the `[inference]` keys mean together.

use super::{Judge, Value};
use crate::inference::{Backend, InferenceConfig, Provider};

const PROVIDERS: &str = "inference.providers";

impl Judge<'_> {
    pub(super) fn inference(&mut self) -> InferenceConfig {
        let backend = self.text("inference.backend");
        let state_dir = self.path("state.dir").expect("has a default");
        InferenceConfig {
            backend: Backend::from_word(&backend).expect("the words are the backend's own"),
            library: self.path("inference.library"),
            providers: self.providers(),
            may_fall_back: self.switch("inference.fallback"),
            engine_cache: self
                .path("inference.engine_cache")
                .unwrap_or_else(|| state_dir.join("tensorrt")),
        }
    }

    fn providers(&mut self) -> Vec<Provider> {
        let Some(Value::Texts(words)) = self.given.get(PROVIDERS) else {
            unreachable!("{PROVIDERS} is a list of texts with a default");
        };
        let mut providers = Vec::new();
        for word in words {
            match Provider::from_word(&word) {
                Some(twice) if providers.contains(&twice) => {
                    self.problem(PROVIDERS, format!("names {word:?} twice"));
                }
                Some(provider) => providers.push(provider),
                None => {
                    let message =
                        format!("knows \"tensorrt\", \"cuda\" and \"cpu\", not {word:?}");
                    self.problem(PROVIDERS, message);
                }
            }
        }
        providers
    }
}
