//! The transform, for the function's architecture.

use std::num::NonZeroUsize;
use std::path::Path;

use super::finding::Finding;
use crate::foreign;
use crate::interpolation::looked_up_now;
use crate::settings::Settings;
use crate::transform::{CompileTarget, Guests, Limits, Manifest, Transform, check_precompiled};

/// Whether the transform can be loaded and configured.
pub(super) fn check(settings: &Settings, architecture: CompileTarget) -> Vec<Finding> {
    let filter = settings.filter.as_ref();
    let mut findings: Vec<Finding> = filter
        .map(|filter| Finding::fine(format!("filter {}", foreign::one_line(filter.source()))))
        .into_iter()
        .collect();
    let Some(path) = settings.transform_path() else {
        findings.push(Finding::fine("transform: there is none, and records pass as they are".to_owned()));
        return findings;
    };
    let what = format!("transform {}", path.display());
    match check_precompiled(path) {
        Err(error) => return vec![Finding::missing(what, error.to_string())],
        Ok(None) => findings.push(Finding::care(
            &what,
            format!("it is a component, and the packaged function has no compiler: `kinesieve build {} --target {architecture}`", path.display()),
        )),
        Ok(Some(Manifest { target, engine, built_by, .. })) => {
            if target != architecture.as_str() {
                return vec![Finding::missing(what, format!("it is precompiled for {target}, the function is {architecture}"))];
            }
            let here = CompileTarget::of_this_machine();
            if target != here {
                let reason = format!("precompiled for {target} by {built_by} ({engine}), it can't be run on this {here}");
                return vec![Finding::fine(format!("{what}: its digest is right")), Finding::unknown(what, reason)];
            }
        }
    }
    findings.extend(start(settings, path, &what));
    findings
}

/// Starts it with its settings, as the function does.
fn start(settings: &Settings, path: &Path, what: &str) -> Vec<Finding> {
    let known = settings.transform_settings().and_then(|written| Ok(looked_up_now(written)?));
    let transform_settings = match known {
        Ok(transform_settings) => transform_settings,
        Err(error) => return vec![Finding::missing(what, error.to_string())],
    };
    let limits = Limits {
        event_time: settings.event_timeout,
        memory: usize::try_from(settings.memory_limit.as_u64()).unwrap_or(usize::MAX),
    };
    let started = Transform::load(path).map_err(|error| error.to_string()).and_then(|transform| {
        let digest = transform.digest().to_owned();
        let started = Guests::start(&transform, limits, &transform_settings, NonZeroUsize::MIN);
        started.map(|_| digest).map_err(|error| error.to_string())
    });
    match started {
        Ok(digest) => vec![Finding::fine(format!("{what}: it starts with its settings ({digest})"))],
        Err(reason) => vec![Finding::missing(what, reason)],
    }
}
