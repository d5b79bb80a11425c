"""The report as SVG: horizontal bars, a group for each case, each group on a scale of its own. Written by hand."""
from typing import List, Tuple
from xml.sax.saxutils import escape

from tests.bench.cases import CASES
from tests.bench.report import LABELS, Results

WIDTH, LEFT, RIGHT = 760, 210, 70
BAR, STEP, TITLE = 14, 20, 34
SHORT = {'ours': 'ours', 'cold': 'ours', 'whole': 'ours', 'shell': 'shell', 'cni': 'cni', 'cni-gone': 'cni', 'floor': 'floor'}

# Middle tones: they stand on white and on black, also in a viewer that does not know the reader's preference.
STYLE = '''
text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #6e7781 }
.title { font-weight: 600; font-size: 13px; fill: #57606a }
.value { font-variant-numeric: tabular-nums }
.ours { fill: #2f81f7 } .shell { fill: #d29922 } .cni { fill: #a371f7 } .floor { fill: #8b949e }
.stop { opacity: .55 }
line { stroke: #8b949e; stroke-opacity: .5 }
@media (prefers-color-scheme: dark) { text { fill: #b1bac4 } .title { fill: #e6edf3 } }
'''

Bar = Tuple[str, str, float, str]  # label, class, value, what is written behind it
Group = Tuple[str, List[Bar]]


def groups(results: Results) -> List[Group]:
    series = results.series
    found: List[Group] = []
    for case in CASES:
        for what in ('start', 'stop'):
            bars = []
            for kind in case.contenders:
                if not series.has(case.key, kind.key, what) or (kind.key == 'cni-gone' and what == 'start'):
                    continue
                value = series.wall(case.key, kind.key, what)
                label = LABELS[kind.key] if what == 'start' else LABELS[kind.key].replace('two ip', 'one ip')
                bars.append((label, SHORT[kind.key] + (' stop' if what == 'stop' else ''), value, '{:.1f}'.format(value)))
            if bars and not (case.key == 'cold' and what == 'stop'):
                found.append(('{}, {}: ms'.format(what.capitalize(), case.title), bars))
    counts = results.others()
    if counts:
        walls = [(count, series.wall('others', str(count), 'start')) for count in counts]
        found.append(('Start, 1 veth, 1 address, beside other containers: ms',
                      [('{} other{}'.format(count, 's' if count > 1 else ''), 'ours', wall, '{:.1f}'.format(wall)) for count, wall in walls]))
    if results.storms:
        labels = (('ours', 'vzhooks, warm'), ('whole', 'vzhooks with mount'), ('shell', 'shell script'))
        for number, unit in ((0, 'wall'), (1, 'CPU')):
            found.append(('Boot storm of {}: {} s'.format(results.storm_size, unit), [
                (label, SHORT[key], results.storm(key)[number], '{:.2f}'.format(results.storm(key)[number] / 1000))
                for key, label in labels]))
    return found


def svg(results: Results) -> str:
    body, y = [], 10
    for title, bars in groups(results):
        y += TITLE
        body.append('<text class="title" x="12" y="{}">{}</text>'.format(y - 10, escape(title)))
        longest = max(bar[2] for bar in bars)
        top = y
        for label, css, value, written in bars:
            length = (WIDTH - LEFT - RIGHT) * value / longest
            body.append('<text x="{}" y="{}" text-anchor="end">{}</text>'.format(LEFT - 8, y + 11, escape(label)))
            body.append('<rect class="{}" x="{}" y="{}" width="{:.1f}" height="{}" rx="2"/>'.format(css, LEFT, y, length, BAR))
            body.append('<text class="value" x="{:.1f}" y="{}">{}</text>'.format(LEFT + length + 6, y + 11, written))
            y += STEP
        body.append('<line x1="{0}" y1="{1}" x2="{0}" y2="{2}"/>'.format(LEFT, top - 3, y - 3))
    y += 24
    body.append('<text x="12" y="{}">Medians of {} rounds; shorter is better; each group has a scale of its own.</text>'
                .format(y - 6, results.rounds))
    return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" ' \
           'aria-label="What a start and a stop cost">\n<style>{2}</style>\n{3}\n</svg>\n'.format(
               WIDTH, y + 6, STYLE, '\n'.join(body))
