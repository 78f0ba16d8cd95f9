//! What is in a function, as its compiler sees it.

use wasmparser::{BlockType, CompositeInnerType, FunctionBody, Operator, Result};

/// What is in a function.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FunctionExtent {
    /// Its instructions, each with the values that it hands on: a call with what it passes and gets, a branch with what it
    /// takes along to each of its targets.
    pub(super) instructions: u64,
    /// Its local variables, without parameters.
    pub(super) locals: u64,
    /// Its local variables and parameters.
    pub(super) variables: u64,
    /// Where branches go or meet.
    pub(super) branches: u64,
}

/// The types of a module's functions, as far as they matter to whoever calls them.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    /// Parameters and results of each type.
    types: Vec<Values>,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
    /// Which of them has the next body.
    next: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Values {
    parameters: u64,
    all: u64,
}

impl Signatures {
    pub(super) fn declare(&mut self, declared: &CompositeInnerType) {
        let values = match declared {
            CompositeInnerType::Func(function) => {
                let (parameters, results) = (function.params().len() as u64, function.results().len() as u64);
                Values { parameters, all: parameters + results }
            }
            CompositeInnerType::Array(_) | CompositeInnerType::Struct(_) | CompositeInnerType::Cont(_) => {
                Values::default()
            }
        };
        self.types.push(values);
    }

    pub(super) fn import(&mut self, type_index: u32) {
        self.functions.push(type_index);
        self.next = self.functions.len();
    }

    pub(super) fn define(&mut self, type_index: u32) {
        self.functions.push(type_index);
    }

    /// What is in the next function.
    pub(super) fn next_body(&mut self, body: &FunctionBody<'_>) -> Result<FunctionExtent> {
        let own_type = self.functions.get(self.next).copied();
        self.next += 1;
        let mut function = FunctionExtent::default();
        for declaration in body.get_locals_reader()? {
            function.locals = function.locals.saturating_add(declaration?.0.into());
        }
        function.variables = function.locals + own_type.map_or(0, |own_type| self.of_type(own_type).parameters);
        // The most that a block of it has: a branch may take as much along.
        let mut taken_along = 0;
        for operator in body.get_operators_reader()? {
            let handed_on = self.handed_on(&operator?, &mut taken_along, &mut function.branches);
            function.instructions = function.instructions.saturating_add(1).saturating_add(handed_on);
        }
        Ok(function)
    }

    /// How many values an instruction hands on.
    fn handed_on(&self, operator: &Operator<'_>, taken_along: &mut u64, branches: &mut u64) -> u64 {
        let mut block = |block: BlockType| {
            let values = match block {
                BlockType::Empty => 0,
                BlockType::Type(_) => 1,
                BlockType::FuncType(index) => self.of_type(index).all,
            };
            *taken_along = values.max(*taken_along);
            values
        };
        let (handed_on, targets) = match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => (block(*blockty), 1),
            Operator::TryTable { try_table } => {
                let catches = try_table.catches.len() as u64;
                (block(try_table.ty).saturating_mul(catches + 1), catches + 1)
            }
            Operator::Else | Operator::Br { .. } | Operator::BrIf { .. } => (*taken_along, 1),
            Operator::BrTable { targets } => {
                let targets = u64::from(targets.len()) + 1;
                ((*taken_along + 1).saturating_mul(targets), targets)
            }
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                (self.of_function(*function_index), 0)
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. }
            | Operator::CallRef { type_index }
            | Operator::ReturnCallRef { type_index } => (self.of_type(*type_index).all, 0),
            _ => (0, 0),
        };
        *branches = branches.saturating_add(targets);
        handed_on
    }

    fn of_function(&self, index: u32) -> u64 {
        self.functions.get(index as usize).map_or(0, |type_index| self.of_type(*type_index).all)
    }

    fn of_type(&self, index: u32) -> Values {
        self.types.get(index as usize).copied().unwrap_or_default()
    }
}
