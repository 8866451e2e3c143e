package bench

import (
	_ "embed" // the template of the plot
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/template"
)

//go:embed plot.svg.tmpl
var plotText string

// The measures of the plot, in pixels.
const (
	columns                  = 3
	panelWide, panelHigh     = 300, 220
	left, right, top, bottom = 52, 14, 30, 34 // around the axes of a panel
	heading                  = 64             // above the panels
)

// colors are those of the contenders, which people with any sight of colours can tell apart.
var colors = []struct{ Contender, Color string }{
	{cicerone, "#0072b2"}, {theFloor, "#d55e00"}, {bareFloor, "#e69f00"}, {pgbench, "#555555"},
}

// panel is the plot of one scenario: throughput against clients.
type panel struct {
	X, Y   int
	Title  string
	Lines  []line
	XTicks []mark
	YTicks []mark
}

type line struct {
	Color string
	Path  string // of an SVG polyline
	Dots  [][2]float64
}

type mark struct {
	At   float64
	Text string
}

// plot writes the closed loops as SVG.
func (r Report) plot(out io.Writer) error {
	var panels []panel
	for _, s := range scenarios {
		rows := slices.DeleteFunc(slices.Clone(r.Rows), func(row Row) bool {
			return row.Scenario != s.name || row.Loop != "closed"
		})
		if len(rows) > 0 {
			at := len(panels)
			p := newPanel(s.title, rows)
			p.X, p.Y = at%columns*panelWide, heading+at/columns*panelHigh
			panels = append(panels, p)
		}
	}
	legend := slices.Clone(colors)
	legend = slices.DeleteFunc(legend, func(c struct{ Contender, Color string }) bool {
		return !slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Contender == c.Contender })
	})
	rows := (len(panels) + columns - 1) / columns
	return template.Must(template.New("plot").Parse(plotText)).Execute(out, map[string]any{
		"Wide": columns * panelWide, "High": heading + rows*panelHigh, "PanelWide": panelWide, "PanelHigh": panelHigh,
		"Left": left, "Right": panelWide - right, "Top": top, "Bottom": panelHigh - bottom, "Panels": panels, "Legend": legend,
		"Title": fmt.Sprintf("Operations per second against clients: %s over %s, %d people, %d messages",
			r.Store, r.Transport, r.Size.People, r.Size.Messages),
	})
}

// newPanel plots rows of one scenario. The clients are on a logarithmic scale, the rate on a linear
// one that begins at 0.
func newPanel(title string, rows []Row) panel {
	p := panel{Title: title}
	least, most, peak := math.MaxInt, 0, 0.0
	for _, row := range rows {
		least, most, peak = min(least, row.Clients), max(most, row.Clients), max(peak, row.PerSecond)
	}
	x := func(clients int) float64 {
		if least == most {
			return (left + panelWide - right) / 2
		}
		return left + (panelWide-left-right)*math.Log(float64(clients)/float64(least))/math.Log(float64(most)/float64(least))
	}
	step := niceStep(peak)
	limit := math.Ceil(peak/step) * step
	y := func(rate float64) float64 { return panelHigh - bottom - (panelHigh-top-bottom)*rate/limit }
	for rate := 0.0; rate <= limit+step/2; rate += step {
		p.YTicks = append(p.YTicks, mark{y(rate), short(rate)})
	}
	for _, c := range colors {
		l := line{Color: c.Color}
		var points []string
		for _, row := range rows {
			if row.Contender == c.Contender {
				l.Dots = append(l.Dots, [2]float64{x(row.Clients), y(row.PerSecond)})
				points = append(points, fmt.Sprintf("%.1f,%.1f", x(row.Clients), y(row.PerSecond)))
			}
			if row.Contender == c.Contender && c.Contender == cicerone {
				p.XTicks = append(p.XTicks, mark{x(row.Clients), fmt.Sprint(row.Clients)})
			}
		}
		l.Path = strings.Join(points, " ")
		p.Lines = append(p.Lines, l)
	}
	return p
}

// niceStep returns a round number that divides an axis up to peak into three to six parts.
func niceStep(peak float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(peak/3)))
	for _, m := range []float64{1, 2, 5} {
		if peak/(m*power) <= 6 {
			return m * power
		}
	}
	return 10 * power
}

// short returns a rate as an axis has it.
func short(rate float64) string {
	if rate >= 10_000 {
		return fmt.Sprintf("%gk", rate/1000)
	}
	return fmt.Sprintf("%g", math.Round(rate*1000)/1000)
}
