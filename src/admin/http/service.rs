//! Requests and who may make them.
//! Knows: HTTP, roles, the operations. Must not: know what an operation does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, guard};
use serde_json::json;

use super::answers::{Format, error, refused, response};
use super::desk::Desk;
use super::openapi;
use super::operations::{Given, Method, Operation, operations};
use super::tokens::{Role, Tokens};
use crate::metrics::{CONTENT_TYPE, Metrics};

/// Octets of a request's body.
const BODY: usize = 64 << 10;

/// What requests are served with.
pub struct Office {
    pub desk: Desk,
    /// The token file.
    pub tokens: PathBuf,
    pub metrics: Arc<Metrics>,
}

/// Every path.
pub fn routes(app: &mut ServiceConfig, office: &Data<Office>) {
    let look = || web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    let not_allowed = || web::to(async || error(StatusCode::METHOD_NOT_ALLOWED, "method", "not on this path"));
    let nothing = || web::to(async || error(StatusCode::NOT_FOUND, "not_found", "there is nothing on this path"));
    let open = |path: &str, route| web::resource(path).route(route).default_service(not_allowed());
    let mut paths: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
    for operation in operations() {
        paths.entry(operation.path.clone()).or_default().push(operation);
    }
    let mut api = web::scope("/api/v1").wrap(from_fn(log)).default_service(nothing());
    api = api.service(open("/openapi.json", look().to(async || HttpResponse::Ok().json(openapi::document()))));
    for (path, operations) in paths {
        let mut resource = web::resource(path).default_service(not_allowed());
        for operation in operations {
            let method = match operation.method {
                Method::Get => web::get(),
                Method::Post => web::post(),
                Method::Put => web::put(),
                Method::Patch => web::patch(),
                Method::Delete => web::delete(),
            };
            let operation = Arc::new(operation);
            resource = resource.route(method.to(move |request: HttpRequest, body: Bytes, office: Data<Office>| {
                let operation = operation.clone();
                async move { serve(&operation, &request, &body, &office).await }
            }));
        }
        api = api.service(resource);
    }
    app.app_data(office.clone())
        .app_data(web::PayloadConfig::new(BODY))
        .service(open("/metrics", look().to(metrics)))
        .service(open("/health/live", look().to(live)))
        .service(open("/health/ready", look().to(ready)))
        .service(api)
        .default_service(nothing());
}

async fn metrics(office: Data<Office>) -> HttpResponse {
    // a node that does not answer is worth knowing too: what was counted until now is shown
    office.desk.observe().await;
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(office.metrics.text())
}

/// 200 while the threads and actors that carry calls answer: who sees 503 for long restarts the node.
async fn live(office: Data<Office>) -> HttpResponse {
    match office.desk.pulse().await {
        true => HttpResponse::Ok().json(json!({ "status": "live" })),
        false => HttpResponse::ServiceUnavailable().json(json!({ "status": "not live" })),
    }
}

/// 200 while calls are taken and there is nothing an administrator must look at.
async fn ready(office: Data<Office>) -> HttpResponse {
    let (problems, out_of_service) = match office.desk.status().await {
        Some(status) => (status.problems, status.out_of_service),
        None => (vec!["the node does not answer".to_owned()], Vec::new()),
    };
    if problems.is_empty() && out_of_service.is_empty() {
        return HttpResponse::Ok().json(json!({ "status": "ready" }));
    }
    let body = json!({ "status": "not ready", "problems": problems, "out_of_service": out_of_service });
    HttpResponse::ServiceUnavailable().json(body)
}

async fn serve(operation: &Operation, request: &HttpRequest, body: &Bytes, office: &Office) -> HttpResponse {
    if let Err(denied) = admit(request, operation.role, office) {
        return denied.response();
    }
    let given = match given(operation, request, body) {
        Ok(given) => given,
        Err(denied) => return denied.response(),
    };
    let command = match operation.command(&given) {
        Ok(command) => command,
        Err(refusal) => return refused(&refusal),
    };
    let named = |format: &&Format| given.query.get("format").is_none_or(|name| name == format.as_str());
    let Some(format) = operation.formats().iter().find(named) else {
        let names: Vec<_> = operation.formats().iter().map(|format| format.as_str()).collect();
        return error(StatusCode::UNPROCESSABLE_ENTITY, "invalid", &format!("format: one of {}", names.join(", ")));
    };
    response(office.desk.command(command).await, operation.shape, *format)
}

/// A request that asks nobody: status, reason and sentence.
struct Denied(StatusCode, &'static str, String);

impl Denied {
    fn response(&self) -> HttpResponse {
        let mut response = error(self.0, self.1, &self.2);
        if self.0 == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Bearer realm=\"ringpost\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// 401 without a token we know, 403 with one that does not reach so far (RFC 6750 3.1).
fn admit(request: &HttpRequest, needed: Role, office: &Office) -> Result<(), Denied> {
    let unknown = |message: &str| Denied(StatusCode::UNAUTHORIZED, "unauthorized", message.to_owned());
    let tokens = Tokens::read(&office.tokens).map_err(|fault| {
        tracing::error!(%fault, "no token is known: the administration by HTTP answers nobody");
        let message = "the token file cannot be used; the log says why".to_owned();
        Denied(StatusCode::SERVICE_UNAVAILABLE, "failed", message)
    })?;
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret =
        given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
    let Some((_, secret)) = secret else {
        return Err(unknown("a token is needed: Authorization: Bearer <token>"));
    };
    match tokens.find(secret.trim()) {
        None => Err(unknown("the token is not known")),
        Some((role, _)) if role < needed => {
            let message = "the token is for reading; this needs the role manage".to_owned();
            Err(Denied(StatusCode::FORBIDDEN, "forbidden", message))
        }
        Some((_, name)) => {
            if needed == Role::Manage {
                tracing::info!(event = "administered", who = name, method = %request.method(), path = request.path());
            }
            Ok(())
        }
    }
}

fn given(operation: &Operation, request: &HttpRequest, body: &Bytes) -> Result<Given, Denied> {
    let bad = |message: String| Denied(StatusCode::BAD_REQUEST, "bad_request", message);
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map_err(|fault| bad(format!("the query cannot be read: {fault}")))?.into_inner();
    let identity = match request.match_info().is_empty() {
        true => None,
        false => {
            let segment = web::Path::<String>::from_request(request, &mut Payload::None).into_inner();
            Some(segment.map_err(|fault| bad(format!("the path cannot be read: {fault}")))?.into_inner())
        }
    };
    let body = match body.is_empty() {
        true => serde_json::Map::new(),
        false => match serde_json::from_slice(body) {
            Ok(serde_json::Value::Object(body)) => body,
            Ok(_) => return Err(bad("the body is a JSON object".to_owned())),
            Err(fault) => return Err(bad(format!("the body is not JSON: {fault}"))),
        },
    };
    Ok(Given { kind: operation.kind, identity, query, body })
}

/// Counts each request, and logs it for whoever looks.
async fn log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let response = next.call(request).await?;
    let request = response.request();
    let status = response.status().as_u16();
    if let Some(office) = request.app_data::<Data<Office>>() {
        office.metrics.admin_answered(status);
    }
    let peer = request.peer_addr().map(tracing::field::display);
    tracing::debug!(event = "http", peer, method = %request.method(), path = request.path(), status);
    Ok(response)
}
