//! The expression: compiled, checked, and made to end.
//!
//! What is wrong with it is said at the start, as far as that can be known: a name that nothing has, a function that there is
//! not, a pattern that is none. Then it is changed so that each round of `all`, `exists`, `map` and `filter` asks first whether
//! it may go on.

use std::sync::Arc;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};
use cel::common::types::CelBool;
use cel::{Context, Env, IdedExpr};

use super::LONGEST_EXPRESSION;
use super::budget::{BUDGET, Budget, CHARGED};
use super::equality::{self, EQUAL, WITHIN};
use super::pattern::{MATCHES, Pattern};
use super::variables::{NAMES, Variables};

/// The variable that says whether one more round is allowed: nobody can write it.
pub(super) const GO_ON: &str = "@go_on";

/// What the variable of a pattern is called, before its number.
pub(super) const PATTERN_PREFIX: &str = "@pattern";

/// The functions of the language's standard library, and of its optional values.
const FUNCTIONS: [&str; 19] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "dyn",
    "type",
    "or",
    "orValue",
    "hasValue",
    "value",
    "of",
    "none",
];

/// The names of types, and of where the functions of optional values are.
const TYPES: [&str; 11] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint", "optional"];

/// An expression, ready to be evaluated.
pub(super) struct Expression {
    source: String,
    tree: IdedExpr,
    patterns: Vec<Pattern>,
    env: Arc<Env>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When it is none, or can never be evaluated. The message is one line.
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        if source.trim().is_empty() {
            return Err("the expression is empty: use one as json.temperature > 30".to_owned());
        }
        if source.len() > LONGEST_EXPRESSION {
            return Err(format!("the expression has {} bytes, and {LONGEST_EXPRESSION} are allowed", source.len()));
        }
        let mut env = Env::stdlib();
        Pattern::declare(&mut env);
        Budget::declare(&mut env);
        equality::declare(&mut env);
        let program = env.compile(source).map_err(|errors| first_of(&errors.errors))?;
        let mut tree = program.expression().clone();
        let mut check = Check { scope: Vec::new(), patterns: Vec::new() };
        check.walk(&mut tree)?;
        if gives_no_truth(&tree.expr) {
            return Err("the expression has to give true or false: compare its value with something".to_owned());
        }
        Ok(Self { source: source.to_owned(), tree, patterns: check.patterns, env: Arc::new(env) })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn tree(&self) -> &IdedExpr {
        &self.tree
    }

    pub(super) fn pattern(&self, index: usize) -> Option<&Pattern> {
        self.patterns.get(index)
    }

    /// What the expression is evaluated in.
    pub(super) fn context<'v>(&self, variables: &'v Variables<'_>) -> Context<'v, 'v> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.set_variable_resolver(variables);
        context
    }
}

/// Says what the parser found first.
fn first_of(errors: &[cel::ParseError]) -> String {
    let Some(error) = errors.first() else { return "it is no expression".to_owned() };
    let said = in_words(error.msg.lines().next().unwrap_or_default().trim());
    match error.pos {
        (line @ 1.., column @ 0..) => format!("at line {line} column {column}, {said}"),
        _ => said,
    }
}

/// What the parser says, without its tables: what it would have taken instead is nearly everything there is.
fn in_words(said: &str) -> String {
    let said = said.strip_prefix("Syntax error: ").unwrap_or(said);
    let found = |rest: &str| rest.split(" expecting ").next().unwrap_or_default().trim().to_owned();
    let unexpected = ["mismatched input ", "extraneous input ", "no viable alternative at input "];
    if let Some(rest) = unexpected.iter().find_map(|start| said.strip_prefix(start)) {
        return match found(rest).as_str() {
            "'<EOF>'" => "it ends where more has to come".to_owned(),
            found => format!("{found} has no place"),
        };
    }
    match said.strip_prefix("token recognition error at: ") {
        Some(text) => format!("{text} is no part of an expression"),
        None => said.to_owned(),
    }
}

