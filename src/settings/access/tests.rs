use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Both {
    #[command(flatten)]
    common: AccessSettings,
    #[command(flatten)]
    table: TableAccessSettings,
}

fn reaches(flags: &str) -> Result<Reaches, String> {
    let Both { common, table } = Both::try_parse_from(flags.split_whitespace()).map_err(|error| error.to_string())?;
    assert!(!format!("{common:?} {table:?}").contains("hunter2"));
    common.reaches(Some((&table, None))).map_err(|error| error.to_string())
}

const ROLE: &str = "arn:aws:iam::222222222222:role/r";

#[test]
fn what_the_table_has_none_of_its_own_of_is_that_of_the_streams() {
    let Reaches { common, table, .. } =
        reaches(&format!("--region eu-west-1 --endpoint-url http://a:1 --profile p --credentials-role {ROLE}"))
            .expect("settings");
    assert_eq!(common, table);
    assert_eq!(
        (common.region.as_deref(), common.endpoint_url.as_ref().map(EndpointUrl::as_str)),
        (Some("eu-west-1"), Some("http://a:1"))
    );
    assert_eq!(common.credentials, CredentialsFrom::Profile("p".to_owned()));
    let Reaches { common, table, .. } = reaches(&format!(
        "--credentials-profile p --credentials-role {ROLE} --checkpoint-region eu-west-2 --checkpoint-credentials-id AKID \
         --checkpoint-credentials-secret hunter2"
    ))
    .expect("settings");
    assert!(common.role.is_some() && table.role.is_none(), "a role goes with its credentials");
    assert_eq!(table.region.as_deref(), Some("eu-west-2"));
    assert!(matches!(table.credentials, CredentialsFrom::Key(_)));
}

#[test]
fn what_is_of_two_kinds_or_of_half_of_one_is_refused_without_the_secret() {
    for (flags, said) in [
        ("--profile p --credentials-id a --credentials-secret hunter2", "PROFILE and KINESIEVE_CREDENTIALS_ID both"),
        ("--profile p --credentials-from-ec2-role true", "KINESIEVE_CREDENTIALS_FROM_EC2_ROLE both"),
        ("--credentials-id a", "of use with KINESIEVE_CREDENTIALS_SECRET"),
        ("--credentials-secret hunter2", "of use with KINESIEVE_CREDENTIALS_ID"),
        ("--credentials-token hunter2", "set all three"),
        ("--credentials-role-external-id x", "of use with KINESIEVE_CREDENTIALS_ROLE:"),
        ("--credentials-role arn:aws:iam::111122223333:user/u", "no ARN of a role"),
        ("--checkpoint-credentials-id a", "of use with KINESIEVE_CHECKPOINT_CREDENTIALS_SECRET"),
        ("--checkpoint-credentials-profile p --checkpoint-credentials-from-ec2-role true", "both say"),
        ("--endpoint-url localhost:4566", "KINESIEVE_ENDPOINT_URL: \"localhost:4566\" is no address"),
        ("--checkpoint-endpoint-url ftp://user:hunter2@h", "KINESIEVE_CHECKPOINT_ENDPOINT_URL"),
        ("--assume-role x", "use ARN=ROLE"),
        ("--assume-role arn:aws:sqs:=arn:aws:iam::111122223333:user/u", "no ARN of a role"),
        (
            "--assume-role arn:aws:sqs:=arn:aws:iam::111122223333:role/a --assume-role arn:aws:sqs:=arn:aws:iam::111122223333:role/b",
            "two roles for arn:aws:sqs:",
        ),
    ] {
        let message = reaches(flags).expect_err(flags);
        assert!(message.contains(said), "{flags}: {message}");
        assert!(!message.contains("hunter2"), "{flags}: {message}");
    }
}

#[test]
fn roles_for_destinations_are_one_after_the_other_with_external_ids() {
    let roles = reaches(&format!("--assume-role arn:aws:sqs:={ROLE}#a,b,arn:aws:s3:::bucket/a=b={ROLE},x"))
        .expect("roles")
        .roles;
    let role = |arn: &str, external_id: Option<&str>| Role {
        arn: arn.to_owned(),
        external_id: external_id.map(str::to_owned),
    };
    let expected = [
        ("arn:aws:sqs:".to_owned(), role(ROLE, Some("a,b"))),
        ("arn:aws:s3:::bucket/a=b".to_owned(), role("arn:aws:iam::222222222222:role/r,x", None)),
    ];
    assert_eq!(roles, expected);
}
