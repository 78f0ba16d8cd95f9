//! `kinesieve doctor --as`: what another role may do.

use super::{doctor, findings, of_verdict};
use crate::support::moto::Moto;
use crate::support::stub::Stub;
use crate::support::{kinesieve, stderr};

const ROLE: &str = "arn:aws:iam::123456789012:role/kinesieve-FunctionRole-1A2B";

/// Security tokens for nobody: who asks is known, and no role is lent to them.
fn tokens_refused() -> Stub {
    Stub::start(|_, body| match body.contains("Action=GetCallerIdentity") {
        true => (
            200,
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::123456789012:user/deployer</Arn><UserId>A</UserId><Account>123456789012</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
                .to_owned(),
        ),
        false => (
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole\
             </Message></Error></ErrorResponse>"
                .to_owned(),
        ),
    })
}

/// What IAM says of each action that a request names: that it is allowed, unless it is one of these.
fn policies(denied: &'static [(&'static str, &'static str)]) -> Stub {
    Stub::start(move |_, body| {
        assert!(body.contains("Action=SimulatePrincipalPolicy") && body.contains("FunctionRole-1A2B"), "{body}");
        let actions = body.split('&').filter(|part| part.starts_with("ActionNames.member."));
        let result = |action: &str| {
            let name = action.rsplit('=').next().unwrap_or_default().replace("%3A", ":");
            let decision = denied.iter().find(|(of, _)| *of == name).map_or("allowed", |(_, decision)| decision);
            format!("<member><EvalActionName>{name}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>")
        };
        let results: String = actions.map(result).collect();
        (
            200,
            format!(
                "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
                 <SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>{results}\
                 </EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
            ),
        )
    })
}

#[test]
fn a_role_that_can_be_assumed_asks_itself() {
    let moto = Moto::start();
    let stream = moto.create_stream("by-role", 1);
    let (found, code) = findings(&mut doctor(&moto, &stream, &["--output", "none", "--as", ROLE]));
    let fine = of_verdict(&found, "ok");
    let session = "credentials: arn:aws:sts::123456789012:assumed-role/kinesieve-FunctionRole-1A2B/kinesieve";
    assert!(fine.contains(&session), "{found:?}");
    assert!(fine.contains(&format!("kinesis:GetRecords on {stream}").as_str()), "{found:?}");
    assert_eq!(code, Some(0), "{found:?}");
}

#[test]
fn of_a_role_that_can_t_be_assumed_iam_says_what_it_may_do_and_each_permission_what_it_is_for() {
    let moto = Moto::start();
    let stream = moto.create_stream("by-iam", 1);
    let (tokens, iam) =
        (tokens_refused(), policies(&[("kinesis:GetRecords", "implicitDeny"), ("sqs:SendMessage", "explicitDeny")]));
    let queue = moto.create_queue("by-iam");
    let mut command = doctor(&moto, &stream, &["--output", &queue, "--as", ROLE]);
    command.env("AWS_ENDPOINT_URL_STS", tokens.endpoint()).env("AWS_ENDPOINT_URL_IAM", iam.endpoint());
    let (found, code) = findings(&mut command);
    let not_assumed = of_verdict(&found, "unknown");
    assert!(not_assumed[0].contains("was not assumed, and IAM is asked"), "{found:?}");
    // What the deployer may do says nothing of the role.
    let may_read = format!("kinesis:GetRecords on {stream} (to read records, shared with all consumers)");
    let may_send = format!("sqs:SendMessage on {queue} (outputs or dead letters for a queue)");
    assert_eq!(of_verdict(&found, "missing"), [may_read.as_str(), may_send.as_str()]);
    let grants: Vec<&str> = found.iter().filter_map(|finding| finding["grant"]["Action"].as_str()).collect();
    assert_eq!(grants, ["kinesis:GetRecords", "sqs:SendMessage"]);
    let reasons: Vec<&str> = found.iter().filter_map(|finding| finding["reason"].as_str()).collect();
    assert!(reasons.contains(&"no policy of the role allows it") && reasons.contains(&"a policy denies it"));
    let listed = "kinesis:ListStreams on * (the event source mapping finds the stream)";
    assert!(of_verdict(&found, "ok").contains(&listed), "{found:?}");
    assert_eq!(code, Some(3));
}

#[test]
fn where_iam_says_nothing_nothing_is_known() {
    let moto = Moto::start();
    let stream = moto.create_stream("by-nobody", 1);
    let tokens = tokens_refused();
    let denied = Stub::start(|_, _| {
        let error = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        (403, error.to_owned())
    });
    let mut command = doctor(&moto, &stream, &["--output", "none", "--as", ROLE]);
    command.env("AWS_ENDPOINT_URL_STS", tokens.endpoint()).env("AWS_ENDPOINT_URL_IAM", denied.endpoint());
    let (found, _) = findings(&mut command);
    let reads = found.iter().find(|finding| finding["what"].as_str().is_some_and(|what| what.contains("GetRecords")));
    let reads = reads.expect("a finding");
    assert_eq!(reads["verdict"], "unknown");
    assert!(reads["reason"].as_str().expect("a reason").contains("iam:SimulatePrincipalPolicy"), "{reads}");
}

#[test]
fn a_role_is_named_by_its_arn() {
    let output = kinesieve(&["doctor", "--stream", "s", "--transform", "none", "--as", "FunctionRole"]).output();
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("arn:aws:iam::ACCOUNT:role/NAME"), "{}", stderr(&output));
}
