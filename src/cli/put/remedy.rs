//! What to do where a stream refuses everything.

use crate::aws::StreamAddress;
use crate::settings::StreamName;

/// What to change about an error of this code; none: the error says all that is known.
pub(super) fn remedy(code: &str, stream: &StreamName, region: &str) -> Option<String> {
    Some(match code {
        "AccessDenied" | "AccessDeniedException" => format!(
            "these credentials may not put records into it; they need this statement in a policy:\n  \
             {{\"Effect\": \"Allow\", \"Action\": \"kinesis:PutRecords\", \"Resource\": \"{}\"}}",
            resource(stream, region)
        ),
        "KMSAccessDeniedException" => "allow kms:GenerateDataKey on the stream's key".to_owned(),
        "ResourceNotFoundException" => format!(
            "stream {stream} not found in {region}: check its name, the region (AWS_REGION, or give the stream's \
             ARN) and at the account (AWS_PROFILE)"
        ),
        // What all services refuse comes with its remedy.
        _ => return None,
    })
}

/// The stream as a policy names it. Whose a stream is that has but a name, only AWS knows.
fn resource(stream: &StreamName, region: &str) -> String {
    match stream.address(Some(region)) {
        StreamAddress::Arn(arn) => arn.to_string(),
        StreamAddress::Name(name) => format!("arn:aws:kinesis:{region}:*:stream/{name}"),
    }
}
