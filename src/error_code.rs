//! The codes of the errors that a user can meet: each stands for one cause and its remedy, and never for another one.
//!
//! The hundreds tell what an error is about. A code stays with its meaning for ever: what is new gets a new one. The page of
//! each lies in `docs/reference/errors`.

use std::fmt;
use std::str::FromStr;

/// Calls a macro with all codes, each as `Name Code Title;`, so that whatever is made for each of them is made for all.
macro_rules! with_every_code {
    ($callback:ident) => {
        $callback! {
            UnknownSetting "K101" "unknown setting";
            InvalidValue "K102" "invalid value of a setting";
            MissingSetting "K103" "missing setting";
            Contradiction "K104" "settings contradict each other";
            ConnectorUnreadable "K105" "connector file can't be read";
            InvalidConnector "K106" "invalid connector file";
            LookupFailed "K107" "a value that stands elsewhere can't be looked up";

            TransformUnreadable "K201" "transform can't be read";
            NotWebAssembly "K202" "transform is not WebAssembly";
            CoreModule "K203" "transform is a core module";
            NotCompilable "K204" "transform can't be compiled";
            TransformTooLarge "K205" "transform has more than can be compiled";
            NoCompiler "K206" "this build has no compiler";
            NoManifest "K207" "precompiled transform without its manifest";
            DigestMismatch "K208" "precompiled transform differs from its manifest";
            PrecompiledForOther "K209" "transform is precompiled for another machine or version";
            EngineFailed "K210" "WebAssembly engine can't be set up";
            ContractVersion "K211" "transform implements another version of the contract";
            NotATransform "K212" "component is not a transform";
            TwoWorlds "K213" "transform is for records and for windows";
            ImportNotGranted "K214" "transform imports what transforms are not given";
            TransformSettingsRefused "K215" "transform rejected its settings";
            TransformStartFailed "K216" "transform failed while it started";
            NoThread "K217" "no thread for the transform";
            OtherWorld "K218" "transform is of the other world";

            DestinationNotOpened "K301" "destination can't be opened";
            DestinationRefused "K302" "destination does not take a record";
            NoCredentials "K303" "no AWS credentials";
            NoRegion "K304" "no AWS region";
            Loop "K305" "destination is the stream that is read";

            CheckpointTableMissing "K401" "checkpoint table does not exist";
            CheckpointDenied "K402" "access to the checkpoint table is denied";
            CheckpointThrottled "K403" "checkpoint table is throttled";
            CheckpointTimeout "K404" "checkpoint table does not answer in time";
            ShardHeld "K405" "another consumer holds the shard";
            CheckpointForeign "K406" "another function wrote the checkpoint";
            CheckpointOvertaken "K407" "checkpoint is further already";
            CheckpointRefused "K408" "checkpoint table refuses the request";
            CheckpointUnreachable "K409" "checkpoint table can't be reached";
            CheckpointTableNotReady "K410" "checkpoint table is not active yet";
            CheckpointTableKeys "K411" "checkpoint table has other keys";
            NotSafeToResume "K412" "checkpoint is not safe to resume from";
            PositionsDiffer "K413" "checkpoint table has other positions";
            PositionsUnreadable "K414" "positions can't be read from a file";
            KclLeasesUnusable "K415" "leases of the KCL can't be imported";
            KclRunning "K416" "KCL application is still running";

            InputUnreadable "K501" "input can't be read";
            InputUnknown "K502" "input has an unknown format";
            InputBroken "K503" "input is broken";
            InvalidStream "K504" "invalid name of a stream";
            NoStream "K511" "stream does not exist";
            StreamDenied "K512" "access to the stream is denied";
            NoShard "K513" "stream has no such shard";
            SequenceNumberExpired "K514" "sequence number is no longer in the shard";
            SequenceNumberOfOtherShard "K515" "sequence number is of another shard";
            SequenceNumberOfSeveralShards "K516" "sequence number for several shards";
            StartInTheFuture "K517" "start is in the future";
            StreamTwice "K518" "stream is named twice";
            ConsumerUnusable "K519" "consumer can't be used";
            StreamRefused "K520" "Kinesis refuses a request";
            DeadLettersUnreadable "K531" "dead letters can't be read";
            DeadLettersRefused "K532" "service does not give the dead letters";
            DeadLetterMalformed "K533" "malformed dead letter";
            DeadLetterNotFetched "K534" "data of a large dead letter is not fetched";
            DeadLetterCut "K535" "data of a cut dead letter is gone";
            DescriptionsUnreadable "K541" "descriptions of given-up records can't be read";
            DescriptionsRefused "K542" "service does not give the descriptions";
            DescriptionMalformed "K543" "malformed description of given-up records";
            GivenUpRecordsInStream "K544" "given-up records are in their stream";
            GivenUpRecordsLost "K545" "given-up records are no longer in the stream";
            GivenUpRecordsNotRead "K546" "given-up records can't be read from the stream";
            GivenUpRecordsDiffer "K547" "stream holds other records than are described";

            StoppedByRetry "K601" "transform returned retry";
            StoppedWithoutDeadLetters "K602" "event failed, and there is no dead-letter destination";
            StoppedByDeadLetters "K603" "event failed, and its dead letter was not written";
            StoppedByDestination "K604" "output was not delivered";
            StoppedByDeadline "K605" "time was up";
            StoppedByTransform "K606" "transform is not running";
            Rejected "K611" "transform rejected the event";
            Trap "K612" "transform trapped";
            Timeout "K613" "transform took too long for an event";
            Memory "K614" "transform ran out of memory";
            Decode "K615" "payload can't be decoded";
            Undeliverable "K616" "output can never be delivered";
            Exhausted "K617" "event ran out of attempts or time";

            NotAKinesisEvent "K701" "event is not a Kinesis event";
            RecordIncomplete "K702" "record without a position";
            MixedShards "K703" "records of several shards in one event";
            WindowEventIncomplete "K711" "incomplete event of a tumbling window";
            WindowStateDamaged "K712" "state of a window is damaged";
            WindowStateForeign "K713" "state of a window is of another function";
            WindowStateVersion "K714" "state of a window is of another version";
            WindowForRecords "K715" "tumbling window, and a transform for records";
            RecordsForWindows "K716" "no tumbling window, and a transform for windows";
            WindowStateForm "K717" "state of a window has another form";
            WindowStateRefused "K718" "transform refuses the state of a window";
            WindowStateTooLarge "K719" "state of a window is too large";
            WindowStateMissing "K720" "no state of a window in time";
            WindowNotClosed "K721" "window can't be closed";
            InvalidFirehoseEvent "K731" "invalid event of Firehose";
            InvalidDirectInvocation "K732" "invalid direct invocation";

            InvalidProjectName "K801" "invalid name of a project";
            ProjectTaken "K802" "folder of a new project exists";
            FileNotWritten "K803" "file can't be written";
            SdkChanged "K804" "SDK of a project was changed";
            NoSdkRecord "K805" "nothing says which SDK a project has";
            SdkNewer "K806" "SDK of a project is newer";
            NoProject "K811" "folder is not a project";
            ProjectUnreadable "K812" "file of a project can't be read";
            InvalidProject "K813" "invalid kinesieve.json";
            ToolMissing "K814" "build tool is missing";
            ToolNotStarted "K815" "build command can't be started";
            BuildFailed "K816" "build command failed";
            NothingBuilt "K817" "build did not make its file";
            NotAModule "K818" "module can't become a component";
            AlreadyPrecompiled "K821" "transform is precompiled already";
            OutputIsComponent "K822" "output is the component itself";
            InvalidCases "K831" "invalid file of test cases";
            NoCases "K832" "no test cases";
            NoFunction "K841" "no function to package";
            FunctionDamaged "K842" "function of the release is damaged";
            FunctionOfOtherMachine "K843" "function is for another machine";
            PackageTooLarge "K844" "package is too large";
            DeploymentTaken "K845" "file of a deployment was changed";

            NotInLambda "K901" "not inside AWS Lambda";
            RuntimeApiUnreachable "K902" "Lambda runtime API does not answer";
            RuntimeApiUnexpected "K903" "unexpected answer of the Lambda runtime API";
            EnvironmentBroken "K904" "Lambda environment can't go on";
        }
    };
}
pub(crate) use with_every_code;

