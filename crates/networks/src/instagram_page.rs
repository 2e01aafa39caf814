//! Instagram behind a Facebook page: one login at Facebook leads to every professional account that is linked to one of the person's
//! pages, and the token of the page acts for it. Facts: `networks/instagram` of the knowledge base, flavour B.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet};
use serde_json::Value;

use crate::acting::{Acting, Comments, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::media::Takes;
use crate::meta::media::{self, Door};
use crate::meta::pages::{self, PageLogin};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind, Network,
    Registration, Renewal, Rule, Start, Words,
};
use crate::wire::{BoxFuture, Wire};
use crate::{meta, oauth};

/// The adapter.
pub(crate) struct InstagramPage;

static ABOUT: About = About {
    name: "instagram_page",
    title: "Instagram (through a Facebook page)",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "You log in at Facebook, and can connect the professional Instagram accounts that are linked to pages on which you may create content. Without such a page, connect the account as Instagram.",
            de: "Sie melden sich bei Facebook an und können die professionellen Instagram-Konten verbinden, die mit Seiten verknüpft sind, auf denen Sie Inhalte erstellen dürfen. Ohne eine solche Seite verbinden Sie das Konto als Instagram.",
        },
        Rule {
            en: "Leave every page and every account ticked in Facebook's dialog that you want to connect, also those connected before. Removing the link between page and account ends the connection.",
            de: "Lassen Sie im Dialog von Facebook jede Seite und jedes Konto angehakt, das verbunden sein soll, auch schon verbundene. Wird die Verknüpfung von Seite und Konto gelöst, endet die Verbindung.",
        },
        Rule {
            en: "There are no posts without a picture or film. Log in again every 60 days, so that Facebook goes on showing us your roles and pages. We remind you 30, 14, 7 and 1 days ahead. Publishing goes on at first, and ends 90 days after your last login.",
            de: "Beiträge ohne Bild oder Film gibt es nicht. Melden Sie sich alle 60 Tage neu an, damit Facebook uns Ihre Rollen und Seiten weiter zeigt. Wir erinnern 30, 14, 7 und 1 Tag vorher. Veröffentlichen geht zunächst weiter und endet 90 Tage nach Ihrer letzten Anmeldung.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &[
        "public_profile",
        "pages_show_list",
        "business_management",
        "pages_read_engagement",
        "instagram_basic",
        "instagram_content_publish",
        "instagram_manage_comments",
    ],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://www.facebook.com/v26.0/dialog/oauth" },
        Endpoint { key: "graph", url: "https://graph.facebook.com/v26.0" },
    ],
};

static LOGIN: PageLogin = PageLogin {
    about: &ABOUT,
    fields: "id,name,access_token,tasks,instagram_business_account{id,username,name,profile_picture_url}",
    kind: Kind::Account,
    found: account,
    actor: |page| oauth::id(page.get("instagram_business_account")?, "id"),
    publishes: "instagram_content_publish",
};

/// The account behind a page, or the page that has none.
fn account(page: &Value) -> Option<Found> {
    let name = oauth::text(page, "name").unwrap_or_default().to_owned();
    let Some(linked) = page.get("instagram_business_account").filter(|linked| linked.is_object()) else {
        let why = Words::new(
            "No professional Instagram account is linked to this page, or you unticked it. Link it in the settings of the page, then log in again.",
            "Mit dieser Seite ist kein professionelles Instagram-Konto verknüpft, oder es wurde abgewählt. Verknüpfen Sie es in den Einstellungen der Seite und melden Sie sich neu an.",
        );
        let network_id = oauth::id(page, "id")?;
        let role = pages::tasks(page);
        return Some(Found { network_id, kind: Kind::Page, name, handle: None, avatar: None, role, parent: None, unusable: Some(why) });
    };
    let why = || {
        Words::new(
            "You may not create content on the page that this account is linked to. Ask an admin of the page to give you that task, or to connect the account.",
            "Sie dürfen auf der Seite, mit der dieses Konto verknüpft ist, keine Inhalte erstellen. Bitten Sie einen Admin der Seite um diese Aufgabe oder darum, das Konto zu verbinden.",
        )
    };
    Some(Found {
        network_id: oauth::id(linked, "id")?,
        kind: Kind::Account,
        name: oauth::text(linked, "name").map_or(name, str::to_owned),
        handle: oauth::text(linked, "username").map(str::to_owned),
        avatar: oauth::text(linked, "profile_picture_url").map(str::to_owned),
        role: pages::tasks(page),
        parent: None,
        unusable: (!pages::may_publish(page)).then(why),
    })
}

fn door<'a>(by: &Acting<'a>) -> Result<Door<'a>, NotDone> {
    Ok(Door { graph: LOGIN.graph(&by.cx), token: pages::page_token(&by.cx, by.tokens, by.target)? })
}

impl Network for InstagramPage {
    pages::delegate!(LOGIN);

    fn measure(&self, app: &App, _: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        media::measure(app, draft)
    }

    fn takes(&self) -> Option<&'static Takes> {
        Some(&media::TAKES)
    }

    fn publish<'a>(&'a self, by: Acting<'a>, wanted: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(wanted))?;
            let door = door(&by)?;
            media::post(by, &door, wanted).await
        })
    }

    fn standing<'a>(&'a self, by: Acting<'a>, _: &'a str) -> Done<'a, Option<Words>> {
        Box::pin(async move { Ok(media::standing(by, &door(&by)?).await) })
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Comments> {
        Box::pin(async move {
            let door = door(&by)?;
            media::comments(by, &door, post).await
        })
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Comment { in_reply_to, text })?;
            let door = door(&by)?;
            media::say(by, &door, post, in_reply_to, text).await
        })
    }
}
