//! One pass over a component, with all that lies in it.

use wasmparser::{CompositeInnerType, FunctionBody, Parser, Payload, TypeRef, TypeSectionReader};

use super::functions::Signatures;
use super::instances::Definitions;
use super::{Extent, NotCompilable};

/// Counts what is in a component.
pub(super) fn count(component: &[u8]) -> Result<Extent, NotCompilable> {
    let mut counting = Counting::default();
    for payload in Parser::new(0).parse_all(component) {
        counting.add(payload?)?;
        counting.extent.check().map_err(NotCompilable::Excess)?;
    }
    Ok(counting.extent)
}

#[derive(Default)]
struct Counting {
    extent: Extent,
    /// What is being read: a module, or components from the outermost inwards.
    module: Option<Signatures>,
    definitions: Definitions,
}

impl Counting {
    fn add(&mut self, payload: Payload<'_>) -> Result<(), NotCompilable> {
        match payload {
            Payload::ModuleSection { .. } => self.module = Some(Signatures::default()),
            Payload::Version { .. } if self.module.is_some() => {}
            Payload::End(_) if self.module.take().is_some() => {}
            Payload::TypeSection(section) => self.types(section)?,
            Payload::ImportSection(section) => {
                self.declare(section.count())?;
                for import in section.into_imports() {
                    if let (TypeRef::Func(index) | TypeRef::FuncExact(index), Some(module)) =
                        (import?.ty, &mut self.module)
                    {
                        module.import(index);
                    }
                }
            }
            Payload::FunctionSection(section) => {
                self.extent.functions += u64::from(section.count());
                self.extent.check().map_err(NotCompilable::Excess)?;
                for index in section {
                    let index = index?;
                    if let Some(module) = &mut self.module {
                        module.define(index);
                    }
                }
            }
            Payload::TableSection(section) => self.declare(section.count())?,
            Payload::MemorySection(section) => self.declare(section.count())?,
            Payload::TagSection(section) => self.declare(section.count())?,
            Payload::GlobalSection(section) => self.declare(section.count())?,
            Payload::ExportSection(section) => self.declare(section.count())?,
            Payload::ElementSection(section) => self.declare(section.count())?,
            Payload::DataSection(section) => self.declare(section.count())?,
            Payload::CodeSectionEntry(body) => self.body(&body)?,
            Payload::CoreTypeSection(section) => self.of_a_component(section.range().len()),
            Payload::ComponentTypeSection(section) => self.of_a_component(section.range().len()),
            payload => self.component(payload)?,
        }
        Ok(())
    }

    fn component(&mut self, payload: Payload<'_>) -> Result<(), NotCompilable> {
        match &payload {
            Payload::InstanceSection(section) => self.of_a_component(section.range().len()),
            Payload::ComponentInstanceSection(section) => self.of_a_component(section.range().len()),
            Payload::ComponentAliasSection(section) => self.of_a_component(section.range().len()),
            Payload::ComponentCanonicalSection(section) => self.of_a_component(section.range().len()),
            Payload::ComponentImportSection(section) => self.of_a_component(section.range().len()),
            Payload::ComponentExportSection(section) => self.of_a_component(section.range().len()),
            _ => {}
        }
        self.extent.check().map_err(NotCompilable::Excess)?;
        self.definitions.add(payload)?;
        self.extent.depth = self.extent.depth.max(self.definitions.depth());
        self.extent.instances = self.definitions.instances();
        self.extent.handed_components = self.definitions.handed();
        Ok(())
    }

    fn types(&mut self, section: TypeSectionReader<'_>) -> Result<(), NotCompilable> {
        for group in section {
            for sub_type in group?.types() {
                let values = match &sub_type.composite_type.inner {
                    CompositeInnerType::Func(function) => function.params().len() + function.results().len(),
                    // Of proposals that are switched off: the compiler refuses them.
                    CompositeInnerType::Array(_) | CompositeInnerType::Struct(_) | CompositeInnerType::Cont(_) => 0,
                };
                self.extent.types += 1;
                self.extent.parameters += values as u64;
                if let Some(module) = &mut self.module {
                    module.declare(&sub_type.composite_type.inner);
                }
            }
            self.extent.check().map_err(NotCompilable::Excess)?;
        }
        Ok(())
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), NotCompilable> {
        let Some(module) = &mut self.module else { return Ok(()) };
        self.extent.add(&module.next_body(body)?);
        Ok(())
    }

    fn declare(&mut self, count: u32) -> Result<(), NotCompilable> {
        self.extent.declarations += u64::from(count);
        self.extent.check().map_err(NotCompilable::Excess)
    }

    fn of_a_component(&mut self, bytes: usize) {
        self.extent.component_bytes += bytes as u64;
    }
}
