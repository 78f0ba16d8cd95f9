//! What instantiating a component makes. A component may instantiate another twice, which does so with a third: thirty such
//! steps are a few hundred bytes, and a billion instances, each of which the compiler writes down.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, Payload,
    Result,
};

/// The components that are being read, from the outermost inwards.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    open: Vec<Definition>,
    /// Of what was read last: in the end, of all of it.
    last: u64,
    handed: u64,
}

/// A component.
#[derive(Debug, Default)]
struct Definition {
    /// What each instance of it makes: instances, functions from and to core modules, and names for them.
    made: u64,
    /// What each instance of each component that it defines makes, by index.
    components: Vec<u64>,
}

impl Definitions {
    /// How deep the component that is being read lies in others.
    pub(super) fn depth(&self) -> u64 {
        self.open.len().saturating_sub(1) as u64
    }

    /// What instantiating the outermost component makes, as far as it was read.
    pub(super) fn instances(&self) -> u64 {
        self.open.first().map_or(self.last, |outermost| outermost.made)
    }

    /// How many components come to a component from outside, or leave it. What these make depends on whoever instantiates
    /// it, so it is not counted; no toolchain makes them.
    pub(super) fn handed(&self) -> u64 {
        self.handed
    }

    pub(super) fn add(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version { .. } => self.open.push(Definition::default()),
            Payload::End(_) => {
                if let Some(read) = self.open.pop() {
                    self.last = read.made;
                    if let Some(outer) = self.open.last_mut() {
                        outer.components.push(read.made);
                    }
                }
            }
            Payload::InstanceSection(section) => self.make(section.count().into()),
            Payload::ComponentCanonicalSection(section) => self.make(section.count().into()),
            Payload::ComponentExportSection(section) => {
                self.make(section.count().into());
                for export in section {
                    if export?.kind == ComponentExternalKind::Component {
                        self.handed += 1;
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                self.make(section.count().into());
                for import in section {
                    if let ComponentTypeRef::Component(_) = import?.ty {
                        self.handed += 1;
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    let made = match instance? {
                        ComponentInstance::Instantiate { component_index, .. } => self.of_component(0, component_index),
                        ComponentInstance::FromExports(_) => 0,
                    };
                    self.make(made.saturating_add(1));
                }
            }
            Payload::ComponentAliasSection(section) => {
                self.make(section.count().into());
                for alias in section {
                    self.alias(&alias?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match alias {
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => self.handed += 1,
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                let made = self.of_component(*count as usize, *index);
                if let Some(definition) = self.open.last_mut() {
                    definition.components.push(made);
                }
            }
            _ => {}
        }
    }

    /// What an instance of a component makes that the one so many steps outwards knows. One that is not there is refused
    /// by the compiler.
    fn of_component(&self, outwards: usize, index: u32) -> u64 {
        let definition = self.open.iter().rev().nth(outwards);
        definition.and_then(|definition| definition.components.get(index as usize)).copied().unwrap_or_default()
    }

    fn make(&mut self, count: u64) {
        if let Some(definition) = self.open.last_mut() {
            definition.made = definition.made.saturating_add(count);
        }
    }
}
