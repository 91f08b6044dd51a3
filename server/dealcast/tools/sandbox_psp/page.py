"""The page on which a buyer pays: plain HTML that needs no script."""

from html import escape
from urllib.parse import urlsplit

from dealcast.core.money import Money, digits
from dealcast.tools.sandbox_psp.books import Collection

SIGNS = {
    "CNY": "¥", "EUR": "€", "GBP": "£", "HKD": "HK$", "JPY": "¥", "KRW": "₩",
    "MYR": "RM", "SGD": "S$", "THB": "฿", "TWD": "NT$", "USD": "$", "VND": "₫",
}  # fmt: skip

WORDS = {
    "en": {
        "to": "Pay to",
        "reference": "Reference",
        "until": "Payable until",
        "pay": "Pay",
        "decline": "Decline",
        "back": "Back to the shop",
        "sandbox": "Sandbox: no money moves here.",
        "authorised": "Paid. You can go back to the shop.",
        "captured": "Paid. You can go back to the shop.",
        "declined": "You declined this payment.",
        "cancelled": "This payment was cancelled.",
        "refunded": "This payment went back to you.",
        "expired": "It is too late to pay this. What you held went back.",
    },
    "zh-Hant": {
        "to": "付款給",
        "reference": "交易編號",
        "until": "付款期限",
        "pay": "付款",
        "decline": "拒絕付款",
        "back": "回到商店",
        "sandbox": "沙盒：不會真的扣款。",
        "authorised": "已付款，可以回到商店了。",
        "captured": "已付款，可以回到商店了。",
        "declined": "您已拒絕這筆付款。",
        "cancelled": "這筆付款已取消。",
        "refunded": "這筆款項已退回。",
        "expired": "已過付款期限，保留的商品已釋出。",
    },
}

STYLE = """
:root{color-scheme:light dark;--page:light-dark(#eef2f6,#0b111c);
--card:light-dark(#fff,#131c2b);--edge:light-dark(#cfd8e3,#2a384e);
--ink:light-dark(#14213a,#eaf0f8);--soft:light-dark(#5d6b82,#93a2b8);
--seal:light-dark(#c62f1b,#d03c27);--cobalt:light-dark(#1f4fa3,#8db8ff)}
*{box-sizing:border-box}
body{margin:0;min-height:100dvh;display:grid;place-items:center;padding:1rem;
background:var(--page);color:var(--ink);font:1rem/1.5 -apple-system,"Segoe UI",
"PingFang TC","Noto Sans TC","Noto Sans CJK TC","Microsoft JhengHei",Arial,sans-serif}
main{width:100%;max-width:24rem;background:var(--card);border:1px solid var(--edge);
border-top:.25rem solid var(--cobalt);border-radius:1rem;padding:1.5rem}
p{margin:0}.soft{color:var(--soft);font-size:.8125rem}
h1{margin:.125rem 0 0;font-size:1.0625rem;overflow-wrap:anywhere}
.sum{margin:1.5rem 0;font-size:2.375rem;line-height:1.1;font-weight:650;
font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.sum small{font-size:.9375rem;font-weight:400;color:var(--soft)}
dl{margin:0 0 1.5rem;display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;
font-size:.8125rem;border-top:1px solid var(--edge);padding-top:1rem}
dt{color:var(--soft)}dd{margin:0;text-align:end;overflow-wrap:anywhere;
font-family:ui-monospace,"SF Mono",monospace}
form{display:grid;gap:.5rem}
button,.go{display:block;width:100%;min-height:2.75rem;padding:.625rem 1rem;
border-radius:.625rem;border:1px solid transparent;font:inherit;font-weight:600;
text-align:center;text-decoration:none;cursor:pointer}
.main{background:var(--seal);color:#fff}
.other{background:none;border-color:var(--edge);color:var(--ink)}
button:focus-visible,a:focus-visible{outline:3px solid var(--cobalt);outline-offset:2px}
.said{margin:0 0 1.5rem;padding:.75rem 1rem;border-radius:.625rem;
background:light-dark(#e3e9f0,#0f1724)}
footer{margin-top:1.5rem;text-align:center}
"""


def shown(money: Money) -> str:
    """Write an amount as people read it, exactly: ``¥12,900.00``."""
    places = digits(money.currency)
    whole, part = divmod(money.amount, 10**places)
    decimals = f".{part:0{places}d}" if places else ""
    return f"{SIGNS.get(money.currency, '')}{whole:,}{decimals}"


def language(accept: str) -> str:
    """Return the language of the page for an Accept-Language header."""
    first = accept.split(",")[0].strip().lower()
    return "zh-Hant" if first.startswith("zh") else "en"


def render(payment: Collection, *, accept: str, now: int, until: str) -> str:
    """Return the page of ``payment``; whatever came from outside is escaped."""
    tongue = language(accept)
    words, intent = WORDS[tongue], payment.intent
    open_still = payment.status == "unpaid" and now < intent.expires_at
    state = "expired" if payment.status == "unpaid" else payment.status
    back = escape(intent.return_url, quote=True)
    title, reference = escape(intent.title), escape(intent.reference)
    said = "" if open_still else f'<p class="said" role="status">{words[state]}</p>'
    limit = f"<dt>{words['until']}</dt><dd>{until}</dd>" if open_still else ""
    return f"""<!doctype html>
<html lang="{tongue}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex"><title>{title}</title>
<link rel="icon" href="data:,"><style>{STYLE}</style></head>
<body><main>
<p class="soft">{words["to"]}</p><h1>{title}</h1>
<p class="sum">{escape(shown(intent.amount))}
<small>{escape(intent.amount.currency)}</small></p>
{said}<dl><dt>{words["reference"]}</dt><dd>{reference}</dd>{limit}</dl>
{_buttons(words) if open_still else _link(words, back)}
<footer class="soft">{words["sandbox"]}</footer>
</main></body></html>
"""


def headers(payment: Collection) -> dict[str, str]:
    """Return the headers that keep the page from being framed, cached or scripted."""
    back = urlsplit(payment.intent.return_url)
    # A form's answer redirects to the shop, which browsers count as its action.
    shop = f" {back.scheme}://{back.netloc}" if back.netloc else ""
    return {
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
            f"form-action 'self'{shop}; frame-ancestors 'none'; base-uri 'none'"
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def _buttons(words: dict[str, str]) -> str:
    return f"""<form method="post">
<button class="main" name="choice" value="pay">{words["pay"]}</button>
<button class="other" name="choice" value="decline">{words["decline"]}</button>
</form>"""


def _link(words: dict[str, str], back: str) -> str:
    return f'<a class="go main" href="{back}" rel="noreferrer">{words["back"]}</a>'
