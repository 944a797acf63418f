//! Named provisioning templates and their versions (spec: control-plane §7, §8.6).

use adit_iot::page::Listing;
use adit_iot::provisioning::{
    DEFAULT_PAYLOAD_VERSION, Hook, MAX_TEMPLATES, ProvisioningTemplate, Template, TemplateName, TemplateType,
    TemplateVersion, check_role, no_hook,
};
use adit_iot::{Error, Kind, Timestamp, arn};
use adit_store::{
    TemplateChange, TemplateCreated, TemplateDeleted, TemplateUpdated, TemplateVersionCreated,
    TemplateVersionDeleted,
};
use serde::{Deserialize, Serialize};

use super::paging::Paged;
use super::tag::{self, IotTag};
use super::tunnel::Empty;
use crate::state::Call;

/// `ProvisioningHook` on the wire.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireHook {
    payload_version: Option<String>,
    target_arn: String,
}

impl From<Hook> for WireHook {
    fn from(hook: Hook) -> Self {
        Self { payload_version: Some(hook.payload_version), target_arn: hook.target_arn }
    }
}

/// Input of CreateProvisioningTemplate.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateProvisioningTemplate {
    /// Its name.
    pub template_name: String,
    /// Free text.
    pub description: Option<String>,
    /// The body of its first version.
    pub template_body: String,
    /// Whether devices may be provisioned with it.
    #[serde(default)]
    pub enabled: bool,
    /// The role whose rights provisioning uses.
    pub provisioning_role_arn: String,
    /// Who is asked before.
    pub pre_provisioning_hook: Option<WireHook>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<IotTag>,
    /// What it is for; fleet provisioning if nothing is said.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// Output of CreateProvisioningTemplate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateProvisioningTemplateOutput {
    template_arn: String,
    template_name: String,
    default_version_id: i64,
}

/// Creates a template.
///
/// # Errors
/// `Invalid` for a body that breaks the language, a role or a hook that cannot be used, and reserved or too many tags;
/// `Exists`, even for the same one; `LimitExceeded` for more templates than allowed.
pub async fn create_provisioning_template(
    cx: &Call<'_>,
    input: CreateProvisioningTemplate,
) -> Result<CreateProvisioningTemplateOutput, Error> {
    let name = TemplateName::parse(&input.template_name)?;
    let kind = input.kind.as_deref().map_or(Ok(TemplateType::Fleet), TemplateType::parse)?;
    check_body(&input.template_body, kind)?;
    check_role(cx.scope, &input.provisioning_role_arn)?;
    let new = ProvisioningTemplate {
        name: name.clone(),
        kind,
        description: input.description.filter(|text| !text.is_empty()),
        enabled: input.enabled,
        role_arn: input.provisioning_role_arn,
        hook: input.pre_provisioning_hook.map(|given| hook(cx, given, kind)).transpose()?,
        default_version: 1,
        body: input.template_body,
        created_at: cx.now,
        updated_at: cx.now,
    };
    let template_arn = arn::provisioning_template(cx.scope, &name);
    match cx.state.store.template_create(cx.scope, new, tag::of_new(input.tags)?).await? {
        TemplateCreated::Yes => Ok(CreateProvisioningTemplateOutput {
            template_arn,
            template_name: name.to_string(),
            default_version_id: 1,
        }),
        TemplateCreated::Exists => {
            let text = format!("Template with name {name} already exists");
            Err(Error::new(Kind::Exists, text).with_resource(name.to_string(), template_arn))
        }
        TemplateCreated::TooMany => Err(Error::limit_exceeded(format!(
            "There may be at most {MAX_TEMPLATES} provisioning templates; delete one that is not needed."
        ))),
    }
}

/// Checks a body.
///
/// # Errors
/// `Invalid` in AWS's words.
pub(super) fn check_body(body: &str, kind: TemplateType) -> Result<(), Error> {
    match Template::parse(body, kind.flow()) {
        Ok(_) => Ok(()),
        Err(invalid) => Err(Error::invalid(invalid.to_string())),
    }
}

