//! Values that an expression hands from one of our functions to another, and that nobody can write.

/// Makes a type one whose values a compiled expression can hand on, as a type of the language of this name.
macro_rules! opaque_value {
    ($rust:ty, $name:literal) => {
        static TYPE: cel::common::types::Type = cel::common::types::Type::new_unspecified_type($name);

        impl cel::common::value::Val for $rust {
            fn get_type(&self) -> &cel::common::types::Type {
                &TYPE
            }

            fn cel_type() -> &'static cel::common::types::Type {
                &TYPE
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn cel::common::value::Val + 'v>
            where
                Self: 'v,
            {
                Box::new(self.clone())
            }

            fn as_any(&self) -> Option<&dyn std::any::Any> {
                Some(self)
            }
        }

        impl cel::common::value::StaticVal for $rust {}
    };
}

pub(super) use opaque_value;
