//! The HTML of consent pages and the control page.

const CSS: &str = "
:root{color-scheme:light dark;--ink:#17221c;--soft:#5b6a61;--paper:#f5f6f4;--card:#fff;--line:#dde3df;--brand:#226b45}
@media(prefers-color-scheme:dark){:root{--ink:#e7ece9;--soft:#a3b0a9;--paper:#121714;--card:#1b221e;--line:#313b35;--brand:#68c795}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
header{padding:.8rem 1.2rem;color:#fff;background:var(--net,#226b45);display:flex;gap:.8rem;align-items:center}
header b{font-size:1.1rem}header span{margin-left:auto;background:#ffffff2b;border-radius:99px;padding:.1rem .7rem;font-size:.8rem}
main{max-width:30rem;margin:2rem auto;padding:0 1rem}main.wide{max-width:72rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.4rem;margin-bottom:1.2rem}
h1{font-size:1.35rem;margin:0 0 .6rem}h2{font-size:1.05rem;margin:0 0 .6rem}p{margin:.4rem 0}small,.soft{color:var(--soft)}
label{display:block;margin:.8rem 0 .2rem;font-weight:600}input,select{font:inherit;width:100%;padding:.55rem .7rem;border:1px solid var(--line);border-radius:8px;background:var(--paper);color:inherit}
input[type=checkbox]{width:auto;margin-right:.5rem}label.box{font-weight:400;margin:.35rem 0}
button{font:inherit;font-weight:600;padding:.55rem 1rem;border-radius:8px;border:1px solid var(--line);background:var(--card);color:inherit;cursor:pointer}
button.main{background:var(--net,var(--brand));border-color:transparent;color:#fff}button:focus-visible,input:focus-visible,select:focus-visible,a:focus-visible{outline:3px solid #5aa9ff;outline-offset:2px}
.row{display:flex;gap:.5rem;flex-wrap:wrap;align-items:center;margin-top:1rem}.row form{margin:0}.error{border-left:4px solid #c0392b;padding:.4rem .8rem;background:#c0392b1c}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.45rem .5rem;border-top:1px solid var(--line);vertical-align:top}.scroll{overflow-x:auto}
.row:has(.in){align-items:flex-end;margin-bottom:.6rem}td .row{margin-top:0}label.in{font-weight:400;font-size:.85rem;margin:0;flex:1 1 12rem}details{margin-top:1rem}summary{cursor:pointer}.small button{padding:.25rem .6rem;font-size:.85rem;font-weight:500}code{font-size:.9em}a{color:var(--brand)}
";

/// Text made safe for HTML.
pub(crate) fn esc(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A page in a network's colour.
pub(crate) fn page(title: &str, colour: &str, brand: &str, wide: bool, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{}</title><style>{CSS}:root{{--net:{colour}}}</style></head>\
         <body><header><b>{}</b><span>Sandbox</span></header><main{}>{body}</main></body></html>",
        esc(title),
        esc(brand),
        if wide { " class=\"wide\"" } else { "" }
    )
}

/// A page with one message.
pub(crate) fn plain(title: &str, body: &str) -> String {
    page(title, "#226b45", "Staygreen", false, &format!("<div class=\"card\"><h1>{}</h1><p>{body}</p></div>", esc(title)))
}
