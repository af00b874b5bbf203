/// Why a value of this crate cannot be made.
///
/// What is wrong in a document is no error: it is a [`Finding`](crate::Finding), and the rest of the document works.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// Not one of the four backend modes nor a deprecated name.
    #[error("not a backend mode; there are MountedFile, EKSConfigMap, CRD and DynamicFile")]
    UnknownBackendMode {
        /// The mode that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A backend mode is named twice.
    #[error("backend mode {mode} is listed twice")]
    BackendModeTwice {
        /// The mode.
        mode: crate::BackendMode,
    },
    /// No backend mode at all.
    #[error("at least one backend mode is needed")]
    NoBackendMode,
    /// Not JSON, or not an object with a text `backendMode`.
    #[error("not a backend mode document: {problem}")]
    BackendModeDocument {
        /// What is wrong.
        problem: &'static str,
    },
    /// `{{name}}` with a name that means nothing.
    #[error("a template has an unknown variable")]
    TemplateUnknownVariable {
        /// The variable that was probably meant.
        nearest: Option<&'static str>,
        /// Where `{{` stands, in bytes.
        at: usize,
    },
    /// `{{` and `}}` do not pair.
    #[error("the braces of a template do not pair")]
    TemplateUnbalanced {
        /// Where the brace stands, in bytes.
        at: usize,
    },
    /// A control character in a template's text.
    #[error("a template has a control character")]
    ControlCharacter {
        /// Where it stands, in bytes.
        at: usize,
    },
    /// Not a pattern with partition and account spelt out.
    #[error("not an ARN pattern: {problem}")]
    Pattern {
        /// What is wrong.
        problem: &'static str,
    },
    /// Not an ARN that a rule can be for.
    #[error("not the ARN of an IAM principal: {0}")]
    Arn(#[source] k8s_aws_identity::IdentityError),
    /// Not a valid permission set, account or partition.
    #[error("not a rule for IAM Identity Center: {problem}")]
    Sso {
        /// What is wrong.
        problem: &'static str,
    },
    /// The entry to be added is there already.
    #[error("an entry for this ARN exists already")]
    Duplicate {
        /// The index of that entry in its list.
        index: u32,
    },
    /// The entry to be added would not be good.
    #[error("the new entry is not valid: {problem}")]
    NewEntry {
        /// What is wrong.
        problem: &'static str,
    },
    /// The text that is to be edited cannot be edited safely.
    #[error("the existing text cannot be edited safely; put it in order first")]
    NotEditable,
}

impl MappingError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownBackendMode { .. } => "backend_mode_unknown",
            Self::BackendModeTwice { .. } => "backend_mode_twice",
            Self::NoBackendMode => "backend_mode_missing",
            Self::BackendModeDocument { .. } => "backend_mode_document",
            Self::TemplateUnknownVariable { .. } => "template_unknown_variable",
            Self::TemplateUnbalanced { .. } => "template_unbalanced",
            Self::ControlCharacter { .. } => "control_character",
            Self::Pattern { .. } => "pattern_malformed",
            Self::Arn(_) => "arn_malformed",
            Self::Sso { .. } => "sso_malformed",
            Self::Duplicate { .. } => "duplicate",
            Self::NewEntry { .. } => "new_entry",
            Self::NotEditable => "not_editable",
        }
    }
}
