//! How the page looks, by day and by night, on a screen and on a phone.

pub const STYLE: &str = "
:root { --ink: #1c2733; --soft: #5a6877; --paper: #ffffff; --card: #f5f7f9; --line: #d5dce3;
  --orchestrated: #2b6cb0; --choreographed: #c05621; --well: #276749; --ill: #c53030; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ee; --soft: #9aa8b6; --paper: #12171c;
  --card: #1b2229; --line: #34404b; --orchestrated: #63b3ed; --choreographed: #f6995c;
  --well: #68d391; --ill: #fc8181; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', sans-serif; }
main { max-width: 78rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; line-height: 1.2; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
small { color: var(--soft); font-weight: normal; }
.lead { max-width: 48rem; margin: 0 0 1rem; font-size: 1.05rem; }
.legend { color: var(--soft); margin: 0 0 1rem; }
.chip { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }
.chip.orchestrated { background: var(--orchestrated); }
.chip.choreographed { background: var(--choreographed); }
.verdict { margin: .25rem 0; padding: .5rem .75rem; background: var(--card);
  border-left: 4px solid var(--well); }
.verdict.ill { border-color: var(--ill); }
.breach { color: var(--ill); margin: .1rem 0 .1rem 1rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.figures th, .figures td { padding: .2rem .75rem .2rem 0; border-bottom: 1px solid var(--line); }
.figures th[scope=row] { font-weight: normal; text-align: left; }
.figures td, .figures th[scope=col] { text-align: right; padding-left: .75rem; }
.figures .part th { padding-left: 1.25rem; color: var(--soft); }
.figures .part td { color: var(--soft); }
.note { color: var(--soft); font-size: .9rem; max-width: 48rem; }
.setting th { text-align: left; font-weight: normal; color: var(--soft); padding-right: 1.5rem;
  vertical-align: top; white-space: nowrap; }
.plots { display: grid; gap: 1rem; margin-top: 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 23rem), 1fr)); }
figure { margin: 0; padding: .75rem; background: var(--card); border-radius: 6px; }
figcaption { font-weight: 600; font-size: .95rem; margin-bottom: .25rem; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: var(--ink); }
svg .soft { fill: var(--soft); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .axis { stroke: var(--soft); stroke-width: 1; }
svg .orchestrated { fill: var(--orchestrated); }
svg .choreographed { fill: var(--choreographed); }
svg polyline { fill: none !important; stroke-width: 2; }
svg polyline.orchestrated { stroke: var(--orchestrated); }
svg polyline.choreographed { stroke: var(--choreographed); }
svg line.orchestrated { stroke: var(--orchestrated); stroke-dasharray: 3 3; }
svg line.choreographed { stroke: var(--choreographed); stroke-dasharray: 3 3; }
.story { display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); }
.told { width: 100%; background: var(--card); font-size: .82rem; line-height: 1.4; }
.told caption { text-align: left; font-weight: 600; padding: .25rem .5rem;
  border-top: 3px solid var(--line); background: var(--card); }
.told.orchestrated caption { border-color: var(--orchestrated); }
.told.choreographed caption { border-color: var(--choreographed); }
.told th { text-align: left; font-weight: normal; color: var(--soft); }
.told th, .told td { padding: .08rem .5rem; overflow-wrap: anywhere; }
.told td:nth-child(-n+2), .told th:nth-child(-n+2) { text-align: right; color: var(--soft);
  white-space: nowrap; }
.told td:last-child { color: var(--soft); white-space: nowrap; }
@media (max-width: 30rem) { .told th, .told td { padding: .08rem .25rem; }
  .told { font-size: .74rem; } .figures { font-size: .85rem; }
  .figures th, .figures td { padding-left: .25rem !important; padding-right: .25rem; }
  .figures .part th { padding-left: 1rem !important; } }
";
