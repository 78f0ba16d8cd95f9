//! How large a component is, counted before it is compiled, and what is too large.
//!
//! What compiling takes depends on what is in a component far more than on its size: a hundred thousand empty functions
//! are 600 kB, and used to take 4.7 GB. So the causes are counted, in one pass that is a thousand times cheaper than
//! compiling, and each has a limit. The limits leave the largest guest that is known (Python's interpreter and its
//! library) several times its own counts. Each of the causes alone takes less than 1 GB at its limit, without inlining.

mod count;
mod functions;
mod instances;

use self::functions::FunctionExtent;

/// The most bytes of a component that are read.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// How large a component may be for calls to be inlined while it is compiled. The compiler then holds all functions in its own
/// form at once: some 45 kB for each function and 2 kB for each instruction, so 7.8 GB for Python's 18 MB, which it compiles in
/// 0.4 GB without.
const INLINING_BYTES: u64 = 1500 << 20;

/// What the compiler holds of a function while calls are inlined, whatever is in it, in bytes.
const INLINING_FUNCTION_BYTES: u64 = 45_000;

/// What it holds of an instruction, in bytes.
const INLINING_INSTRUCTION_BYTES: u64 = 2000;

/// What the compiler needs for an instruction of a function that it is compiling, in bytes.
const COMPILING_INSTRUCTION_BYTES: u64 = 1000;

/// What it needs for a variable at a meeting of branches, in bytes.
const COMPILING_MERGE_BYTES: u64 = 25;

/// What functions that are compiled side by side may need together, in bytes.
const COMPILING_BYTES: u64 = 2 << 30;

/// How many of the functions that need most are remembered: more threads than compile side by side.
const MOST_REMEMBERED: usize = 64;

/// What is in a component, with all modules and components in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Functions that are defined.
    functions: u64,
    /// Types of core modules.
    types: u64,
    /// Parameters and results of these types.
    parameters: u64,
    /// What core modules import, export and declare besides functions and types.
    declarations: u64,
    /// Instructions of all functions, each counted with the values that it hands on.
    instructions: u64,
    /// Those of the largest function.
    largest_function: u64,
    /// What compiling those functions needs that need most, in bytes, the most first.
    needs: Vec<u64>,
    /// Local variables of all functions.
    locals: u64,
    /// The most that a function has of variables times branches: at each meeting of branches, the compiler may have to say
    /// anew what each variable is.
    merges: u64,
    /// The sum of `merges` over all functions.
    all_merges: u64,
    /// Bytes of what components say, without the modules in them.
    component_bytes: u64,
    /// How deep components lie in components.
    depth: u64,
    /// What instantiating it makes: instances, and functions between them.
    instances: u64,
    /// Components that are handed to components.
    handed_components: u64,
}

/// More of something than is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExtentExceeded {
    /// What it has too much of.
    pub(super) what: &'static str,
    /// How much it has, at least.
    pub(super) found: u64,
    /// How much it may have.
    pub(super) limit: u64,
}

/// Why a component is not to be compiled.
#[derive(Debug)]
pub(super) enum NotCompilable {
    /// There is too much in it.
    Excess(ExtentExceeded),
    /// It can't be read.
    Invalid(wasmparser::BinaryReaderError),
}

impl From<wasmparser::BinaryReaderError> for NotCompilable {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        NotCompilable::Invalid(error)
    }
}

impl Extent {
    /// Counts what is in a component, and stops where it is too much.
    pub(super) fn of(component: &[u8]) -> Result<Self, NotCompilable> {
        count::count(component)
    }

    /// The limits: what is counted, how much there is, and how much there may be. What Python has is written beside it.
    fn limits(&self) -> [(&'static str, u64, u64); 13] {
        [
            ("functions", self.functions, 50_000),                         // 13,400
            ("types of functions", self.types, 20_000),                    // 1,100
            ("parameters and results of types", self.parameters, 200_000), // 3,400
            ("imports, exports, globals, tables and segments", self.declarations, 200_000), // 9,200
            ("instructions", self.instructions, 20_000_000),
            ("instructions in one function", self.largest_function, 1_000_000),
            ("local variables", self.locals, 5_000_000), // 47,700
            ("local variables times branches in one function", self.merges, 20_000_000),
            ("local variables times branches", self.all_merges, 400_000_000),
            ("bytes of components without their modules", self.component_bytes, 2 << 20),
            ("components in one another", self.depth, 16), // 1
            ("instances, and functions between them", self.instances, 20_000),
            ("components that are handed to components", self.handed_components, 0),
        ]
    }

    fn check(&self) -> Result<(), ExtentExceeded> {
        match self.limits().into_iter().find(|(_, found, limit)| found > limit) {
            None => Ok(()),
            Some((what, found, limit)) => Err(ExtentExceeded { what, found, limit }),
        }
    }

    /// Whether it is small enough for calls to be inlined.
    pub(super) fn is_inlined(&self) -> bool {
        let functions = self.functions.saturating_mul(INLINING_FUNCTION_BYTES);
        let instructions = self.instructions.saturating_mul(INLINING_INSTRUCTION_BYTES);
        functions.saturating_add(instructions) <= INLINING_BYTES
    }

    /// Whether so many of its functions may be compiled side by side, whichever they are.
    pub(super) fn is_compiled_by(&self, threads: usize) -> bool {
        let at_once = self.needs.iter().take(threads);
        at_once.fold(0, |together: u64, needed| together.saturating_add(*needed)) <= COMPILING_BYTES
    }

    /// Adds a function.
    fn add(&mut self, function: &FunctionExtent) {
        self.instructions = self.instructions.saturating_add(function.instructions);
        self.largest_function = self.largest_function.max(function.instructions);
        self.locals = self.locals.saturating_add(function.locals);
        let merges = function.variables.saturating_mul(function.branches);
        self.merges = self.merges.max(merges);
        self.all_merges = self.all_merges.saturating_add(merges);
        let instructions = function.instructions.saturating_mul(COMPILING_INSTRUCTION_BYTES);
        let needed = instructions.saturating_add(merges.saturating_mul(COMPILING_MERGE_BYTES));
        let place = self.needs.partition_point(|other| *other >= needed);
        if place < MOST_REMEMBERED {
            self.needs.insert(place, needed);
            self.needs.truncate(MOST_REMEMBERED);
        }
    }
}

impl std::fmt::Display for ExtentExceeded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, found, limit } = self;
        match *limit {
            0 => write!(formatter, "it has {what}, which are not compiled"),
            _ => write!(formatter, "it has {found} {what}, and no more than {limit} are compiled"),
        }
    }
}

#[cfg(test)]
mod tests;
