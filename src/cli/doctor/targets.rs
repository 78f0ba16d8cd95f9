//! The targets: whether each is there, and takes what the function sends.

use std::path::Path;

use super::finding::Finding;
use super::probe::{ProbeAnswer, is_there};
use crate::aws::{check_region, region};
use crate::settings::{Arn, Target};

/// Whether a target is there, and takes what the function sends. `role` is what it is a target of.
pub(super) async fn check(role: &str, target: &Target) -> Vec<Finding> {
    match target {
        Target::None => vec![Finding::fine(format!("{role}: none"))],
        Target::Discard => vec![Finding::care(
            format!("{role}: discard"),
            "what fails is given up and is nowhere but in the stream, until its retention ends: name a destination, and \
             redrive takes it up again",
        )],
        Target::Stdout => vec![Finding::fine(format!("{role}: stdout, which is the function's log in Lambda"))],
        Target::File(path) => vec![file(role, path)],
        Target::Aws(destination) => {
            if let Err(error) = check_region(region(destination.arn())).await {
                return vec![Finding::missing(format!("{role}: {destination}"), error.to_string())];
            }
            let probe = destination.kind().probe(destination.arn()).await;
            let is_missing = matches!(probe.is_there, ProbeAnswer::NoSuchThing(_));
            let mut findings = vec![is_there(&format!("{role}: {destination}"), probe.is_there)];
            if !is_missing {
                findings.push(probe.may_write.on(probe.action, &probe.resource));
            }
            findings
        }
    }
}

/// What is wrong with a target that is the stream that the function reads; none: it is another place.
pub(super) fn leads_back(role: &str, target: &Target, stream: &Arn) -> Option<Finding> {
    let Target::Aws(destination) = target else { return None };
    (destination.arn() == stream).then(|| {
        Finding::missing(
            format!("{role}: {destination} is the stream that the function reads"),
            "what it delivers there would be read, transformed and delivered again, for ever: name another stream",
        )
    })
}

fn file(role: &str, path: &Path) -> Finding {
    let advice = "files are gone with the function's instance, and only /tmp can be written to";
    Finding::care(format!("{role}: file:{}", path.display()), advice)
}
