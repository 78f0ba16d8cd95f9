//! What IAM says that a role may do.

use aws_sdk_iam::Client as Iam;
use aws_sdk_iam::types::PolicyEvaluationDecisionType;

use crate::aws::{causes, config_in};
use crate::cli::doctor::finding::{Finding, FindingStatus, Statement};
use crate::cli::doctor::permission::Permission;
use crate::cli::doctor::role::what;
use crate::settings::Arn;

/// Actions that one request asks about at most, so that the answer is one page (of 100).
const ACTIONS_OF_A_REQUEST: usize = 50;

/// What IAM says of permissions. Policies of resources, and those of the organization, are not all part of that.
pub(in crate::cli::doctor) async fn simulate(role: &Arn, permissions: &[Permission]) -> Vec<Finding> {
    let client = Iam::new(&config_in(None).await);
    let mut findings = Vec::new();
    let mut resources: Vec<&str> = permissions.iter().map(|permission| permission.resource.as_str()).collect();
    resources.sort_unstable();
    resources.dedup();
    for resource in resources {
        let of_resource: Vec<&Permission> =
            permissions.iter().filter(|permission| permission.resource == resource).collect();
        for asked in of_resource.chunks(ACTIONS_OF_A_REQUEST) {
            findings.extend(on_resource(&client, role, resource, asked).await);
        }
    }
    findings
}

async fn on_resource(client: &Iam, role: &Arn, resource: &str, asked: &[&Permission]) -> Vec<Finding> {
    let mut request = client.simulate_principal_policy().policy_source_arn(role.to_string()).resource_arns(resource);
    for permission in asked {
        request = request.action_names(&permission.action);
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            let reason = format!(
                "IAM does not say what {role} may do, which takes iam:SimulatePrincipalPolicy ({})",
                causes(&error)
            );
            return asked.iter().map(|permission| Finding::unknown(what(permission), reason.clone())).collect();
        }
    };
    let decision = |permission: &Permission| {
        let results = answer.evaluation_results().iter();
        let mut of_it = results.filter(|result| result.eval_action_name().eq_ignore_ascii_case(&permission.action));
        of_it.next().map(|result| result.eval_decision().clone())
    };
    asked
        .iter()
        .map(|permission| match decision(permission) {
            Some(PolicyEvaluationDecisionType::Allowed) => Finding::fine(what(permission)),
            Some(decision) => {
                let why = match decision {
                    PolicyEvaluationDecisionType::ExplicitDeny => "a policy denies it",
                    _ => "no policy of the role allows it",
                };
                let grant = Some(Statement::allowing(&permission.action, &permission.resource));
                Finding {
                    verdict: FindingStatus::Missing { reason: why.to_owned(), grant },
                    ..Finding::fine(what(permission))
                }
            }
            None => Finding::unknown(what(permission), "IAM says nothing of it"),
        })
        .collect()
}
