//! What the clients of all services have in common. Endpoints and credentials are the SDK's own:
//! variables, profiles and roles as everywhere.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};

use crate::settings::Arn;

/// A service in the same region answers in milliseconds; these only end what hangs, early enough for
/// another try.
const CONNECT: Duration = Duration::from_secs(2);
const ATTEMPT: Duration = Duration::from_secs(5);

/// The configuration for the region of a resource.
pub(super) async fn config(arn: &Arn) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(arn.region.clone()))
        .timeout_config(timeouts)
        .load()
        .await
}