/// Whether it can be seen that it gives neither true nor false.
fn gives_no_truth(expression: &Expr) -> bool {
    match expression {
        Expr::Literal(literal) => !matches!(literal, LiteralValue::Boolean(_)),
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => true,
        Expr::Ident(name) => name != "json",
        Expr::Call(call) => [
            operators::ADD,
            operators::SUBSTRACT,
            operators::MULTIPLY,
            operators::DIVIDE,
            operators::MODULO,
            operators::NEGATE,
            "size",
            "int",
            "uint",
            "double",
            "string",
            "bytes",
        ]
        .contains(&call.func_name.as_str()),
        Expr::Comprehension(_) | Expr::Select(_) | Expr::Unspecified => false,
    }
}

/// Goes through an expression.
struct Check {
    /// Names that `all` and the like have given.
    scope: Vec<String>,
    patterns: Vec<Pattern>,
}

impl Check {
    fn walk(&mut self, expression: &mut IdedExpr) -> Result<(), String> {
        match &mut expression.expr {
            Expr::Ident(name) => self.name(name),
            Expr::Call(call) => self.call(call),
            Expr::Select(select) => self.walk(&mut select.operand),
            Expr::List(list) => list.elements.iter_mut().try_for_each(|element| self.walk(element)),
            Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.walk(&mut entry.key)?;
                    self.walk(&mut entry.value)
                }
                EntryExpr::StructField(_) => Err("a map has no fields".to_owned()),
            }),
            Expr::Comprehension(rounds) => self.rounds(rounds),
            Expr::Struct(made) => Err(format!("there is no type {:?} to make a value of", made.type_name)),
            Expr::Literal(_) | Expr::Unspecified => Ok(()),
        }
    }

    fn name(&self, name: &str) -> Result<(), String> {
        let is_known = name.starts_with('@')
            || self.scope.iter().any(|given| given == name)
            || NAMES.iter().any(|(known, _)| *known == name)
            || TYPES.contains(&name);
        if is_known {
            return Ok(());
        }
        let known = NAMES.iter().map(|(known, _)| *known);
        if let Some(near) = nearest(name, known.clone()) {
            return Err(format!("nothing is called {name:?}: did you mean {near}?"));
        }
        let known: Vec<&str> = known.collect();
        Err(format!(
            "nothing is called {name:?}: there are {}; a field of the payload is json.{name}",
            known.join(", ")
        ))
    }

    fn call(&mut self, call: &mut CallExpr) -> Result<(), String> {
        let name = call.func_name.as_str();
        // What is written as an operator has a name that nobody can write.
        let is_operator = name.contains('_') && !name.contains(char::is_alphabetic) || name.starts_with('@');
        if !is_operator && !FUNCTIONS.contains(&name) {
            return Err(match nearest(name, FUNCTIONS) {
                Some(near) => format!("there is no function {name:?}: did you mean {near}?"),
                None => format!("there is no function {name:?}: there are {}", FUNCTIONS.join(", ")),
            });
        }
        if let Some(target) = &mut call.target {
            self.walk(target)?;
        }
        call.args.iter_mut().try_for_each(|argument| self.walk(argument))?;
        match call.func_name.as_str() {
            "matches" => self.compile_pattern(call)?,
            operators::EQUALS => call.func_name = EQUAL.to_owned(),
            operators::IN => call.func_name = WITHIN.to_owned(),
            operators::NOT_EQUALS => {
                let equal =
                    CallExpr { func_name: EQUAL.to_owned(), target: None, args: std::mem::take(&mut call.args) };
                call.func_name = operators::LOGICAL_NOT.to_owned();
                call.args = vec![IdedExpr { id: 0, expr: Expr::Call(equal) }];
            }
            _ => {}
        }
        Ok(())
    }

    /// A pattern is compiled once, and so it has to be known: one that came of a payload could be anything.
    fn compile_pattern(&mut self, call: &mut CallExpr) -> Result<(), String> {
        let pattern = match call.args.last().map(|argument| &argument.expr) {
            Some(Expr::Literal(LiteralValue::String(pattern))) => Pattern::compile(pattern.inner())?,
            _ => return Err("the pattern of matches has to be a text in quotes".to_owned()),
        };
        let name = format!("{PATTERN_PREFIX}{}", self.patterns.len());
        self.patterns.push(pattern);
        let text = call.target.take().map(|target| *target);
        let text = text.or_else(|| (call.args.len() == 2).then(|| call.args.swap_remove(0)));
        let text = text.ok_or_else(|| "matches takes a text and a pattern".to_owned())?;
        call.func_name = MATCHES.to_owned();
        call.args = vec![text, IdedExpr { id: 0, expr: Expr::Ident(name) }];
        Ok(())
    }

    fn rounds(&mut self, rounds: &mut ComprehensionExpr) -> Result<(), String> {
        self.walk(&mut rounds.iter_range)?;
        self.walk(&mut rounds.accu_init)?;
        let before = self.scope.len();
        self.scope.push(rounds.iter_var.clone());
        self.scope.extend(rounds.iter_var2.clone());
        self.scope.push(rounds.accu_var.clone());
        self.walk(&mut rounds.loop_cond)?;
        self.walk(&mut rounds.loop_step)?;
        self.walk(&mut rounds.result)?;
        self.scope.truncate(before);
        ask_before_each(rounds);
        Ok(())
    }
}