/// A hook that may be kept. spec: provisioning §7
fn hook(cx: &Call<'_>, given: WireHook, kind: TemplateType) -> Result<Hook, Error> {
    if kind == TemplateType::Jitp {
        return Err(no_hook(kind));
    }
    let payload_version = given.payload_version.unwrap_or_else(|| DEFAULT_PAYLOAD_VERSION.to_owned());
    if payload_version != DEFAULT_PAYLOAD_VERSION {
        return Err(Error::invalid(format!(
            "Payload version {payload_version} of a provisioning hook is not supported; {DEFAULT_PAYLOAD_VERSION} is."
        )));
    }
    if cx.state.config.provisioning.hook(&given.target_arn).is_none() {
        return Err(Error::invalid(format!("Access denied during lambda validation: {}", given.target_arn)));
    }
    Ok(Hook { target_arn: given.target_arn, payload_version })
}

/// Input of operations on one template.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhichTemplate {
    /// Its name.
    pub template_name: String,
}

/// Output of DescribeProvisioningTemplate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeProvisioningTemplateOutput {
    template_arn: String,
    template_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    creation_date: Timestamp,
    last_modified_date: Timestamp,
    default_version_id: i64,
    template_body: String,
    enabled: bool,
    provisioning_role_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pre_provisioning_hook: Option<WireHook>,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Shows a template with its default version.
///
/// # Errors
/// `NotFound`.
pub async fn describe_provisioning_template(
    cx: &Call<'_>,
    input: WhichTemplate,
) -> Result<DescribeProvisioningTemplateOutput, Error> {
    let there = find(cx, &input.template_name).await?;
    Ok(DescribeProvisioningTemplateOutput {
        template_arn: arn::provisioning_template(cx.scope, &there.name),
        template_name: there.name.to_string(),
        description: there.description,
        creation_date: there.created_at,
        last_modified_date: there.updated_at,
        default_version_id: there.default_version,
        template_body: there.body,
        enabled: there.enabled,
        provisioning_role_arn: there.role_arn,
        pre_provisioning_hook: there.hook.map(WireHook::from),
        kind: there.kind.as_str(),
    })
}

/// The template of that name.
///
/// # Errors
/// `NotFound`.
pub(super) async fn find(cx: &Call<'_>, name: &str) -> Result<ProvisioningTemplate, Error> {
    let parsed = TemplateName::parse(name)?;
    cx.state.store.template_get(cx.scope, &parsed).await?.ok_or_else(|| not_found(&parsed))
}

fn not_found(name: &TemplateName) -> Error {
    Error::not_found(format!("Template with name {name} does not exist."))
}

/// Input of UpdateProvisioningTemplate.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateProvisioningTemplate {
    /// Which template.
    pub template_name: String,
    /// Another description; an empty one takes it away.
    pub description: Option<String>,
    /// Whether devices may be provisioned with it.
    pub enabled: Option<bool>,
    /// The version that is to count.
    pub default_version_id: Option<i64>,
    /// Another role.
    pub provisioning_role_arn: Option<String>,
    /// Another hook.
    pub pre_provisioning_hook: Option<WireHook>,
    /// Whether its hook is taken away.
    #[serde(default)]
    pub remove_pre_provisioning_hook: bool,
}

