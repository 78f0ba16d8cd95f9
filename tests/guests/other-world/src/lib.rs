//! A component that loads but is no transform: it exports something else.

wit_bindgen::generate!({
    inline: "
        package example:greeter@1.0.0;

        interface greet {
            greet: func(name: string) -> string;
        }

        world greeter {
            export greet;
        }
    ",
});

struct Greeter;

impl exports::example::greeter::greet::Guest for Greeter {
    fn greet(name: String) -> String {
        format!("hello, {name}")
    }
}

export!(Greeter);
