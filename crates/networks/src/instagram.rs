//! Instagram with Instagram's own login: one login is one professional account; the token is extended every few weeks. Facts:
//! `networks/instagram` of the knowledge base, flavour A.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet};

use crate::acting::{Acting, Comments, Done, Draft, Fit, NotDone, Post, Posted};
use crate::meta;
use crate::meta::login::{self, Login};
use crate::meta::media::{self, Door, TAKES};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Issued, Network, Registration,
    Renewal, Rule, Start, Words,
};
use crate::wire::{BoxFuture, Wire};

/// The adapter.
pub(crate) struct Instagram;

static ABOUT: About = About {
    name: "instagram",
    title: "Instagram",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "The account must be a professional one (business or creator). Personal accounts can't be connected: Instagram allows no tool to act for them.",
            de: "Das Konto muss ein professionelles sein (Unternehmen oder Creator). Persönliche Konten können nicht verbunden werden: Instagram erlaubt dort keinem Werkzeug zu handeln.",
        },
        Rule {
            en: "There are no posts without a picture or film. We extend the connection by ourselves; a changed password ends it.",
            de: "Beiträge ohne Bild oder Film gibt es nicht. Wir verlängern die Verbindung selbst; ein geändertes Passwort beendet sie.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &["instagram_business_basic", "instagram_business_content_publish", "instagram_business_manage_comments"],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://www.instagram.com/oauth/authorize" },
        Endpoint { key: "token", url: "https://api.instagram.com/oauth/access_token" },
        Endpoint { key: "long_lived", url: "https://graph.instagram.com/access_token" },
        Endpoint { key: "extend", url: "https://graph.instagram.com/refresh_access_token" },
        Endpoint { key: "graph", url: "https://graph.instagram.com/v26.0" },
    ],
};

static LOGIN: Login = Login {
    about: &ABOUT,
    prefix: "ig",
    fields: "user_id,username,name,account_type,profile_picture_url",
    // The id of the login is another one than the account's.
    id: "user_id",
    picture: "profile_picture_url",
};

fn door<'a>(by: &Acting<'a>) -> Door<'a> {
    Door { graph: LOGIN.url(&by.cx, "graph"), token: &by.tokens.access_token }
}

async fn post(by: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let door = door(&by);
    media::post(by, &door, post).await
}

fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    media::measure(app, draft)
}

async fn left(by: Acting<'_>) -> Option<Words> {
    let door = door(&by);
    media::standing(by, &door).await
}

async fn read_comments(by: Acting<'_>, post: &str) -> Result<Comments, NotDone> {
    let door = door(&by);
    media::comments(by, &door, post).await
}

async fn say(by: Acting<'_>, post: &str, in_reply_to: Option<&str>, text: &str) -> Result<Posted, NotDone> {
    let door = door(&by);
    media::say(by, &door, post, in_reply_to, text).await
}

impl Network for Instagram {
    login::delegate!(LOGIN);
}
