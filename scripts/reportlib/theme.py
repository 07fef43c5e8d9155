# SPDX-License-Identifier: MIT
"""Who is who in which colour and shape, everywhere in the report, and how the page looks.

Colours are CSS variables with a value for light and one for dark, so that every figure follows the
reader's setting; a shape goes with each, so that nothing is told by colour alone."""

# system: (name in legends, light, dark, shape)
SYSTEMS = {
    "wend": ("wend", "#2457d6", "#86a8ff", "circle"),
    "thread": ("threads", "#b3471b", "#f09a6b", "square"),
    "go": ("Go", "#0b7f86", "#4fc6cc", "diamond"),
    "boost": ("Boost", "#7446b8", "#bb9af0", "up"),
    "tbb": ("TBB", "#96690c", "#dcb458", "down"),
    "ck": ("libck", "#4f7420", "#a6cb68", "up"),
    "urcu": ("liburcu", "#7a5a45", "#cbaa92", "down"),
    "nsync": ("nsync", "#ab3a74", "#ef8fbd", "diamond"),
    "other": ("others", "#6b7280", "#9aa3b2", "ring"),
}
_PREFIX = {"pthread": "thread", "tbb_map": "tbb", "ck_ht": "ck", "urcu_lfht": "urcu"}
# Rows of the library itself, in another way or on another backend, stand beside it in grey.


def system(row_name, beside=False):
    """Whose row it is; a row of ours that stands beside another of ours is one of the others."""
    head = row_name.split("/")[0]
    head = _PREFIX.get(head, head)
    if head in SYSTEMS and head not in ("wend", "other"):
        return head
    return "other" if beside else "wend"


def var(name):
    return "var(--%s)" % name


SHAPES = {
    "circle": '<circle r="4.6"/>',
    "square": '<rect x="-3.9" y="-3.9" width="7.8" height="7.8" rx="1"/>',
    "diamond": '<path d="M0-5.2 5.2 0 0 5.2-5.2 0Z"/>',
    "up": '<path d="M0-5 5 4-5 4Z"/>',
    "down": '<path d="M0 5 5-4-5-4Z"/>',
    "ring": '<circle r="3.6" class="hollow"/>',
}


def shapes():
    """The definitions that marks refer to; once a page."""
    return '<svg class="defs" aria-hidden="true"><defs>%s</defs></svg>' % "".join(
        '<g id="m-%s" class="s-%s">%s</g>' % (key, key, SHAPES[shape])
        for key, (_, _, _, shape) in SYSTEMS.items())


_LIGHT = {"paper": "#fbfbf9", "card": "#ffffff", "ink": "#1b1f27", "muted": "#5b6472", "faint": "#8a93a1",
          "line": "#e3e5e8", "grid": "#e9ebee", "good": "#1f7a45", "good-bg": "#e6f3ea", "bad": "#b02a37",
          "bad-bg": "#fae7e9", "open": "#8a5d00", "open-bg": "#f8efdb", "band": "#eef1f6"}
_DARK = {"paper": "#13161b", "card": "#1a1e25", "ink": "#e6e9ee", "muted": "#a3acb9", "faint": "#78818f",
         "line": "#2c323c", "grid": "#2a303a", "good": "#6fcf97", "good-bg": "#17301f", "bad": "#f28b95",
         "bad-bg": "#3a1d21", "open": "#e3b65a", "open-bg": "#33290f", "band": "#222833"}


def _variables(colours, which):
    out = ["--%s:%s" % kv for kv in colours.items()]
    out += ["--%s:%s" % (key, s[which]) for key, s in SYSTEMS.items()]
    return ";".join(out)


def css():
    systems = "".join(".s-%s{fill:var(--%s);stroke:var(--%s);color:var(--%s)}" % ((k,) * 4) for k in SYSTEMS)
    return (":root{color-scheme:light dark;%s}@media(prefers-color-scheme:dark){:root{%s}}%s%s"
            % (_variables(_LIGHT, 1), _variables(_DARK, 2), systems, _RULES))


_RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",
 Roboto,"Noto Sans","DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:break-word}
