//! Every way in, tried by a stranger and from another site.

use server::auth::Needs;
use server::routes::{API, PAGES};

use crate::world::{Demo, client};

fn filled(path: &str) -> String {
    path.replace("{id}", "prf_00000000000000000000000000000001")
        .replace("{network}", "linkedin")
        .replace("{secret}", "nothing")
        .replace("{what}", "withdraw")
}

#[tokio::test]
async fn strangers_get_in_nowhere() {
    let demo = Demo::start();
    let http = client();
    for route in API {
        let url = format!("{}{}", demo.running.url(), filled(route.path));
        for key in [None, Some("sg_wrong"), Some("")] {
            let mut request = http
                .request(route.method.parse().unwrap(), &url)
                .header("origin", demo.running.url())
                .header("content-type", "application/json")
                .body("{}");
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{} {} with {key:?}", route.method, route.path);
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
        }
    }
    for (path, needs, _) in PAGES {
        let answer = http.get(format!("{}{}", demo.running.url(), filled(path))).send().await.unwrap();
        let open = *needs == Needs::Nothing;
        let status = answer.status().as_u16();
        if open {
            assert_ne!(status, 500, "{path}");
        } else {
            let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
            assert!(status == 405 || (status == 303 && to.starts_with("/sign-in?next=")), "{path}: {status} {to}");
        }
        for header in ["content-security-policy", "x-frame-options", "x-content-type-options", "referrer-policy"] {
            assert!(answer.headers().contains_key(header), "{path} without {header}");
        }
    }
}

#[tokio::test]
async fn nt_04_a_post_from_another_site_changes_nothing() {
    let demo = Demo::start();
    let http = client();
    let body = format!("email={}&password={}", "lena.arndt%40fernweh.example", demo.text("password").replace(' ', "+"));
    let sign_in = |name: &'static str, value: String| {
        http.post(format!("{}/sign-in", demo.running.url()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header(name, value)
            .body(body.clone())
            .send()
    };
    let good = sign_in("origin", demo.running.url().to_owned()).await.unwrap();
    assert_eq!(good.status(), 303);
    let cookie = good.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("x-nothing", "no origin at all")] {
        assert_eq!(sign_in(name, value.into()).await.unwrap().status(), 403, "{name}: {value}");
        for path in ["/settings/teams", "/settings/api-keys", "/account/notifications", "/settings/profiles/add/linkedin"] {
            let answer = http
                .post(format!("{}{path}", demo.running.url()))
                .header("cookie", cookie)
                .header(name, value)
                .body("name=Evil")
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 403, "{path} with {name}: {value}");
        }
    }
    let teams =
        http.get(format!("{}/settings/teams", demo.running.url())).header("cookie", cookie).send().await.unwrap().text().await.unwrap();
    assert!(teams.contains("Trail guides") && !teams.contains("Evil"));
}

#[tokio::test]
async fn the_api_description_names_every_operation() {
    let demo = Demo::start();
    let description: serde_json::Value =
        client().get(format!("{}/api/v1/openapi.json", demo.running.url())).send().await.unwrap().json().await.unwrap();
    assert_eq!(description["openapi"], "3.1.0");
    for route in API {
        let operation = &description["paths"][route.path.replace("{*", "{")][route.method.to_lowercase()];
        assert_eq!(operation["operationId"], route.id, "{} {}", route.method, route.path);
    }
}
