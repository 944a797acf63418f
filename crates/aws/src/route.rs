//! Which operation a request asks for: the target header, then the service in the signing scope, then the path.
//!
//! The scope is needed because paths of `iot` and `iot-jobs-data` collide (spec: control-plane §2).

use http::header::CONTENT_TYPE;

use crate::limits::PARAMETERS;
use crate::refusal::{Refusal, echo};
use crate::service::{Protocol, Service};
use crate::table::Operation;
use crate::{Request, uri};

pub(crate) const TARGET: &str = "x-amz-target";

/// The wire form that the client of a request most likely reads, from what a request of that form must have.
pub(crate) fn protocol(request: &Request<'_>) -> Protocol {
    let form = |value: &http::HeaderValue| value.as_bytes().starts_with(b"application/x-www-form-urlencoded");
    if request.headers.contains_key(TARGET) {
        Protocol::Json11
    } else if is_root(request.path)
        && (request.headers.get(CONTENT_TYPE).is_some_and(form)
            || uri::pairs(request.query).any(|(key, _)| key == "Action"))
    {
        Protocol::QueryXml
    } else {
        Protocol::RestJson
    }
}

/// The operation that a request asks for. `scope` is the service that it was signed for.
pub(crate) fn operation(
    request: &Request<'_>,
    scope: &str,
) -> Result<&'static Operation, (Refusal, Option<Service>)> {
    if let Some(target) = request.headers.get(TARGET) {
        return by_target(target.to_str().unwrap_or_default(), request, scope);
    }
    match (Service::from_signing_name(scope), scope) {
        (Some(service @ (Service::Sts | Service::Iam)), _) => by_action(service, request),
        (Some(Service::Tunneling), _) => {
            let text = "The X-Amz-Target header must name the operation.".to_owned();
            Err((Refusal::UnknownOperation(text), Some(Service::Tunneling)))
        }
        (Some(service), _) => by_path(service, request).ok_or_else(|| (no_path(request), Some(service))),
        (None, "execute-api") => [Service::Iot, Service::IotData]
            .into_iter()
            .find_map(|service| by_path(service, request))
            .ok_or_else(|| (no_path(request), None)),
        (None, _) => {
            let right = match protocol(request) {
                Protocol::QueryXml if by_action(Service::Iam, request).is_ok() => Some(Service::Iam),
                Protocol::QueryXml => Some(Service::Sts),
                Protocol::RestJson | Protocol::Json11 => {
                    Service::ALL.into_iter().find(|service| by_path(*service, request).is_some())
                }
            };
            let name = right.unwrap_or(Service::Iot).signing_name().to_owned();
            Err((Refusal::WrongService(name), right))
        }
    }
}

fn by_target(
    target: &str,
    request: &Request<'_>,
    scope: &str,
) -> Result<&'static Operation, (Refusal, Option<Service>)> {
    let unknown = || Refusal::UnknownOperation(format!("The operation '{}' does not exist.", echo(target)));
    let (prefix, name) = target.split_once('.').unwrap_or((target, ""));
    let service = Service::ALL.into_iter().find(|service| service.target_prefix() == Some(prefix));
    let service = service.ok_or_else(|| (unknown(), None))?;
    if scope != service.signing_name() {
        return Err((Refusal::WrongService(service.signing_name().to_owned()), Some(service)));
    }
    let found = service.operation(name).filter(|row| row.method.as_str() == request.method.as_str());
    found.ok_or_else(|| (unknown(), Some(service)))
}

fn by_action(
    service: Service,
    request: &Request<'_>,
) -> Result<&'static Operation, (Refusal, Option<Service>)> {
    let body = std::str::from_utf8(request.body).unwrap_or_default();
    let find = |name: &str| {
        let mut given = uri::pairs(request.query).chain(uri::pairs(body)).take(PARAMETERS);
        given.find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    };
    let found = is_root(request.path).then(|| service.operation(find("Action"))).flatten();
    found.ok_or_else(|| {
        let (action, version) = (echo(find("Action")), echo(find("Version")));
        let text = format!("Could not find operation {action} for version {version}");
        (Refusal::UnknownOperation(text), Some(service))
    })
}

/// The operation of that service that the path of a request names.
pub(crate) fn of_service(service: Service, request: &Request<'_>) -> Result<&'static Operation, Refusal> {
    by_path(service, request).ok_or_else(|| no_path(request))
}

fn by_path(service: Service, request: &Request<'_>) -> Option<&'static Operation> {
    let path = request.path.strip_prefix('/').unwrap_or(request.path);
    let first = path.split('/').next().unwrap_or_default();
    // There are hundreds of templates; nearly all are told apart by their first letters.
    let may_fit = |template: &str| {
        let template = template.strip_prefix('/').unwrap_or(template);
        match template.as_bytes().first() {
            Some(b'{') => true,
            letter => letter == first.as_bytes().first() && template.starts_with(first),
        }
    };
    service
        .operations()
        .iter()
        .chain(service.ours())
        .filter(|row| may_fit(row.path) && row.method.as_str() == request.method.as_str())
        .filter_map(|row| Some((fit(row.path, request.path)?, row)))
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, row)| row)
}