main{max-width:1060px;margin:0 auto;padding:40px 28px 64px}
h1{font-size:30px;line-height:1.2;letter-spacing:-.015em;margin:0 0 6px;font-weight:650}
h2{font-size:21px;line-height:1.25;letter-spacing:-.01em;margin:60px 0 4px;font-weight:650;
 scroll-margin-top:16px}
h3{font-size:15px;margin:26px 0 6px;font-weight:650}
p{margin:6px 0 12px;max-width:74ch}
a{color:var(--wend);text-decoration:none}a:hover{text-decoration:underline}
code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
code{background:var(--band);padding:1px 5px;border-radius:4px}
pre{background:var(--band);padding:12px 14px;border-radius:8px;white-space:pre-wrap;margin:8px 0 14px}
.lead{color:var(--muted);margin:0 0 18px}
.eyebrow{font-size:13px;font-weight:650;color:var(--wend);letter-spacing:.04em;margin:0 0 10px}
.meta{color:var(--muted);font-size:14px;margin:0}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;margin:22px 0 0;padding:12px 0 0;
 border-top:1px solid var(--line);
 font-size:14px}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px}
.cards{display:grid;gap:14px;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr))}
.tiles{display:grid;gap:14px;grid-template-columns:repeat(auto-fit,minmax(min(100%,155px),1fr));
 margin:24px 0 0}
.tile b{display:block;font-size:26px;line-height:1.2;font-weight:650;letter-spacing:-.015em}
.tile span{color:var(--muted);font-size:14px}
.chip{display:inline-block;font-size:12.5px;font-weight:650;padding:2px 9px;border-radius:99px;
 white-space:nowrap}
.good{color:var(--good);background:var(--good-bg)}.bad{color:var(--bad);background:var(--bad-bg)}
.open{color:var(--open);background:var(--open-bg)}.none{color:var(--muted);background:var(--band)}
.t-good{color:var(--good)}.t-bad{color:var(--bad)}.t-open{color:var(--open)}
.claim{margin:14px 0 0}.claim blockquote{margin:8px 0 6px;font-size:17px;line-height:1.45;font-weight:550}
.claim .head{display:flex;flex-wrap:wrap;gap:8px;align-items:center}
.claim .id{color:var(--faint);font-size:13px}
.claim p{margin:4px 0;color:var(--muted);font-size:15px;max-width:none}
details:not(.group)>summary{margin:8px 0 0 16px}details>summary{cursor:pointer;color:var(--muted);
 font-size:14px;margin:8px 0 0;list-style-position:outside}
details>summary:hover{color:var(--ink)}
ul.checks{margin:8px 0 0;padding:0;list-style:none;font-size:14px}
ul.checks li{padding:6px 0;border-top:1px solid var(--line);display:flex;flex-wrap:wrap;gap:4px 12px;
 align-items:baseline;justify-content:space-between}
ul.checks li>span:first-child{flex:1 1 300px}
dl.facts{display:grid;grid-template-columns:minmax(92px,auto) 1fr;gap:5px 16px;margin:0;font-size:14px}
dl.facts dt{color:var(--muted)}dl.facts dd{margin:0;min-width:0}
.split h3{margin-top:8px}.split{display:grid;gap:14px;grid-template-columns:minmax(0,1fr) minmax(0,1fr);
 align-items:start}
.topo{font-size:12px;line-height:1.35;color:var(--muted)}
.topo .box{border:1px solid var(--line);border-radius:6px;padding:6px 8px 8px;min-width:0;flex:1 1 110px;
 background:var(--card)}
.topo .box.deep{background:var(--band)}
.topo .row{display:flex;flex-wrap:wrap;gap:6px;margin-top:5px}
.topo .pu{border:1px solid var(--wend);color:var(--wend);border-radius:4px;padding:1px 7px;flex:0 0 auto;
 background:var(--card)}
ul.plain{margin:10px 0 0;padding-left:18px;font-size:14px;color:var(--muted)}ul.plain li{margin:3px 0}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13.5px;color:var(--muted);margin:10px 0 4px;
 padding:0}
.legend span{display:inline-flex;align-items:center;gap:6px}
.legend svg{width:12px;height:12px;overflow:visible}
.defs{position:absolute;width:0;height:0}
svg text{fill:var(--muted)}
.hollow{fill:var(--card);stroke-width:1.6}
.rung{display:grid;grid-template-columns:minmax(0,23%) minmax(0,1fr) 84px 84px minmax(92px,12%);gap:0 14px;
 align-items:center;
 padding:5px 0;border-top:1px solid var(--line);font-size:14px}