macro_rules! define {
    ($($name:ident $code:literal $title:literal;)*) => {
        /// The code of an error that a user can meet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = concat!($code, ": ", $title, ".")] $name,)*
        }

        impl ErrorCode {
            /// Every code, in their order.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name),*];

            /// Returns the code as users see it, such as `K101`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(ErrorCode::$name => $code,)*
                }
            }

            /// Returns what the code stands for, in a few words.
            pub fn title(self) -> &'static str {
                match self {
                    $(ErrorCode::$name => $title,)*
                }
            }
        }
    };
}
with_every_code!(define);

/// What the codes of each hundred are about.
const TOPICS: [&str; 9] = [
    "Settings",
    "Transforms",
    "Destinations",
    "The checkpoint table",
    "Inputs, streams and dead letters",
    "Stops and dead-lettered events",
    "Events and tumbling windows",
    "Projects, builds and test cases",
    "The Lambda runtime",
];

impl ErrorCode {
    /// Returns what its hundred is about, as a heading.
    pub fn topic(self) -> &'static str {
        let hundred = self.as_str().as_bytes().get(1).map_or(0, |digit| digit.saturating_sub(b'1'));
        TOPICS.get(usize::from(hundred)).copied().unwrap_or_default()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text that is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown error code {text:?}: did you mean {nearest}? `kinesieve explain` lists all of them")]
pub struct UnknownCode {
    /// The text.
    pub text: String,
    /// The code that is nearest to it.
    pub nearest: ErrorCode,
}

impl FromStr for ErrorCode {
    type Err = UnknownCode;

