//! Origin request policies: what the origin gets beyond the cache key's inputs.

use super::Selection;

/// `[[origin_request_policy]]` or a managed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginRequestPolicy {
    /// Managed names are without the prefix `Managed-`.
    pub name: String,
    /// Of managed policies.
    pub id: Option<&'static str>,
    /// Which of the viewer's headers.
    pub headers: HeaderSelection,
    /// Which cookies.
    pub cookies: Selection,
    /// Which query strings.
    pub query_strings: Selection,
}

/// `headers` of an origin request policy; names are lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderSelection {
    /// `"none"`
    None,
    /// `"all-viewer"`
    AllViewer,
    /// `{ all_viewer_and = ["CloudFront-Viewer-Address"] }`: the viewer's and these of CloudFront's own.
    AllViewerAnd(Vec<String>),
    /// `["a"]`
    AllowList(Vec<String>),
    /// `{ all_except = ["a"] }`
    AllExcept(Vec<String>),
    /// The managed policy `AllViewerExceptHostHeader`: the viewer's except some, and these of CloudFront's own.
    AllExceptAnd {
        /// Not taken from the viewer.
        except: Vec<String>,
        /// Added by the node.
        cloudfront: Vec<String>,
    },
}