.rung.top{border-top:0;color:var(--muted);font-size:12.5px;padding:0 0 2px}
.rung.gate{grid-template-columns:minmax(0,23%) minmax(0,1fr) 170px 112px}
.rung .n{text-align:right;white-space:nowrap}.rung .co{font-weight:600}
.rung .th{color:var(--thread)}.rung .r{text-align:right;color:var(--muted);white-space:nowrap}
.rung .sub{color:var(--muted);padding-left:14px}
.under{grid-column:2/-1;color:var(--muted);font-size:12.5px;line-height:1.5;padding:0 0 3px}
.under i{font-style:normal;white-space:nowrap;margin-right:14px;display:inline-block;max-width:100%}
.under i.wrap{white-space:normal}
.strip{display:block;width:100%;height:22px;overflow:visible}
.strip .mean{stroke:var(--ink);stroke-width:2}.strip .g{stroke:var(--grid)}.strip .w{stroke-width:2;
 opacity:.45}.strip .one{stroke:var(--faint);stroke-dasharray:3 3}
.axis{display:block;width:100%;height:16px;overflow:visible;font-size:11.5px}
.group{margin:0}.group>summary{list-style-position:inside;font-size:15px;color:var(--ink);font-weight:600;
 padding:9px 0 8px;margin:0;border-top:1px solid var(--line)}
.group>summary small{font-weight:400;color:var(--muted);font-size:13.5px;margin-left:8px}
.group[open]>summary{border-bottom:0}
.plots{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(min(100%,310px),1fr));
 margin:14px 0 0}
figure{margin:0;min-width:0}figure.card{padding:14px 16px 10px;display:flex;flex-direction:column}
figcaption{font-size:14px;font-weight:600;margin:0 0 4px}figcaption small{display:block;font-weight:400;
 color:var(--muted);font-size:13px}
figure svg.plot{display:block;width:100%;max-width:420px;height:auto;margin:auto auto 0}
figure.bars svg.plot{margin-top:6px}
table{border-collapse:collapse;width:100%;font-size:14px;margin:10px 0 4px}
th{font-weight:500;color:var(--muted);text-align:left;font-size:13px}
th,td{padding:6px 12px 6px 0;border-top:1px solid var(--line);vertical-align:top}
thead th{border-top:0}td.n,th.n{text-align:right;white-space:nowrap}
.note{color:var(--muted);font-size:13.5px;max-width:none}
footer{margin:60px 0 0;padding:16px 0 0;border-top:1px solid var(--line);color:var(--muted);
 font-size:13.5px}
@media(max-width:800px){
 main{padding:24px 16px 48px}h1{font-size:25px}h2{margin-top:46px}
 .split{grid-template-columns:minmax(0,1fr)}
 .rung{grid-template-columns:minmax(0,1fr) auto auto;gap:0 12px;padding:8px 0}
 .rung .name{grid-column:1/2}.rung .strip,.rung .axis{grid-column:1/-1;grid-row:2}
 .rung .r{display:none}.rung .sub{padding-left:0}.under{grid-column:1/-1;grid-row:3}
 .rung.top .name{display:none}.rung.top .n{display:none}.rung.top .axis{grid-row:1}
 .rung.two{grid-template-columns:minmax(0,1fr) auto}.rung.gate{grid-template-columns:minmax(0,1fr) auto}
 .rung.gate .r{display:block;grid-column:2;grid-row:1}.rung.gate .n{grid-column:1/-1;grid-row:3;
  text-align:left;font-weight:400}
 .rung.gate .under{grid-row:4}
 .wide{display:none}
 table.stack thead{display:none}table.stack tr{display:flex;flex-wrap:wrap;gap:0 12px;
  justify-content:space-between;border-top:1px solid var(--line);padding:6px 0}
 table.stack td{border:0;padding:1px 0;white-space:normal;text-align:left}table.stack td:first-child{flex:1 0 100%;font-weight:550}
 td[data-h]::before{content:attr(data-h) " ";color:var(--muted)}
}
@media print{body{background:#fff}.card{break-inside:avoid}nav{display:none}}
"""
