//! What the role of a function may do: told by its own requests, where it can be assumed, and else by IAM.

#[cfg(feature = "iam")]
mod simulation;

use super::caller::caller;
#[cfg(not(feature = "iam"))]
use super::finding::Finding;
use super::permission::Permission;
use crate::aws::{Reach, Role, config_by};
use crate::settings::Arn;

/// How the role is asked about.
#[derive(Debug)]
pub(super) enum Asked {
    /// It was assumed, so its own requests tell.
    Itself(Reach),
    /// It was not, and IAM is asked what it may do.
    Iam {
        /// Why it was not assumed.
        reason: String,
    },
}

/// Tries to assume the role, as a caller of this reach.
pub(super) async fn assume(role: &Arn, reach: &Reach, region: Option<&str>) -> Asked {
    let by_role = Reach { role: Some(Role { arn: role.to_string(), external_id: None }), ..reach.clone() };
    match caller(&config_by(&by_role, region).await).await {
        Ok(_) => Asked::Itself(by_role),
        Err(reason) => Asked::Iam { reason },
    }
}

#[cfg(feature = "iam")]
pub(super) use simulation::simulate;

/// Without the client of IAM, nobody is asked.
#[cfg(not(feature = "iam"))]
pub(super) async fn simulate(_role: &Arn, permissions: &[Permission]) -> Vec<Finding> {
    let not_asked = "IAM is not asked: build kinesieve with the cargo feature iam";
    permissions.iter().map(|permission| Finding::unknown(what(permission), not_asked)).collect()
}

/// The permission, and what it is for.
fn what(permission: &Permission) -> String {
    let Permission { action, resource } = permission;
    let purpose = permission.purpose().map(|purpose| format!(" ({purpose})")).unwrap_or_default();
    format!("{action} on {resource}{purpose}")
}
