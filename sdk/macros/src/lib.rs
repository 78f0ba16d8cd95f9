//! The attribute of `kinesieve-sdk`. It is documented there, where its examples compile.
//!
//! It reads few tokens (the function's name, how many parameters it has) and writes few, so it
//! does without a parser for Rust: a transform's first build stays short.

#![forbid(unsafe_code)]

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// What is exported for a function that takes only the event.
const WITHOUT_SETTINGS: &str = "
    fn configure(settings: ::kinesieve_sdk::__private::Pairs)
        -> ::core::result::Result<(), ::std::string::String>
    {
        ::kinesieve_sdk::__private::configure_nothing(settings)
    }
    fn process(event: ::kinesieve_sdk::Event) -> ::kinesieve_sdk::Outcome {
        ::kinesieve_sdk::__private::process(__PROCESS, event)
    }";

/// What is exported for a function that takes its configuration and the event.
const WITH_SETTINGS: &str = "
    fn configure(settings: ::kinesieve_sdk::__private::Pairs)
        -> ::core::result::Result<(), ::std::string::String>
    {
        ::kinesieve_sdk::__private::configure(__CONFIGURE, settings)
    }
    fn process(event: ::kinesieve_sdk::Event) -> ::kinesieve_sdk::Outcome {
        ::kinesieve_sdk::__private::process_configured(__CONFIGURE, __PROCESS, event)
    }";

#[allow(missing_docs, reason = "documented where kinesieve-sdk re-exports it; rustdoc would show both texts")]
#[proc_macro_attribute]
pub fn transform(arguments: TokenStream, item: TokenStream) -> TokenStream {
    // The function goes out even beside an error: its own callers should not fail as well.
    let mut expanded = item.clone();
    expanded.extend(match export(arguments, item) {
        Ok(tokens) => tokens,
        Err(mistake) => mistake.into_compile_error(),
    });
    expanded
}

fn export(arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Mistake> {
    let configure = configure_argument(arguments)?;
    let function = Function::find(item)?;

    let (body, expected, signature) = match configure {
        None => (WITHOUT_SETTINGS, 1, "fn(Event) -> Outcome"),
        Some(_) => (WITH_SETTINGS, 2, "fn(&Config, Event) -> Outcome"),
    };
    if function.parameters != expected {
        let remedy = match configure {
            None => "; to receive settings, write #[transform(configure = your_function)]",
            Some(_) => "",
        };
        return Err(Mistake::new(
            function.parameter_list,
            format!(
                "this transform has to take {expected} parameter{}, as in `{signature}`{remedy}",
                if expected == 1 { "" } else { "s" },
            ),
        ));
    }

    let template = format!(
        "const _: () = {{
            struct __Transform;
            impl ::kinesieve_sdk::__private::Guest for __Transform {{ {body} }}
            ::kinesieve_sdk::bindings::export!(
                __Transform with_types_in ::kinesieve_sdk::bindings
            );
        }};"
    );
    let template: TokenStream = template.parse().expect("the template is Rust");
    let process = TokenTree::Ident(function.name).into();
    Ok(fill(template, &process, &configure.unwrap_or_default()))
}

/// Reads the attribute's arguments: nothing, or `configure = path::to::function`.
fn configure_argument(arguments: TokenStream) -> Result<Option<TokenStream>, Mistake> {
    let mut tokens = arguments.into_iter();
    let Some(name) = tokens.next() else {
        return Ok(None);
    };
    if name.to_string() != "configure" {
        let message = format!("unknown argument `{name}`: the only one is `configure = function`");
        return Err(Mistake::new(name.span(), message));
    }
    let equals = tokens.next();
    let path: TokenStream = tokens.collect();
    match equals {
        Some(TokenTree::Punct(equals)) if equals.as_char() == '=' && !path.is_empty() => Ok(Some(path)),
        _ => Err(Mistake::new(name.span(), "`configure` needs the name of a function: `configure = function`")),
    }
}

/// The little that has to be known about the function under the attribute.
struct Function {
    name: Ident,
    parameters: usize,
    parameter_list: Span,
}

impl Function {
    fn find(item: TokenStream) -> Result<Self, Mistake> {
        const NOT_A_FUNCTION: &str = "#[transform] belongs on a function";

        let mut tokens = item.into_iter();
        loop {
            match tokens.next() {
                Some(TokenTree::Ident(word)) => match word.to_string().as_str() {
                    "fn" => break,
                    "pub" => {}
                    "async" => {
                        let message = "a transform can't be async: it is called for one event \
                                       after the other, and answers each at once";
                        return Err(Mistake::new(word.span(), message));
                    }
                    _ => return Err(Mistake::new(word.span(), NOT_A_FUNCTION)),
                },
                // Other attributes, documentation, and the `(crate)` of a `pub(crate)`.
                Some(TokenTree::Punct(_) | TokenTree::Group(_)) => {}
                Some(TokenTree::Literal(literal)) => {
                    return Err(Mistake::new(literal.span(), NOT_A_FUNCTION));
                }
                None => return Err(Mistake::new(Span::call_site(), NOT_A_FUNCTION)),
            }
        }
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return Err(Mistake::new(Span::call_site(), NOT_A_FUNCTION));
        };
        match tokens.next() {
            Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Parenthesis => {
                Ok(Self { name, parameters: count_parameters(list.stream()), parameter_list: list.span() })
            }
            _ => Err(Mistake::new(name.span(), "a transform can't be generic: the processor would not know the type")),
        }
    }
}

/// Counts what top-level commas part. Those inside `<...>` belong to a type's arguments.
fn count_parameters(list: TokenStream) -> usize {
    let mut parameters = 0;
    let mut depth = 0;
    let mut inside = false;
    for token in list {
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' => depth -= 1,
                ',' if depth == 0 => {
                    inside = false;
                    continue;
                }
                _ => {}
            }
        }
        if !inside {
            inside = true;
            parameters += 1;
        }
    }
    parameters
}

/// Puts the function and its configuration into the template. All of it gets the span of the
/// function's name, so that the compiler points there when a type is wrong.
fn fill(template: TokenStream, process: &TokenStream, configure: &TokenStream) -> TokenStream {
    let span = process
        .clone()
        .into_iter()
        .next()
        .map_or_else(Span::call_site, |name| Span::call_site().located_at(name.span()));
    let mut filled = TokenStream::new();
    for mut token in template {
        match &token {
            TokenTree::Ident(name) if name.to_string() == "__PROCESS" => {
                filled.extend(process.clone());
                continue;
            }
            TokenTree::Ident(name) if name.to_string() == "__CONFIGURE" => {
                filled.extend(configure.clone());
                continue;
            }
            TokenTree::Group(group) => {
                let inner = fill(group.stream(), process, configure);
                token = TokenTree::Group(Group::new(group.delimiter(), inner));
            }
            _ => {}
        }
        token.set_span(span);
        filled.extend([token]);
    }
    filled
}

/// What the author did wrong, and where.
struct Mistake {
    span: Span,
    message: String,
}

impl Mistake {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }

    fn into_compile_error(self) -> TokenStream {
        let error: TokenStream =
            format!("::core::compile_error!({:?});", self.message).parse().expect("a string literal is Rust");
        error
            .into_iter()
            .map(|mut token| {
                token.set_span(self.span);
                token
            })
            .collect()
    }
}
