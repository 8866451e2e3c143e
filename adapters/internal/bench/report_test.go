package bench

import (
	"strings"
	"testing"
	"time"
)

// TestRatios checks what a row says of Cicerone beside another contender.
func TestRatios(t *testing.T) {
	of := func(n float64) *float64 { return &n }
	rows := []Row{
		{Contender: cicerone, Loop: "closed", PerSecond: 100, Server: of(30), DB: of(10)},
		{Contender: theFloor, Loop: "closed", PerSecond: 400, Server: of(12), DB: of(8)},
		{Contender: pgbench, Transport: "sql", Loop: "closed", PerSecond: 800, DB: of(8)},
		{Contender: theFloor, Loop: "open", PerSecond: 100, DB: of(8)},     // its server is not known
		{Contender: theFloor, Loop: "open", PerSecond: 100, Server: of(8)}, // nor is here its database
	}
	compare(rows)
	for i, want := range []struct{ throughput, cpu float64 }{{}, {0.25, 2}, {0.125, 5}, {}, {}} {
		got := rows[i]
		if (got.Ratio != nil) != (want.throughput > 0) || got.Ratio != nil && *got.Ratio != want.throughput {
			t.Errorf("row %d: the ratio is %s, want %v", i, figure(got.Ratio, 1), want.throughput)
		}
		if (got.CPURatio != nil) != (want.cpu > 0) || got.CPURatio != nil && *got.CPURatio != want.cpu {
			t.Errorf("row %d: the ratio of CPU times is %s, want %v", i, figure(got.CPURatio, 1), want.cpu)
		}
	}
}

// TestRow checks that a row has the medians of the rounds, and the CPU time of an operation in all
// of them.
func TestRow(t *testing.T) {
	one := &turn{contender: contender{name: cicerone}}
	for _, took := range []time.Duration{2 * time.Millisecond, 9 * time.Millisecond, 4 * time.Millisecond} {
		s := sample{latencies: []time.Duration{took}, took: took}
		one.samples, one.rates = append(one.samples, s), append(one.rates, s.perSecond())
		one.add(usage{server: took, database: unknown}, 5)
	}
	got := one.row(scenario{name: "send"}, 8, 0, "grpc")
	if got.PerSecond != 250 || *got.P50 != 4000 || *got.P99 != 4000 || got.Count != 15 || *got.Server != 1000 || got.DB != nil ||
		got.Transport != "grpc" {
		t.Errorf("got %+v", got)
	}
}

func TestPanel(t *testing.T) {
	rows := []Row{
		{Contender: cicerone, Clients: 1, PerSecond: 0.5}, {Contender: cicerone, Clients: 8, PerSecond: 23_400},
		{Contender: theFloor, Clients: 8, PerSecond: 1},
	}
	p := newPanel("send", rows)
	if n := len(p.YTicks); n < 3 || n > 7 || p.YTicks[0].Text != "0" || p.YTicks[n-1].Text != "25k" || p.YTicks[n-1].At != top {
		t.Errorf("the axis has %v", p.YTicks)
	}
	if len(p.XTicks) != 2 || p.XTicks[0].At != left || p.XTicks[1].At != panelWide-right {
		t.Errorf("the axis has %v", p.XTicks)
	}
	ours := p.Lines[0]
	if len(ours.Dots) != 2 || strings.Count(ours.Path, " ") != 1 || ours.Dots[1][1] < top || ours.Dots[1][1] > ours.Dots[0][1] {
		t.Errorf("the line is %v", ours)
	}
	if one := newPanel("send", rows[:1]); one.XTicks[0].At <= left || len(one.YTicks) < 3 {
		t.Errorf("the panel of one number of clients is %+v", one)
	}
}

func TestFigures(t *testing.T) {
	for n, want := range map[float64]string{0: "–", 0.1234: "0.12", 9.994: "9.99", 12.34: "12.3", 1234.4: "1234"} {
		if got := figure(&n, 1); got != want {
			t.Errorf("%v is %q, want %q", n, got, want)
		}
	}
	if got := figure(nil, 1); got != "–" {
		t.Errorf("an unknown figure is %q", got)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("the median is %v", got)
	}
}