/// Changes a template.
///
/// # Errors
/// `NotFound`; `Invalid` for a version it does not have, for a role or a hook that cannot be used, and for giving and
/// taking a hook at once.
pub async fn update_provisioning_template(
    cx: &Call<'_>,
    input: UpdateProvisioningTemplate,
) -> Result<Empty, Error> {
    let there = find(cx, &input.template_name).await?;
    if let Some(role) = &input.provisioning_role_arn {
        check_role(cx.scope, role)?;
    }
    let hook = match (input.pre_provisioning_hook, input.remove_pre_provisioning_hook) {
        (Some(_), true) => {
            return Err(Error::invalid(
                "preProvisioningHook and removePreProvisioningHook cannot be given together; choose one.",
            ));
        }
        (Some(given), false) => Some(Some(hook(cx, given, there.kind)?)),
        (None, true) => Some(None),
        (None, false) => None,
    };
    let change = TemplateChange {
        description: input.description,
        enabled: input.enabled,
        default_version: input.default_version_id,
        role_arn: input.provisioning_role_arn,
        hook,
    };
    match cx.state.store.template_update(cx.scope, &there.name, change, cx.now).await? {
        TemplateUpdated::Yes => Ok(Empty {}),
        TemplateUpdated::NotFound => Err(not_found(&there.name)),
        TemplateUpdated::NoVersion => Err(Error::invalid(format!(
            "Unable to set version {} as the default, version does not exist",
            input.default_version_id.unwrap_or_default()
        ))),
    }
}

/// Deletes a template.
///
/// # Errors
/// `NotFound`; `InUse` while the registration config of a CA names it.
pub async fn delete_provisioning_template(cx: &Call<'_>, input: WhichTemplate) -> Result<Empty, Error> {
    let name = TemplateName::parse(&input.template_name)?;
    match cx.state.store.template_delete(cx.scope, &name).await? {
        TemplateDeleted::Yes => Ok(Empty {}),
        TemplateDeleted::NotFound => Err(Error::not_found("Unable to delete template, template not found")),
        TemplateDeleted::InUse => Err(Error::new(
            Kind::InUse,
            format!(
                "Unable to delete template {name}: the registration config of a CA certificate names it. Change that \
                 with UpdateCACertificate first."
            ),
        )),
    }
}

/// Input of ListProvisioningTemplates.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListProvisioningTemplates {
    #[serde(flatten)]
    page: Paged,
}

/// Output of ListProvisioningTemplates.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListProvisioningTemplatesOutput {
    templates: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// A template in a list, on the wire. The live service shows no description here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    template_arn: String,
    template_name: String,
    creation_date: Timestamp,
    last_modified_date: Timestamp,
    enabled: bool,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Lists templates, the oldest first.
///
/// # Errors
/// `Invalid` for a page token of another listing.
pub async fn list_provisioning_templates(
    cx: &Call<'_>,
    input: ListProvisioningTemplates,
) -> Result<ListProvisioningTemplatesOutput, Error> {
    let listing = Listing { operation: "ListProvisioningTemplates", scope: cx.scope, filters: &[] };
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let page = cx.state.store.templates_page(cx.scope, after, limit).await?;
    let lines = page.items.into_iter().map(|there| Line {
        template_arn: arn::provisioning_template(cx.scope, &there.name),
        template_name: there.name.to_string(),
        creation_date: there.created_at,
        last_modified_date: there.updated_at,
        enabled: there.enabled,
        kind: there.kind.as_str(),
    });
    Ok(ListProvisioningTemplatesOutput {
        templates: lines.collect(),
        next_token: page.next.map(|position| listing.token(position)),
    })
}

/// Input of CreateProvisioningTemplateVersion.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateProvisioningTemplateVersion {
    /// Which template.
    pub template_name: String,
    /// The body of the new version.
    pub template_body: String,
    /// Whether it counts from now on.
    #[serde(default)]
    pub set_as_default: bool,
}

/// Output of CreateProvisioningTemplateVersion.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateProvisioningTemplateVersionOutput {
    template_arn: String,
    template_name: String,
    version_id: i64,
    is_default_version: bool,
}

