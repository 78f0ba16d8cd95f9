//! The regions that there are, so that a typing error shows before a host is looked for in vain. A region can be newer than
//! this list: what is not in it is doubted, and used.

/// As the SDK's partition data has them (`aws-sdk-kinesis`, November 2026), in all partitions.
const REGIONS: [&str; 46] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// Returns what is to be said of a region that is not known here, with the nearest one that is, if one is near.
pub(crate) fn doubt(region: &str) -> Option<String> {
    if REGIONS.contains(&region) {
        return None;
    }
    let (distance, near) = REGIONS.iter().map(|known| (strsim::osa_distance(known, region), known)).min()?;
    let hint = if distance <= 2 { format!(": did you mean {near}?") } else { String::new() };
    Some(format!("the region {region:?} is not among those that this version knows; it is used as it is{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_is_not_known_is_doubted_with_the_nearest() {
        assert!(REGIONS.is_sorted());
        assert_eq!(doubt("eu-west-1"), None);
        let said = doubt("eu-wst-1").expect("a doubt");
        assert!(said.ends_with("it is used as it is: did you mean eu-west-1?"), "{said}");
        let said = doubt("xx-moon-9\n").expect("a doubt");
        assert!(said.contains(r#""xx-moon-9\n""#) && said.ends_with("it is used as it is"), "{said}");
    }
}
