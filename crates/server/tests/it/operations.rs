//! Which of AWS's operations are served: every row is called, signed, over the wire.

use std::fmt::Write as _;

use adit_aws::{Protocol, Service};

use crate::bed::Bed;

#[tokio::test]
async fn every_operation_is_served_or_not_offered_by_name() {
    let bed = Bed::new().await;
    let mut out = String::new();
    for service in Service::ALL {
        let (mut served, mut not_offered) = (Vec::new(), 0);
        for operation in service.operations() {
            let path: String = operation
                .path
                .split('/')
                .map(|p| if p.starts_with('{') { "x" } else { p })
                .collect::<Vec<_>>()
                .join("/");
            let path = path.split('?').next().unwrap();
            let target = format!("x-amz-target: IoTSecuredTunneling.{}", operation.name);
            let headers: &[&str] = if service.protocol() == Protocol::Json11 { &[&target] } else { &[] };
            let body = match service.protocol() {
                Protocol::QueryXml => format!("Action={}&Version=2011-06-15", operation.name),
                _ => String::new(),
            };
            let answer = bed.signed(service, operation.method.as_str(), path, headers, &body).await;
            if answer.status == 501 {
                let text =
                    format!("{} is an operation of AWS that this server does not offer.", operation.name);
                assert!(answer.body.contains(&text), "{} {}", operation.name, answer.body);
                not_offered += 1;
            } else {
                assert!([200, 400, 404].contains(&answer.status), "{} {answer:?}", operation.name);
                served.push(operation.name);
            }
        }
        writeln!(out, "{service:?}: {} served, {not_offered} not offered", served.len()).unwrap();
        for name in served {
            writeln!(out, "  {name}").unwrap();
        }
    }
    insta::assert_snapshot!(out);
}