/// Adds a version.
///
/// # Errors
/// `NotFound`; `Invalid` for a body that breaks the language; `LimitExceeded` for the sixth version.
pub async fn create_provisioning_template_version(
    cx: &Call<'_>,
    input: CreateProvisioningTemplateVersion,
) -> Result<CreateProvisioningTemplateVersionOutput, Error> {
    let there = find(cx, &input.template_name).await?;
    check_body(&input.template_body, there.kind)?;
    let (name, body, default) = (there.name, input.template_body, input.set_as_default);
    match cx.state.store.template_version_create(cx.scope, &name, body, default, cx.now).await? {
        TemplateVersionCreated::Yes(made) => Ok(CreateProvisioningTemplateVersionOutput {
            template_arn: arn::provisioning_template(cx.scope, &name),
            template_name: name.to_string(),
            version_id: made.version,
            is_default_version: made.is_default,
        }),
        TemplateVersionCreated::NotFound => Err(not_found(&name)),
        TemplateVersionCreated::TooMany => Err(Error::limit_exceeded(format!(
            "Can't create a template version for the template {name}, the maximum number of template versions has been \
             reached"
        ))),
    }
}

/// Input of operations on one version.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhichVersion {
    /// Which template.
    pub template_name: String,
    /// Which version.
    pub version_id: i64,
}

pub(super) fn no_version(version: i64) -> Error {
    Error::not_found(format!("Template version {version} does not exist."))
}

/// Output of DescribeProvisioningTemplateVersion.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeProvisioningTemplateVersionOutput {
    version_id: i64,
    creation_date: Timestamp,
    template_body: String,
    is_default_version: bool,
}

/// Shows one version.
///
/// # Errors
/// `NotFound`.
pub async fn describe_provisioning_template_version(
    cx: &Call<'_>,
    input: WhichVersion,
) -> Result<DescribeProvisioningTemplateVersionOutput, Error> {
    let versions = versions(cx, &input.template_name).await?;
    let found = versions.into_iter().find(|version| version.version == input.version_id);
    let version = found.ok_or_else(|| no_version(input.version_id))?;
    Ok(DescribeProvisioningTemplateVersionOutput {
        version_id: version.version,
        creation_date: version.created_at,
        template_body: version.body,
        is_default_version: version.is_default,
    })
}

pub(super) async fn versions(cx: &Call<'_>, name: &str) -> Result<Vec<TemplateVersion>, Error> {
    let name = TemplateName::parse(name)?;
    cx.state.store.template_versions(cx.scope, &name).await?.ok_or_else(|| not_found(&name))
}

/// Deletes a version.
///
/// # Errors
/// `NotFound`; `Invalid` for the one that counts.
pub async fn delete_provisioning_template_version(
    cx: &Call<'_>,
    input: WhichVersion,
) -> Result<Empty, Error> {
    let (name, version) = (TemplateName::parse(&input.template_name)?, input.version_id);
    match cx.state.store.template_version_delete(cx.scope, &name, version).await? {
        TemplateVersionDeleted::Yes => Ok(Empty {}),
        TemplateVersionDeleted::NoTemplate => Err(not_found(&name)),
        TemplateVersionDeleted::NoVersion => Err(no_version(version)),
        TemplateVersionDeleted::Default => Err(Error::invalid(format!(
            "Unable to delete template version {version}, it is the default version"
        ))),
    }
}

/// Output of ListProvisioningTemplateVersions.
#[derive(Debug, Serialize)]
pub struct ListProvisioningTemplateVersionsOutput {
    versions: Vec<VersionLine>,
}

/// A version in a list, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionLine {
    version_id: i64,
    creation_date: Timestamp,
    is_default_version: bool,
}

/// Lists the versions of a template, newest first, all of them.
///
/// # Errors
/// `NotFound`.
pub async fn list_provisioning_template_versions(
    cx: &Call<'_>,
    input: WhichTemplate,
) -> Result<ListProvisioningTemplateVersionsOutput, Error> {
    let lines = versions(cx, &input.template_name).await?.into_iter().map(|version| VersionLine {
        version_id: version.version,
        creation_date: version.created_at,
        is_default_version: version.is_default,
    });
    Ok(ListProvisioningTemplateVersionsOutput { versions: lines.collect() })
}