    /// Takes a code in capital or small letters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_it = |code: &&ErrorCode| code.as_str().eq_ignore_ascii_case(text.trim());
        let found = ErrorCode::ALL.iter().find(is_it).copied();
        found.ok_or_else(|| UnknownCode { text: text.to_owned(), nearest: nearest(text) })
    }
}

/// Returns the code whose number is nearest to that in a text; the first one, where there is no number.
fn nearest(text: &str) -> ErrorCode {
    let number = |text: &str| {
        let digits: String = text.chars().filter(char::is_ascii_digit).take(9).collect();
        digits.parse::<u32>().unwrap_or_default()
    };
    let wanted = number(text);
    let distance = |code: &&ErrorCode| number(code.as_str()).abs_diff(wanted);
    ErrorCode::ALL.iter().min_by_key(distance).copied().unwrap_or(ErrorCode::UnknownSetting)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_code_and_each_title_stands_once_and_codes_are_in_order() {
        let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert!(codes.is_sorted_by(|left, right| left < right), "{codes:?}");
        for code in &codes {
            let digits = code.strip_prefix('K').expect(code);
            assert!(digits.len() == 3 && digits.parse::<u16>().is_ok_and(|number| (101..1000).contains(&number)));
        }
        let titles: HashSet<&str> = ErrorCode::ALL.iter().map(|code| code.title()).collect();
        assert_eq!(titles.len(), codes.len());
    }

    #[test]
    fn a_code_is_taken_in_small_letters_and_an_unknown_one_named_with_the_nearest() {
        assert_eq!("k101".parse(), Ok(ErrorCode::UnknownSetting));
        assert_eq!("K904".parse(), Ok(ErrorCode::EnvironmentBroken));
        for (text, expected) in [("K108", "K107"), ("999", "K904"), ("", "K101"), ("K99999999999999", "K904")] {
            let unknown = text.parse::<ErrorCode>().expect_err(text);
            assert_eq!(unknown.nearest.as_str(), expected, "{text}");
        }
    }

    #[test]
    fn each_hundred_has_its_topic() {
        assert_eq!(ErrorCode::UnknownSetting.topic(), "Settings");
        assert_eq!(ErrorCode::NotInLambda.topic(), "The Lambda runtime");
    }
}
