//! [`Features`]: what may be analysed. Off means that the model is not run and the field is null.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares the switches: one row here, and its default in `config/key.rs`.
macro_rules! switches {
    ($($(#[doc = $meaning:literal])+ $name:ident)+) => {
        /// The feature switches, obeyed where the media is captured or analysed.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
        #[serde(deny_unknown_fields)]
        pub struct Features {
            $($(#[doc = $meaning])+ pub $name: bool,)+
        }

        /// Which switches change; what is absent or null stays as it is.
        #[derive(
            Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize,
        )]
        #[serde(default, deny_unknown_fields)]
        pub struct FeatureChange {
            $($(#[doc = $meaning])+ pub $name: Option<bool>,)+
        }

        impl Features {
            /// Everything on.
            pub const ALL: Features = Features { $($name: true,)+ };

            /// Everything off.
            pub const NONE: Features = Features { $($name: false,)+ };

            /// Each switch as `is_on` gives it for its name.
            pub fn of(mut is_on: impl FnMut(&'static str) -> bool) -> Features {
                Features { $($name: is_on(stringify!($name)),)+ }
            }

            /// These features after `change`.
            #[must_use]
            pub fn changed(self, change: &FeatureChange) -> Features {
                Features { $($name: change.$name.unwrap_or(self.$name),)+ }
            }

            /// What is on here and in `ceiling`.
            #[must_use]
            pub fn within(self, ceiling: Features) -> Features {
                Features { $($name: self.$name && ceiling.$name,)+ }
            }

            /// Every switch with its name.
            pub fn by_name(self) -> [(&'static str, bool); [$(stringify!($name)),+].len()] {
                [$((stringify!($name), self.$name),)+]
            }
        }

        impl FeatureChange {
            /// Each switch as `change` gives it for its name and its state in `features`.
            pub fn of(
                features: Features,
                mut change: impl FnMut(&'static str, bool) -> Option<bool>,
            ) -> FeatureChange {
                FeatureChange { $($name: change(stringify!($name), features.$name),)+ }
            }
        }
    };
}

switches! {
    /// Read the camera at all.
    video
    /// Read the microphone at all.
    audio
    /// The 7 basic expressions of the face.
    face_emotion
    /// What the muscles of the face do: ten coefficients, no emotions.
    face_actions
    /// Gaze and eye contact.
    gaze
    /// Head pose and its stability.
    head_pose
    /// Arousal of the voice.
    voice_emotion
    /// The picture of the booth's camera, for those who may see it.
    preview
}

impl Features {
    /// The names of what is on here, but not in `ceiling`.
    pub fn beyond(self, ceiling: Features) -> Vec<&'static str> {
        let (wanted, allowed) = (self.by_name(), ceiling.by_name());
        let both = wanted.into_iter().zip(allowed);
        both.filter(|((_, wanted), (_, allowed))| *wanted && !*allowed)
            .map(|((name, _), _)| name)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_touches_only_what_it_names() {
        let change: FeatureChange =
            serde_json::from_str(r#"{"gaze": false, "video": null}"#).unwrap();
        assert_eq!(Features::ALL.changed(&change), Features { gaze: false, ..Features::ALL });
        assert!(serde_json::from_str::<FeatureChange>(r#"{"gase": false}"#).is_err());
    }

    #[test]
    fn what_is_beyond_the_ceiling_is_named() {
        let ceiling = Features { gaze: false, preview: false, ..Features::ALL };
        assert_eq!(Features::ALL.beyond(ceiling), ["gaze", "preview"]);
        assert!(Features::ALL.within(ceiling).beyond(ceiling).is_empty());
    }

    #[test]
    fn names_are_those_of_the_wire() {
        let wire = serde_json::to_value(Features::ALL).unwrap();
        let names = Features::ALL.by_name();
        assert_eq!(wire.as_object().unwrap().len(), names.len());
        assert!(names.iter().all(|(name, on)| wire[name] == *on));
    }
}
