//! Permission as a value.

/// Something the policy has allowed. Only `policy` can construct it (the field is private), so a
/// function that takes a `Cleared<T>` cannot be called with anything that was not judged:
///
/// ```compile_fail
/// let forged = milton::policy::Cleared("anything");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared<T>(T);

impl<T> Cleared<T> {
    /// Only the gate calls this, after a verdict without violations.
    pub(super) fn grant(value: T) -> Self {
        Self(value)
    }

    /// Permission without a verdict, for the tests of modules that only take permissions.
    #[cfg(test)]
    pub(crate) fn for_tests(value: T) -> Self {
        Self(value)
    }

    /// The allowed thing.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The allowed thing, giving the permission up.
    pub fn into_inner(self) -> T {
        self.0
    }
}