/// How a segment of a template takes part of a path.
enum Segment<'t> {
    Fixed(&'t str),
    Label(&'t str),
    /// The rest of the path, slashes and all.
    Rest(&'t str),
}

fn segment(text: &str) -> Segment<'_> {
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        None => Segment::Fixed(text),
        Some(label) => label.strip_suffix('+').map_or(Segment::Label(label), Segment::Rest),
    }
}

/// Walks a template and a path side by side; `take` sees each label with its raw text. False if they do not fit.
///
/// A slash at the end of either makes no difference. No label is empty.
fn walk<'t, 'p>(template: &'t str, path: &'p str, mut take: impl FnMut(&Segment<'t>, &'p str)) -> bool {
    let mut rest = Some(path.strip_prefix('/').unwrap_or(path));
    for text in template.trim_matches('/').split('/') {
        let Some(left) = rest else { return false };
        let (here, after) = left.split_once('/').map_or((left, None), |(here, after)| (here, Some(after)));
        let wanted = segment(text);
        match wanted {
            Segment::Fixed(fixed) if fixed != here => return false,
            Segment::Label(_) if here.is_empty() => return false,
            Segment::Rest(_) if left.is_empty() => return false,
            Segment::Rest(_) => {
                take(&wanted, left);
                return true;
            }
            Segment::Fixed(_) | Segment::Label(_) => take(&wanted, here),
        }
        rest = after;
    }
    rest.is_none_or(str::is_empty)
}

/// How well a path fits a template: of two that fit, the one whose first difference is fixed text wins.
fn fit(template: &str, path: &str) -> Option<u64> {
    let mut rank = 1_u64 << 63;
    let mut place = 62_u32;
    let fits = walk(template, path, |segment, _| {
        let weight = match segment {
            Segment::Fixed(_) => 2_u64,
            Segment::Label(_) => 1,
            Segment::Rest(_) => 0,
        };
        place = place.saturating_sub(2);
        rank |= weight << place;
    });
    fits.then_some(rank)
}

/// The raw texts of a path's labels.
pub(crate) fn labels<'p>(template: &'static str, path: &'p str) -> Vec<(&'static str, &'p str)> {
    let mut found = Vec::new();
    walk(template, path, |segment, text| {
        if let Segment::Label(label) | Segment::Rest(label) = *segment {
            found.push((label, text));
        }
    });
    found
}

/// Whether a path leads to that operation and no better one.
pub(crate) fn leads_to(operation: &'static Operation, request: &Request<'_>) -> bool {
    by_path(operation.service, request).is_some_and(|row| std::ptr::eq(row, operation))
}

fn no_path(request: &Request<'_>) -> Refusal {
    Refusal::UnknownOperation(format!(
        "No method found matching route {} for http method {}.",
        echo(request.path.trim_start_matches('/')),
        echo(request.method.as_str())
    ))
}

fn is_root(path: &str) -> bool {
    matches!(path, "" | "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_text_comes_before_labels_and_labels_before_the_rest() {
        let path = "/a/b";
        let ranks = ["/a/b", "/a/{x}", "/a/{x+}", "/{x}/b"].map(|template| fit(template, path).unwrap());
        assert!(ranks.is_sorted_by(|left, right| left > right), "{ranks:?}");
    }

    #[test]
    fn labels_are_never_empty_and_a_last_slash_is_no_matter() {
        for (template, path, fits) in [
            ("/things", "/things", true),
            ("/things", "/things/", true),
            ("/authorizers/", "/authorizers", true),
            ("/things/{n}", "/things/", false),
            ("/things/{n}", "/things", false),
            ("/things/{n}", "/things/a/", true),
            ("/things/{n}", "/things/a/b", false),
            ("/topics/{t+}", "/topics/", false),
            ("/topics/{t+}", "/topics/a//b", true),
        ] {
            assert_eq!(fit(template, path).is_some(), fits, "{template} {path}");
        }
    }

    #[test]
    fn the_rest_keeps_its_slashes() {
        let labels = labels("/attached-policies/{target+}", "/attached-policies/arn:aws:iot:r:1:cert/ab");
        assert_eq!(labels, [("target", "arn:aws:iot:r:1:cert/ab")]);
    }
}