/// Has each round ask whether it may go on, and charges what `map` and `filter` keep.
///
/// The language appends to their list in place as long as the condition is a literal; otherwise it copies the list in each
/// round. There the question goes before what is looked at for each element.
fn ask_before_each(rounds: &mut ComprehensionExpr) {
    let is_list_in_place = matches!(rounds.loop_cond.expr, Expr::Literal(_));
    let asked = match (&mut rounds.loop_step.expr, is_list_in_place) {
        (Expr::Call(step), true) => match (step.func_name.as_str(), step.args.as_mut_slice()) {
            (operators::CONDITIONAL, [guard, then, _]) => {
                if let Some(kept) = kept_by(then) {
                    charge(kept);
                }
                guard
            }
            (operators::ADD, [_, IdedExpr { expr: Expr::List(list), .. }]) if list.elements.len() == 1 => {
                charge(&mut list.elements[0]);
                &mut list.elements[0]
            }
            _ => &mut rounds.loop_cond,
        },
        _ => &mut rounds.loop_cond,
    };
    ask_before(asked);
}

/// What a step adds to a list.
fn kept_by(step: &mut IdedExpr) -> Option<&mut IdedExpr> {
    match &mut step.expr {
        Expr::Call(call) if call.func_name == operators::ADD => match call.args.last_mut().map(|last| &mut last.expr) {
            Some(Expr::List(list)) => list.elements.first_mut(),
            _ => None,
        },
        _ => None,
    }
}

/// Charges the value of an expression for what it takes of memory.
fn charge(expression: &mut IdedExpr) {
    let expr = |expr| IdedExpr { id: 0, expr };
    let charged = std::mem::take(expression);
    *expression = expr(Expr::Call(CallExpr {
        func_name: CHARGED.to_owned(),
        target: None,
        args: vec![charged, expr(Expr::Ident(BUDGET.to_owned()))],
    }));
}

/// Puts the question before an expression: without the answer, there is an error.
fn ask_before(expression: &mut IdedExpr) {
    let expr = |expr| IdedExpr { id: 0, expr };
    let asked = std::mem::take(expression);
    let otherwise = Expr::Literal(LiteralValue::Boolean(CelBool::from(false)));
    *expression = expr(Expr::Call(CallExpr {
        func_name: operators::CONDITIONAL.to_owned(),
        target: None,
        args: vec![expr(Expr::Ident(GO_ON.to_owned())), asked, expr(otherwise)],
    }));
}

/// The nearest of the known names, if one is near: a letter of four is another, or in another place.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, near) = known.into_iter().map(|known| (strsim::osa_distance(known, name), known)).min()?;
    (distance <= name.len() / 4 + 1 && name.len() > 2).then_some(near)
}
