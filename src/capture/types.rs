//! Kinds of types that are not built in, as far as anybody has asked.

use std::collections::HashMap;

use crate::store::catalog::{DEPTH_LIMIT, TypeFacts, TypeForm, beneath};
use crate::value::{Kind, Nature};

/// Kinds by type oid. What a type is made of never changes while it exists.
#[derive(Debug, Default)]
pub(super) struct Types {
    kinds: HashMap<u32, Kind>,
    /// What lies beneath domains.
    bases: HashMap<u32, (u32, Nature)>,
}

impl Types {
    /// Whether the catalog must be asked.
    pub(super) fn is_unknown(&self, oid: u32) -> bool {
        !self.kinds.contains_key(&oid) && Kind::of_oid(oid).is_none()
    }

    /// The kind; text where nobody knows.
    pub(super) fn kind(&self, oid: u32) -> Kind {
        self.kinds.get(&oid).cloned().or_else(|| Kind::of_oid(oid)).unwrap_or(Kind::Text)
    }

    /// The type that operators work with; 0 where nobody knows.
    pub(super) fn base(&self, oid: u32) -> (u32, Nature) {
        let known = self.bases.get(&oid).copied();
        known.unwrap_or_else(|| beneath(oid, &HashMap::new()))
    }

    /// Keeps what the catalog says of `asked`; a type without a fact is gone, and text for good.
    pub(super) fn learn(&mut self, asked: &[u32], facts: &[TypeFacts]) {
        let forms = facts.iter().map(|fact| (fact.oid, fact.form)).collect();
        for oid in asked {
            self.kinds.insert(*oid, resolve(*oid, &forms, DEPTH_LIMIT));
            self.bases.insert(*oid, beneath(*oid, &forms));
        }
    }
}

fn resolve(oid: u32, forms: &HashMap<u32, TypeForm>, depth: u8) -> Kind {
    if let Some(kind) = Kind::of_oid(oid) {
        return kind;
    }
    match forms.get(&oid) {
        Some(TypeForm::Domain { base }) if depth > 0 => resolve(*base, forms, depth - 1),
        Some(TypeForm::Array { element, delimiter }) if depth > 0 => {
            Kind::Array(Box::new(resolve(*element, forms, depth - 1)), *delimiter)
        }
        _ => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONEY_DOMAIN: u32 = 20_000;
    const LIST: u32 = 20_001;
    const LIST_DOMAIN: u32 = 20_002;
    const MOOD: u32 = 20_003;

    fn learnt() -> Types {
        let fact = |oid, form| TypeFacts { oid, form };
        let facts = [
            fact(MONEY_DOMAIN, TypeForm::Domain { base: 1700 }),
            fact(LIST, TypeForm::Array { element: MONEY_DOMAIN, delimiter: b',' }),
            fact(LIST_DOMAIN, TypeForm::Domain { base: LIST }),
            fact(MOOD, TypeForm::Enum),
        ];
        let mut types = Types::default();
        types.learn(&[MONEY_DOMAIN, LIST, LIST_DOMAIN, MOOD], &facts);
        types
    }

    #[test]
    fn a_domain_is_its_base_and_an_array_its_elements_at_any_depth() {
        let list = Kind::Array(Box::new(Kind::Numeric), b',');
        let expected = [(MONEY_DOMAIN, Kind::Numeric), (LIST, list.clone()), (LIST_DOMAIN, list)];
        for (oid, kind) in expected {
            assert_eq!(learnt().kind(oid), kind);
        }
    }

    #[test]
    fn an_enum_and_a_type_that_is_gone_are_text_and_not_asked_for_again() {
        let mut types = learnt();
        assert!(types.is_unknown(30_000));
        types.learn(&[30_000], &[]);
        for oid in [MOOD, 30_000] {
            assert_eq!(types.kind(oid), Kind::Text);
            assert!(!types.is_unknown(oid));
        }
    }

    #[test]
    fn operators_see_through_domains() {
        let types = learnt();
        assert_eq!(types.base(MONEY_DOMAIN), (1700, Nature::Plain));
        assert_eq!(types.base(MOOD), (MOOD, Nature::Enum));
        assert_eq!(types.base(23), (23, Nature::Plain));
        assert_eq!(types.base(30_000), (0, Nature::Plain), "nobody knows it");
    }

    #[test]
    fn built_in_types_need_no_catalog() {
        let types = Types::default();
        assert!(!types.is_unknown(23) && !types.is_unknown(1007));
        assert_eq!(types.kind(23), Kind::Number);
    }

    #[test]
    fn a_catalog_that_goes_in_circles_ends_as_text() {
        let circle = [TypeFacts { oid: MOOD, form: TypeForm::Domain { base: MOOD } }];
        let mut types = Types::default();
        types.learn(&[MOOD], &circle);
        assert_eq!(types.kind(MOOD), Kind::Text);
    }
}
