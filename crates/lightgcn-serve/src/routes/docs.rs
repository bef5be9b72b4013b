//! The OpenAPI document and its page, which is plain HTML: no script, nothing from elsewhere.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde_json::Value;
use std::fmt::Write;

const STYLE: &str = include_str!("../docs.css");
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// Both, made once.
pub(crate) struct Docs {
    pub(crate) json: Bytes,
    pub(crate) html: Bytes,
}

impl Docs {
    pub(crate) fn new(document: &utoipa::openapi::OpenApi) -> Self {
        let value = serde_json::to_value(document).unwrap_or_default();
        Self {
            json: Bytes::from(value.to_string()),
            html: Bytes::from(page(&value)),
        }
    }
}

pub(crate) fn json(document: Bytes) -> Response {
    respond(document, "application/json")
}

pub(crate) fn html(page: Bytes) -> Response {
    respond(page, "text/html; charset=utf-8")
}

pub(crate) async fn style() -> Response {
    respond(
        Bytes::from_static(STYLE.as_bytes()),
        "text/css; charset=utf-8",
    )
}

fn respond(bytes: Bytes, kind: &'static str) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Text that is safe in HTML. Code in backticks is set as such, and links between items of the source are
/// plain names.
fn text(value: &Value) -> String {
    let plain = value
        .as_str()
        .unwrap_or_default()
        .replace("[`", "`")
        .replace("`]", "`");
    let mut safe = String::new();
    let mut in_code = false;
    for c in plain.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '`' => {
                safe += if in_code { "</code>" } else { "<code>" };
                in_code = !in_code;
            }
            c => safe.push(c),
        }
    }
    if in_code {
        safe += "</code>";
    }
    safe
}

fn escaped(plain: &str) -> String {
    text(&Value::from(plain.replace('`', "'")))
}

fn page(document: &Value) -> String {
    let info = &document["info"];
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>lightgcn: addresses</title><link rel=\"stylesheet\" href=\"/docs.css\"></head><body><main>",
    );
    // Writing to a string does not fail, here and below.
    let _ = write!(
        html,
        "<h1>{} {}</h1><p>{}</p><p>The document: <a href=\"/openapi.json\">openapi.json</a></p><h2>Addresses</h2>",
        text(&info["title"]),
        text(&info["version"]),
        text(&info["description"])
    );
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                add_operation(&mut html, method, path, operation);
            }
        }
    }
    html += "<h2>Shapes</h2>";
    for (name, schema) in document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        add_schema(&mut html, name, schema);
    }
    html += "</main></body></html>";
    html
}

fn add_operation(html: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = write!(
        html,
        "<details><summary><b>{}</b> <code>{}</code> {}</summary><p>{}</p>",
        method.to_uppercase(),
        escaped(path),
        text(&operation["summary"]),
        text(&operation["description"])
    );
    if let Some(parameters) = operation["parameters"].as_array() {
        *html += "<table><tr><th>Parameter</th><th>Where</th><th>Type</th><th>Meaning</th></tr>";
        for parameter in parameters {
            let _ = write!(
                html,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                text(&parameter["name"]),
                text(&parameter["in"]),
                shape(&parameter["schema"]),
                text(&parameter["description"])
            );
        }
        *html += "</table>";
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        let _ = write!(html, "<p>Body: {}</p>", shape(body));
    }
    *html += "<table><tr><th>Status</th><th>Meaning</th><th>Body</th></tr>";
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let schema = &response["content"]["application/json"]["schema"];
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(status),
            text(&response["description"]),
            shape(schema)
        );
    }
    *html += "</table></details>";
}

fn add_schema(html: &mut String, name: &str, schema: &Value) {
    let _ = write!(
        html,
        "<details id=\"{0}\"><summary><code>{0}</code></summary><p>{1}</p>",
        escaped(name),
        text(&schema["description"])
    );
    let parts = schema["allOf"]
        .as_array()
        .map_or_else(|| vec![schema], |parts| parts.iter().collect());
    for part in parts {
        let Some(properties) = part["properties"].as_object() else {
            let _ = write!(html, "<p>{}</p>", shape(part));
            continue;
        };
        *html += "<table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>";
        for (field, property) in properties {
            let _ = write!(
                html,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escaped(field),
                shape(property),
                text(&property["description"])
            );
        }
        *html += "</table>";
    }
    *html += "</details>";
}

/// A schema in a few words.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = escaped(name.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#{name}\"><code>{name}</code></a>");
    }
    for (key, word) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema[key].as_array() {
            return parts.iter().map(shape).collect::<Vec<_>>().join(word);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values
            .iter()
            .map(|value| format!("<code>{}</code>", text(value)));
        return values.collect::<Vec<_>>().join(", ");
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("list of {}", shape(&schema["items"])),
        Value::String(kind) => escaped(kind),
        Value::Array(kinds) => {
            let kinds = kinds
                .iter()
                .filter_map(Value::as_str)
                .map(|kind| match kind {
                    "array" => format!("list of {}", shape(&schema["items"])),
                    kind => escaped(kind),
                });
            kinds.collect::<Vec<_>>().join(" or ")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let html = text(&Value::from("<script>alert(\"1\")</script> & `code"));
        assert_eq!(
            html,
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; <code>code</code>"
        );
    }
}
