//! Settings into a struct of the author's.

use std::fmt::{self, Display, Formatter};

use serde::de::value::{MapDeserializer, StrDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::{SettingError, Settings};

impl Settings {
    /// All settings as a struct, each in the field of its name. Numbers, flags and variants of an enum are parsed; a
    /// field of a list or an object takes JSON. A setting that the struct has no field for is refused.
    ///
    /// ```
    /// use kinesieve_sdk::Settings;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Config {
    ///     below: f64,
    ///     label: Option<String>,
    ///     #[serde(default)]
    ///     remove: Vec<String>,
    /// }
    ///
    /// let config: Config = Settings::from([("below", "9.5"), ("remove", r#"["email"]"#)]).read().unwrap();
    /// assert_eq!((config.below, config.label, config.remove.len()), (9.5, None, 1));
    ///
    /// let error = Settings::from([("belwo", "9.5")]).read::<Config>().err().unwrap();
    /// assert_eq!(error.to_string(), "unknown setting `belwo`: there is `below`, `label`, `remove`");
    /// ```
    ///
    /// # Errors
    /// [`SettingError`] for the first that is missing, unknown or can't be parsed.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, SettingError> {
        T::deserialize(All(self)).map_err(|Wrong(error)| error)
    }
}

/// What serde says is wrong, as a [`SettingError`].
#[derive(Debug)]
struct Wrong(SettingError);

impl Display for Wrong {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    /// Of no setting by itself: what is said of a value is put into words where its name is known.
    fn custom<T: Display>(why: T) -> Self {
        Self(SettingError::invalid("", "", why))
    }

    fn missing_field(field: &'static str) -> Self {
        Self(SettingError::Missing { name: field.to_owned() })
    }
}

/// All settings: a map for serde.
struct All<'a>(&'a Settings);

impl<'de> Deserializer<'de> for All<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        // Of a name given twice the last value counts, as elsewhere, and serde would refuse it.
        let settings: Vec<(&str, &str)> = self.0.iter().collect();
        let last = settings
            .iter()
            .enumerate()
            .filter(|(index, (name, _))| !settings[index + 1..].iter().any(|(later, _)| later == name));
        visitor.visit_map(MapDeserializer::new(last.map(|(_, (name, value))| (*name, Value { name, value }))))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.0.only(fields).map_err(Wrong)?;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The value of one setting.
#[derive(Clone, Copy)]
struct Value<'a> {
    name: &'a str,
    value: &'a str,
}

impl<'de, 'a> IntoDeserializer<'de, Wrong> for Value<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Value<'_> {
    fn invalid(self, why: impl Display) -> Wrong {
        Wrong(SettingError::invalid(self.name, self.value, why))
    }

    /// Puts the name to what was said without one.
    fn named(self, wrong: Wrong) -> Wrong {
        match wrong {
            Wrong(SettingError::Invalid { name, why, .. }) if name.is_empty() => self.invalid(why),
            named => named,
        }
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident,)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
                let parsed = self.value.parse().map_err(|why| self.invalid(why))?;
                visitor.$visit(parsed).map_err(|wrong| self.named(wrong))
            }
        )*
    };
}

macro_rules! as_json {
    ($($method:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
                // A reader borrows nothing, as `T` does not.
                let mut json = serde_json::Deserializer::from_reader(self.value.as_bytes());
                let value = (&mut json).$method(visitor).map_err(|why| self.invalid(why))?;
                json.end().map_err(|why| self.invalid(why))?;
                Ok(value)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = Wrong;

    parsed! {
        deserialize_bool visit_bool,
        deserialize_i8 visit_i8,
        deserialize_i16 visit_i16,
        deserialize_i32 visit_i32,
        deserialize_i64 visit_i64,
        deserialize_u8 visit_u8,
        deserialize_u16 visit_u16,
        deserialize_u32 visit_u32,
        deserialize_u64 visit_u64,
        deserialize_f32 visit_f32,
        deserialize_f64 visit_f64,
    }

    as_json! { deserialize_seq deserialize_map }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_str(self.value).map_err(|wrong| self.named(wrong))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let variant: StrDeserializer<'_, Wrong> = self.value.into_deserializer();
        variant.deserialize_enum(name, variants, visitor).map_err(|wrong| self.named(wrong))
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Strict,
        Lax,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Config {
        count: u8,
        mode: Option<Mode>,
        #[serde(default)]
        on: bool,
        #[serde(default)]
        names: Vec<String>,
    }

    fn read<const N: usize>(settings: [(&str, &str); N]) -> Result<Config, String> {
        Settings::from(settings).read().map_err(|error| error.to_string())
    }

    #[test]
    fn each_field_is_parsed_as_its_type() {
        assert_eq!(
            read([("count", "1"), ("mode", "lax"), ("on", "true"), ("names", r#"["a","b"]"#), ("count", "7")]),
            Ok(Config { count: 7, mode: Some(Mode::Lax), on: true, names: vec!["a".to_owned(), "b".to_owned()] })
        );
        assert_eq!(read([("count", "1")]), Ok(Config { count: 1, mode: None, on: false, names: Vec::new() }));
    }

    #[test]
    fn what_is_wrong_names_the_setting_and_the_remedy() {
        for (result, expected) in [
            (read([]), "the setting `count` is missing"),
            (read([("count", "300")]), "the setting `count` can't be `300`: number too large to fit in target type"),
            (read([("count", "1"), ("on", "yes")]), "the setting `on` can't be `yes`: provided string was not"),
            (read([("count", "1"), ("mode", "x")]), "the setting `mode` can't be `x`: unknown variant `x`, expected"),
            (read([("count", "1"), ("names", "a;b")]), "the setting `names` can't be `a;b`: expected value"),
            (read([("count", "1"), ("names", "[] x")]), "the setting `names` can't be `[] x`: trailing characters"),
            (read([("cuont", "1")]), "unknown setting `cuont`: there is `count`, `mode`, `on`, `names`"),
        ] {
            let error = result.expect_err(expected);
            assert!(error.starts_with(expected), "expected {expected}\n     got {error}");
        }
    }
}
